"""The colours of runs: the style sheet has some, and they begin anew behind the last; baselines share one."""

from __future__ import annotations

from refsr.report.html import Html, tag

COLOURS = 6
"""As many as `assets/style.css` has."""


def colour(series: int | None) -> str:
    """The class of everything that is drawn of run number `series`, or of a baseline."""
    return "base" if series is None else f"s{series % COLOURS}"


def swatch(series: int | None) -> Html:
    """A patch of the colour, to stand before a name."""
    return tag("span", class_=f"swatch {colour(series)}", aria_hidden="true")
