"""Network sections against the constructors of the networks that they name."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from refsr.core.registry import resolve


@dataclass(frozen=True)
class Keywords:
    """The keywords of one constructor as a schema."""

    schema: type[BaseModel]

    def __contains__(self, name: str) -> bool:
        return any(field.alias == name for field in self.schema.model_fields.values())

    def check(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], list[ErrorDetails]]:
        """The parameters as the constructor gets them, defaults filled in, or what is wrong with them."""
        try:
            made = self.schema.model_validate_json(json.dumps(dict(parameters)), strict=True)
        except ValidationError as error:
            return dict(parameters), error.errors(include_url=False)
        values = {str(field.alias): getattr(made, name) for name, field in self.schema.model_fields.items()}
        given = {name: value for name, value in values.items() if name in parameters or _plain(value)}
        return {**given, **(made.model_extra or {})}, []


def keywords(name: str) -> Keywords:
    """The typed keywords of the network `name`, which is imported for that."""
    constructor = resolve("network", name)
    hints = typing.get_type_hints(_function(constructor), include_extras=True)
    fields: dict[str, Any] = {}
    takes_others = False
    for parameter in inspect.signature(constructor).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_others = True
        elif parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            default = ... if parameter.default is parameter.empty else parameter.default
            # Under an alias, since a keyword may be called like a method of the schema's class.
            field = Field(default, alias=parameter.name)
            fields[f"keyword_{len(fields)}"] = (hints.get(parameter.name, Any), field)
    configuration = ConfigDict(
        extra="allow" if takes_others else "forbid",
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        allow_inf_nan=False,
    )
    return Keywords(create_model(name, __config__=configuration, **fields))


def _function(constructor: Any) -> Callable[..., Any]:
    function: Callable[..., Any] = constructor.__init__ if inspect.isclass(constructor) else constructor
    return function


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
