"""Network sections against the constructors of the networks that they name."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from refsr.core.options.section import fields_of
from refsr.core.registry import resolve


def keyword_schema(name: str) -> type[BaseModel]:
    """The typed keywords of the network `name`, which is imported for that, as a schema."""
    constructor = resolve("network", name)
    function = constructor.__init__ if inspect.isclass(constructor) else constructor
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = inspect.signature(constructor).parameters.values()
    fields: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            default = ... if parameter.default is parameter.empty else parameter.default
            # Under an alias, since a keyword may be called like a method of the schema's class.
            field = Field(default, alias=parameter.name)
            fields[f"keyword_{len(fields)}"] = (hints.get(parameter.name, Any), field)
    configuration = ConfigDict(
        extra="allow" if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters) else "forbid",
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        allow_inf_nan=False,
    )
    return create_model(name, __config__=configuration, **fields)


def check_keywords(schema: type[BaseModel], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[ErrorDetails]]:
    """The keywords as the constructor gets them, plain defaults filled in; and what is wrong with them."""
    try:
        made = schema.model_validate_json(json.dumps(dict(given)), strict=True)
    except ValidationError as error:
        return dict(given), error.errors(include_url=False)
    values = dict(zip(fields_of(schema), (getattr(made, name) for name in schema.model_fields), strict=True))
    plain = {name: value for name, value in values.items() if name in given or _is_plain(value)}
    return {**plain, **(made.model_extra or {})}, []


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    return value is None or isinstance(value, (bool, int, float, str))
