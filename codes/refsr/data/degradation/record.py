"""Steps as plain data for a JSON file, and back, with everything checked that a person may have written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from refsr.core.errors import DataError, suggestion
from refsr.data.degradation.steps import KINDS, Step

WRITTEN_AS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


def to_record(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps as plain numbers and words for a JSON file."""
    return [{"step": step.kind, **dataclasses.asdict(step)} for step in steps]


def from_record(record: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The steps that a record holds."""
    return tuple(_read(number, dict(entry)) for number, entry in enumerate(record, 1))


def _read(number: int, entry: dict[str, Any]) -> Step:
    kind = entry.pop("step", None)
    if kind not in KINDS:
        raise DataError(f"step {number} of the record: kind {kind!r} is not known{suggestion(str(kind), KINDS)}")
    fields = {field.name: field for field in dataclasses.fields(KINDS[kind])}
    for name, value in entry.items():
        if name not in fields:
            raise DataError(f"step {number} ({kind}): {name!r} is not known{suggestion(name, fields)}")
        wanted = WRITTEN_AS[str(fields[name].type)]
        if not isinstance(value, wanted) or (isinstance(value, bool) and fields[name].type != "bool"):
            raise DataError(f"step {number} ({kind}): {name} is {value!r}, expected {fields[name].type}")
        if isinstance(value, float) and not math.isfinite(value):
            raise DataError(f"step {number} ({kind}): {name} is {value!r}, expected a finite number")
    lacking = [name for name, field in fields.items() if field.default is dataclasses.MISSING and name not in entry]
    if lacking:
        raise DataError(f"step {number} ({kind}): lacks {', '.join(lacking)}")
    return KINDS[kind](**entry)
