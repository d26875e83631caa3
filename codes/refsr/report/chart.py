"""Line charts as inline SVG, with the data of their tooltips."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from refsr.report.axis import ChartAxis, spanning, wants_logarithm
from refsr.report.colours import colour
from refsr.report.html import Html, data, join, tag
from refsr.report.numbers import compact

WIDTH, HEIGHT = 460, 250
LEFT, RIGHT, TOP, BOTTOM = 56, 446, 10, 214
MOST_POINTS = 360
DOTS_UP_TO = 40
"""Lines with at most this many points show each as a dot."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One line: `series` picks the colour (None for baselines), `dash` the pattern of several lines of one run."""

    name: str
    points: Sequence[Point]
    series: int | None = 0
    dash: int = 0

    @property
    def colour(self) -> str:
        return colour(self.series)


@dataclass(frozen=True)
class ChartStyle:
    """How a chart draws its values."""

    smooth: bool = False
    """Draw a running mean over noisy values."""
    log_from: float | None = None
    """Ratio of the largest value to the median from which the axis is logarithmic."""
    include: float | None = None
    """A value that must be on the axis."""
    across: str = "iteration"
    """Name of the horizontal axis."""
    span: tuple[float, float] | None = None
    """Lowest and highest value of the vertical axis, if several charts share it."""


def line_chart(title: str, about: str, lines: Sequence[Line], shape: ChartStyle, unit: str = "") -> Html | None:
    """A figure with heading, chart and legend; None if there is nothing to draw."""
    drawn = [Line(one.name, sorted(one.points), one.series, one.dash) for one in lines if one.points]
    if not drawn:
        return None
    values = [value for one in drawn for _, value in one.points]
    steps = [step for one in drawn for step, _ in one.points]
    logarithmic = shape.log_from is not None and wants_logarithm(values, shape.log_from)
    across = spanning(steps, LEFT, RIGHT, padding=0.0, whole=all(step == round(step) for step in steps))
    up = spanning(
        shape.span or values, BOTTOM, TOP, include=None if logarithmic else shape.include, logarithmic=logarithmic
    )
    marks, readings = [], []
    for one in drawn:
        mark, reading = _line(one, across, up, shape.smooth)
        marks.append(mark)
        readings.append({"name": one.name, "series": one.colour, "points": reading})
    label = f"{title}: " + "; ".join(
        f"{one.name} from {compact(one.points[0][1])} to {compact(one.points[-1][1])}" for one in drawn
    )
    svg = tag(
        "svg", _grid(across, up, shape.across), *marks, tag("g", class_="cursor"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="chart", role="img", tabindex="0", aria_label=label,
        data_lines=data(readings), data_unit=unit, data_across=shape.across.capitalize(),
        data_top=TOP, data_bottom=BOTTOM,
    )  # fmt: skip
    scale = "logarithmic axis" if logarithmic else ""
    means = (
        "running mean over the logged values" if shape.smooth and max(len(one.points) for one in drawn) >= 30 else ""
    )
    words = "; ".join(word for word in (about, means, scale) if word)
    return tag(
        "figure",
        tag("figcaption", tag("h4", title), tag("p", words) if words else None),
        tag("div", svg, class_="plot"),
        legend([(one.name, one.series, one.dash) for one in drawn]) if len(drawn) > 1 else None,
        class_="chart-figure",
    )


def legend(entries: Sequence[tuple[str, int | None, int]]) -> Html:
    """Names with samples of their lines."""
    items = [
        tag(
            "li",
            tag("svg", tag("path", d="M1 5H21", class_=f"line {colour(series)} d{dash % 4}"), viewBox="0 0 22 10",
                aria_hidden="true"),
            name,
        )
        for name, series, dash in entries
    ]  # fmt: skip
    return tag("ul", *items, class_="legend")


def _grid(across: ChartAxis, up: ChartAxis, label: str) -> Html:
    rows = [
        tag("g", tag("path", d=f"M{LEFT} {y:.1f}H{RIGHT}"),
            tag("text", compact(value), x=LEFT - 8, y=f"{y:.1f}", dy="0.35em", text_anchor="end"))
        for value in up.ticks(5) for y in (up.place(value),)
    ]  # fmt: skip
    columns = [
        tag("text", compact(value), x=f"{across.place(value):.1f}", y=BOTTOM + 18, text_anchor="middle")
        for value in across.ticks(4)
    ]
    axis = tag("path", d=f"M{LEFT} {BOTTOM}H{RIGHT}", class_="base")
    name = tag("text", label, x=RIGHT, y=BOTTOM + 33, text_anchor="end", class_="axis-name")
    return tag("g", *rows, *columns, axis, name, class_="grid", aria_hidden="true")


def _line(line: Line, across: ChartAxis, up: ChartAxis, smooth: bool) -> tuple[Html, list[list[float]]]:
    """The marks of one line, and its points as [step, value, x, y] for the tooltip."""
    steps, means, lows, highs = thinned(line.points)
    smoothed = running_mean(means) if smooth else means
    places = [(across.place(step), up.place(value)) for step, value in zip(steps, smoothed, strict=True)]
    kind = f"line {line.colour} d{line.dash % 4}"
    marks = []
    if smooth and smoothed != means:
        edges = [
            (across.place(step), up.place(edge))
            for step, low, high in zip(steps, lows, highs, strict=True)
            for edge in dict.fromkeys((low, high))
        ]
        marks.append(tag("path", d=_path(edges), class_=f"{kind} faint"))
    marks.append(tag("path", d=_path(places), class_=kind))
    # A path of one point is drawn as nothing.
    if len(places) == 1 or (len(places) <= DOTS_UP_TO and not smooth):
        marks += [tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.6", class_=line.colour) for x, y in places]
    readings = [
        [float(f"{step:.6g}"), float(f"{value:.6g}"), round(x, 1), round(y, 1)]
        for step, value, (x, y) in zip(steps, smoothed, places, strict=True)
    ]
    return join(marks), readings


def thinned(points: Sequence[Point]) -> tuple[list[float], list[float], list[float], list[float]]:
    """At most MOST_POINTS groups of adjacent points: mean steps, mean values, lowest and highest values."""
    groups = min(len(points), MOST_POINTS)
    edges = [round(index * len(points) / groups) for index in range(groups + 1)]
    parts = [points[start:stop] for start, stop in itertools.pairwise(edges)]
    values = [[value for _, value in part] for part in parts]
    steps = [sum(step for step, _ in part) / len(part) for part in parts]
    return steps, [sum(one) / len(one) for one in values], [min(one) for one in values], [max(one) for one in values]


def running_mean(values: Sequence[float]) -> list[float]:
    """The mean over a window of a fifteenth of all values, truncated at the ends."""
    reach = len(values) // 30
    found = []
    for place in range(len(values)):
        window = values[max(place - reach, 0) : place + reach + 1]
        found.append(sum(window) / len(window))
    return found


def _path(places: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
