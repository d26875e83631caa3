"""What all sections of an option file share: no unknown key, and a line of description for every known one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """One mapping of an option file; its attributes are spelt as the published keys are."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


def fields_of(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a section as they stand in a file."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


Ignored = Annotated[Any, AfterValidator(lambda value: None)]
"""The type of a published key that does nothing: whatever stands there reads as None."""

NO_EFFECT = "no_effect"


def without_effect(reason: str) -> Any:
    """The field of a published key that is accepted, named in a notice and left out of the resolved options."""
    return Field(default=None, exclude=True, description=reason, json_schema_extra={NO_EFFECT: True})
