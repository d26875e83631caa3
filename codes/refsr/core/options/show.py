"""Resolved options as YAML: every key with its value, and the default beside those that differ from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from refsr.core.options.network import NetworkOptions
from refsr.core.options.scalars import read_word
from refsr.core.options.schema import Options
from refsr.core.options.section import fields_of

_WORD = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")


def plain(options: BaseModel) -> dict[str, Any]:
    """The options as dicts, lists and plain values, as JSON holds them; keys without effect are left out."""
    return options.model_dump(mode="json", by_alias=True)


def show(options: Options) -> str:
    """The options as YAML that loads to the same options."""
    return "".join(f"{line}\n" for line in _section(options, plain(options), 0))


def _section(model: BaseModel, data: Mapping[str, Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    known = fields_of(type(model))
    names = dict(zip(known, type(model).model_fields, strict=True))
    for key, value in data.items():
        field = known.get(key)
        inner = getattr(model, names.get(key, key), None) if field is not None else None
        if isinstance(inner, BaseModel):
            yield f"{pad}{write_scalar(key)}:"
            yield from _section(inner, value, depth + 1)
        elif field is not None and isinstance(inner, dict):
            yield f"{pad}{write_scalar(key)}:{'' if inner else ' {}'}"
            for name, member in inner.items():
                yield f"{pad}  {write_scalar(name)}:"
                yield from _section(member, value[name], depth + 2)
        else:
            yield f"{pad}{write_scalar(key)}: {write_value(value)}{_mark(model, field, inner)}"


def _mark(model: BaseModel, field: FieldInfo | None, value: Any) -> str:
    if field is None or field.is_required() or isinstance(model, NetworkOptions):
        return ""
    default = field.get_default(call_default_factory=True)
    if value == default:
        return ""
    return f"  # default {write_value(_jsonable(default))}"


def _jsonable(default: Any) -> Any:
    return default if default is None or isinstance(default, (bool, int, float, str, list)) else str(default)


def write_value(value: Any) -> str:
    """A value in YAML's one-line form."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(write_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{write_scalar(str(key))}: {write_value(inner)}' for key, inner in value.items())}}}"
    return write_scalar(value)


def write_scalar(value: Any) -> str:
    """One word of YAML that reads back as this value, whatever reads it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value)
    if _WORD.fullmatch(text) and read_word(text) == (text, None):
        return text
    written: str = yaml.safe_dump(text, default_style='"', width=10**9, allow_unicode=True)
    return written.rstrip("\n")
