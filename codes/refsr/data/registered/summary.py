"""How the references of a set were registered, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any


def summary(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """By image, the record of each of its references -> how many were accepted, and by how much they were moved."""
    found = [one for of_image in records.values() for one in of_image]
    accepted = [one for one in found if one["accepted"]]
    left = sum(bool(one["as_it_lies"]) for one in accepted)
    images = f" of {len(records)} images" if len(found) != len(records) else ""
    line = f"registered: {len(accepted)} of {len(found)} references{images}"
    line += f", {left} left as they lie" if left else ""
    if not accepted:
        return line
    shift, turn, residual, likeness, matched = (
        median(abs(one[name]) for one in accepted) for name in ("shift", "turn", "residual", "likeness", "matched")
    )
    scales = [one["scale"] for one in accepted]
    return (
        f"{line}; of these in the median shifted by {shift:.1f} px, turned by {turn:.1f} degrees, "
        f"scaled by {min(scales):.2f} to {max(scales):.2f}, local displacement {residual:.1f} px, "
        f"likeness {likeness:.2f}, {100 * (1 - matched):.0f} % of the ground without a match"
    )


def refused(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """The images none of whose references is used."""
    return [image for image, found in records.items() if not any(one["accepted"] for one in found)]
