"""The section `sampling` alone, from `key=value` overrides or a mapping, where there is no file around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from refsr.core.errors import UsageError, suggestion
from refsr.core.options.sampling import SamplingOptions


def sampling_values(overrides: Sequence[str]) -> dict[str, Any]:
    """Overrides such as steps=12 as keys and values; a UsageError for the first that is not of that form."""
    values: dict[str, Any] = {}
    for word in overrides:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"sampling {word!r} is not of the form key=value, such as steps=12")
        try:
            values[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"sampling {word!r}: {value!r} is no value") from None
    return values


def sampling_with(start: SamplingOptions, values: Mapping[str, Any]) -> SamplingOptions:
    """`start` with values such as {"steps": 12} put over it; a UsageError for the first one that is wrong."""
    for key in values:
        if key not in SamplingOptions.model_fields:
            known = SamplingOptions.model_fields
            raise UsageError(f"sampling has no key {key!r}{suggestion(str(key), known)} (known: {', '.join(known)})")
    try:
        return SamplingOptions.model_validate(start.model_dump(exclude_unset=True) | dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"sampling {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
