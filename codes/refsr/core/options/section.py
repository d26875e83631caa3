"""What all sections of an option file share: no unknown key, and a line of description for every known one."""

from __future__ import annotations

import functools
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from refsr.core.options.problems import KeyPath


class Section(BaseModel):
    """One mapping of an option file; its attributes are spelt as the published keys are."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


def fields_of(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a section as they stand in a file."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


@functools.cache
def keys_of(section: type[BaseModel]) -> dict[KeyPath, FieldInfo]:
    """Every key of a section and of those inside it, by its path; * stands for names, such as a data set's."""
    found: dict[KeyPath, FieldInfo] = {}
    for key, field in fields_of(section).items():
        found[key,] = field
        named = ("*",) if typing.get_origin(field.annotation) is dict else ()
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found |= {(key, *named, *path): below for path, below in keys_of(part).items()}
    return found


def pattern(path: KeyPath, keys: Mapping[KeyPath, FieldInfo]) -> KeyPath:
    """A path with * where `keys` of `keys_of` have it."""
    starred = {known[0] for known in keys if known[1:2] == ("*",)}
    return (path[0], "*", *path[2:]) if len(path) > 1 and path[0] in starred else path


Ignored = Annotated[Any, AfterValidator(lambda value: None)]
"""The type of a published key that does nothing: whatever stands there reads as None."""

_NO_EFFECT = "no_effect"


def without_effect(reason: str) -> Any:
    """The field of a published key that is accepted, named in a notice and left out of the resolved options."""
    return Field(default=None, exclude=True, description=reason, json_schema_extra={_NO_EFFECT: True})


def has_no_effect(field: FieldInfo) -> bool:
    """Whether a key is one of those that do nothing."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get(_NO_EFFECT))
