"""The schema for other programs and for people: JSON schema, and the page docs/options.md."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from refsr.core.options.bench import BenchOptions
from refsr.core.options.schema import Options
from refsr.core.options.section import fields_of, has_no_effect
from refsr.core.options.show import write_value

_INTRODUCTION = """\
# Options

An option file is YAML in the shape below; the published `RRSNet.yml`, `RRSGAN.yml` and `RGTGAN.yml` are valid input.
This page is generated: `refsr options schema --markdown > docs/options.md`.

- Relative paths start at the folder from which the command is run, as in the published scripts, not at the file.
- `key=value` overrides on a command line win over the file: `train.lr_G=1e-4 datasets.train.GT_size=64 gpu_ids=[0]`.
  The value is YAML; text that looks like a number is quoted twice for the shell, `name='"7"'`.
- Numbers are decimal: `300000`, `300_000`, `1e-4`. Truth values are `true` and `false`; `yes`, `on` and the like are
  not. An empty value, `~` and `null` mean none.
- Anchors (`&name`), aliases (`*name`) and merge keys (`<<: *name`) work. Tags do not, but for `!!float`, `!!int`,
  `!!str` and the other plain ones.
- Every unknown key is an error, except the keys listed here as without effect: they give a notice.
- `refsr options check FILE` reports every mistake with its line; `--fix` repairs what has one clear repair.
  `refsr options show FILE` prints what a run would use.
- A run whose name contains `debug` validates and saves every 8 iterations, prints each one and writes no curves;
  overrides still win.
"""


def json_schema() -> dict[str, Any]:
    """JSON schema of an option file, for editors."""
    return _titled(Options, "refsr options")


def bench_schema() -> dict[str, Any]:
    """JSON schema of a bench file."""
    return _titled(BenchOptions, "refsr bench")


def _titled(section: type[BaseModel], title: str) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **section.model_json_schema(), "title": title}


def markdown() -> str:
    """The page about all keys."""
    return "\n".join([_INTRODUCTION, *_tables(Options, "Top level", "")]) + "\n"


def _tables(section: type[BaseModel], title: str, prefix: str) -> Iterator[str]:
    yield f"## {title}\n"
    if prefix:
        yield f"{_summary(section)}\n"
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    inner: list[tuple[type[BaseModel], str]] = []
    idle = []
    for name, field in fields_of(section).items():
        if has_no_effect(field):
            idle.append(f"- `{name}`: {field.description}")
            continue
        below = _below(field.annotation, f"{prefix}{name}")
        if below is not None:
            inner.append(below)
        yield f"| `{name}` | {_values(field)} | {_default(field, below)} | {_cell(field.description or '')} |"
    yield ""
    if idle:
        yield "Accepted without effect:\n"
        yield from [*idle, ""]
    for below_section, path in inner:
        yield from _tables(below_section, f"`{path}`", f"{path}.")


def _below(annotation: Any, path: str) -> tuple[type[BaseModel], str] | None:
    """The section inside a field, if it has one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, path
    if typing.get_origin(annotation) is dict:
        return _below(typing.get_args(annotation)[1], f"{path}.NAME")
    return next((found for part in typing.get_args(annotation) if (found := _below(part, path))), None)


def _summary(section: type[BaseModel]) -> str:
    return " ".join((section.__doc__ or "").split())


def _values(field: FieldInfo) -> str:
    words = _type(field.annotation)
    bounds = []
    for rule in field.metadata:
        for key, sign in (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below")):
            bound = getattr(rule, key, None)
            if bound is not None:
                bounds.append(f"{sign} {bound}")
    return _cell(", ".join([words, *bounds]))


def _type(annotation: Any) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(inner[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        return " or ".join("none" if part is types.NoneType else _type(part) for part in inner)
    if origin is list:
        plural = {int: "whole numbers", float: "numbers", str: "text", Path: "paths"}
        if typing.get_origin(pair := _bare(inner[0])) is list:
            return f"list of pairs of {plural[_bare(typing.get_args(pair)[0])]}"
        if typing.get_origin(inner[0]) is Literal:
            return f"list of {_type(inner[0])}"
        return f"list of {plural.get(_bare(inner[0]), 'values')}"
    names = {int: "whole number", float: "number", bool: "`true`, `false`", str: "text"}
    return names.get(annotation, "section" if _below(annotation, "") else "path")


def _bare(annotation: Any) -> Any:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation


def _default(field: FieldInfo, below: object) -> str:
    if field.is_required():
        return "needed"
    default = field.get_default(call_default_factory=True)
    if default is None:
        return "none"
    return "" if below is not None else f"`{write_value(default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
