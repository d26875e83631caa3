"""The colours of runs, which repeat after the last of the style sheet; baselines share one."""

from __future__ import annotations

from refsr.report.html import Html, tag

COLOURS = 6
"""Number of colours in `assets/style.css`."""


def colour(series: int | None) -> str:
    """CSS class of run number `series`, or of a baseline (None)."""
    return "base" if series is None else f"s{series % COLOURS}"


def swatch(series: int | None) -> Html:
    """A patch of the colour, shown before a name."""
    return tag("span", class_=f"swatch {colour(series)}", aria_hidden="true")
