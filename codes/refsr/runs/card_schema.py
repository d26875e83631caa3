"""What the header of a model file must say, as a schema: a missing or wrong entry is one line with its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ConfigDict, Field, Json, ValidationError

from refsr.core.errors import DataError
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.sampling import SamplingOptions
from refsr.core.options.section import Section
from refsr.data.masks import Encoding, MaskSource

Checked = TypeVar("Checked", bound=Section)


class CardMasks(Section):
    """How change masks became numbers."""

    encoding: Encoding = "grey"
    values: list[int] | None = None
    source: MaskSource | None = "file"


class CardHeader(Section):
    """The texts of a header; some of them are JSON."""

    model_config = ConfigDict(extra="ignore")

    network: str
    keywords: Json[dict[str, Any]]
    model: str
    origin: Json[dict[str, Any]]
    sampling: Json[dict[str, Any]] = Field(default_factory=dict)
    masks: Json[dict[str, Any]] = Field(default_factory=dict)
    cubes: Json[dict[str, Any]] = Field(default_factory=dict)
    sources: Json[dict[str, str]] = Field(default_factory=dict)


SECTIONS: Mapping[str, tuple[type[Section], Mapping[str, Any]]] = {
    "sampling": (SamplingOptions, {}),
    "masks": (CardMasks, {}),
    "cubes": (DatasetOptions, {"mode": "hyperspectral"}),
}
"""What entries are, and what they leave unsaid."""


def check_header(header: Mapping[str, str], path: object) -> CardHeader:
    """The header's entries; a DataError names the file and the first entry that is wrong."""
    found = _validated(CardHeader, header, path, "")
    for name, (schema, more) in SECTIONS.items():
        _validated(schema, {**more, **getattr(found, name)}, path, f"{name}.")
    return found


def _validated(schema: type[Checked], content: Mapping[str, Any], path: object, above: str) -> Checked:
    try:
        return schema.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = above + ".".join(map(str, first["loc"]))
        reason = first["msg"][:1].lower() + first["msg"][1:]
        raise DataError(f"{path}: its header is wrong at {key}: {reason}") from error
