"""How the references of a data set were registered: a line for each reference, refused ones first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from refsr.evaluation.registrations import KEY
from refsr.report.comparison import Comparison
from refsr.report.html import Html, tag

HEADS = (
    ("shift", "Shift (px)", ".1f"),
    ("turn", "Turn (degrees)", ".2f"),
    ("scale", "Scale", ".3f"),
    ("residual", "Local displacement (px)", ".1f"),
    ("likeness_before", "Likeness before", ".2f"),
    ("likeness", "Likeness", ".2f"),
    ("matched", "Ground with a match (%)", ".0f"),
)


def registrations_block(comparison: Comparison) -> Html | None:
    """The tables of all runs whose references were registered; None if there are none."""
    tables: dict[Html, str] = {}
    for label, entry in comparison.sources:
        found = entry.results.about.get(KEY)
        if isinstance(found, Mapping) and isinstance(found.get("images"), Mapping) and found["images"]:
            # Runs that were evaluated alike share a table.
            tables.setdefault(_table(found), label)
    heads = len(comparison.sources) > 1
    parts = [[tag("h4", label) if heads else None, table] for table, label in tables.items()]
    return tag("div", *parts) if parts else None


def _table(found: Mapping[str, Any]) -> Html:
    rows = [(image, number, one) for image, records in found["images"].items() for number, one in enumerate(records, 1)]
    rows.sort(key=lambda row: (bool(row[2].get("accepted")), float(row[2].get("likeness", 0))))
    heads = ["Image", "Reference", "Verdict", *(head for _, head, _ in HEADS)]
    body = [
        tag(
            "tr",
            tag("th", image, scope="row"),
            tag("td", number),
            tag("td", _verdict(one)),
            *(tag("td", _figure(one, name, digits)) for name, _, digits in HEADS),
        )
        for image, number, one in rows
    ]
    return tag(
        "div",
        tag("p", f"{found.get('summary', '')} (register: {found.get('mode', '')})"),
        tag(
            "table",
            tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads))),
            tag("tbody", *body),
            class_="images",
        ),
        class_="scroll tall", tabindex="0", role="region", aria_label="Registration of each reference",
    )  # fmt: skip


def _verdict(one: Mapping[str, Any]) -> str:
    if one.get("accepted"):
        return "left as it lies" if one.get("as_it_lies") else "used"
    return f"refused: {'; '.join(map(str, one.get('reasons', [])))}"


MOVED = ("shift", "turn", "scale", "residual")
"""Of a refused reference there is no transform."""


def _figure(one: Mapping[str, Any], name: str, digits: str) -> str:
    value = one.get(name)
    if not isinstance(value, int | float) or (name in MOVED and not one.get("accepted")):
        return ""
    return format(100 * value if name == "matched" else value, digits)
