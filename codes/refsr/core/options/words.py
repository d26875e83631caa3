"""`key=value` words for one section alone, where there is no file around it."""

from __future__ import annotations

from collections.abc import Sequence

import yaml
from pydantic import ValidationError

from refsr.core.errors import UsageError, suggestion
from refsr.core.options.sampling import SamplingOptions


def sampling_of(words: Sequence[str], start: SamplingOptions) -> SamplingOptions:
    """`start` with words such as steps=12 put over it; a UsageError for the first one that is wrong."""
    values = start.model_dump(exclude_unset=True)
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"sampling {word!r} is not of the form key=value, such as steps=12")
        if key not in SamplingOptions.model_fields:
            known = SamplingOptions.model_fields
            raise UsageError(f"sampling has no key {key!r}{suggestion(key, known)} (known: {', '.join(known)})")
        try:
            values[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"sampling {word!r}: {value!r} is no value") from None
    try:
        return SamplingOptions.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"sampling {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
