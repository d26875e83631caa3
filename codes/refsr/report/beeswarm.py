"""Beeswarm plot as inline SVG: a row for each method, a dot for each image, and the mean with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from refsr.evaluation.results import Summary
from refsr.report.axis import ChartAxis, spanning
from refsr.report.colours import colour
from refsr.report.html import Html, tag
from refsr.report.numbers import Metric, compact

WIDTH = 460
LEFT, RIGHT = 0, 460
ROW, HALF = 76, 24
"""Height of a row, and the largest distance of its dots from the middle."""
LEGEND = "One dot for each image; the line is the mean, the band its 95 % interval."
GOLDEN = 0.6180339887
MOST_NEIGHBOURS = 60
"""Above this many close dots, they are scattered instead of packed."""


@dataclass(frozen=True)
class BeeswarmRow:
    """One method's values by image, all finite."""

    name: str
    values: Mapping[str, float]
    summary: Summary
    series: int | None
    """Index of the colour; None is the grey of baselines."""


@dataclass(frozen=True)
class ImageLinks:
    """Where each image is found on the page."""

    anchors: Mapping[str, str]
    shown: frozenset[str]
    """Images shown as examples."""


def beeswarm(
    title: str, about: str, rows: Sequence[BeeswarmRow], metric: Metric, links: ImageLinks, *, difference: bool = False
) -> Html | None:
    """A figure with a row of dots for each method; `difference` draws a line at zero."""
    filled = [row for row in rows if row.values]
    if not filled:
        return None
    values = [value for row in filled for value in row.values.values()]
    across = spanning(values, LEFT + 6, RIGHT - 6, padding=0.02, include=0.0 if difference else None)
    if difference:
        across = spanning([*values, 0.0], LEFT + 6, RIGHT - 6, padding=0.04)
    bottom = ROW * len(filled) + 4
    parts = [_grid(across, len(filled), metric, difference)]
    parts += [_row(row, ROW * place, across, metric, links, difference) for place, row in enumerate(filled)]
    svg = tag("svg", *parts, viewBox=f"0 0 {WIDTH} {bottom + 40}", class_="chart swarm", role="group", aria_label=title)
    return tag(
        "figure",
        tag("figcaption", tag("h4", title), tag("p", f"{about}. {LEGEND}")),
        tag("div", svg, class_="plot"),
        class_="chart-figure",
    )


def _grid(across: ChartAxis, rows: int, metric: Metric, difference: bool) -> Html:
    ticks, bottom = across.ticks(5), ROW * rows + 4
    # Below the names of the rows, not through them.
    spans = [(top + 22, top + ROW) for top in range(0, ROW * rows, ROW)]
    lines = [
        tag(
            "path",
            d="".join(f"M{across.place(value):.1f} {start}V{stop}" for start, stop in spans),
            class_="zero" if difference and value == 0 else None,
        )
        for value in ticks
    ]
    texts = [
        tag("text", f"+{compact(value)}" if difference and value > 0 else compact(value),
            x=f"{across.place(value):.1f}", y=bottom + 18, text_anchor="middle")
        for value in ticks
    ]  # fmt: skip
    name = tag(
        "text",
        f"gain in {metric.label}" if difference else metric.label,
        x=RIGHT,
        y=bottom + 34,
        text_anchor="end",
        class_="axis-name",
    )
    return tag("g", *lines, *texts, name, class_="grid", aria_hidden="true")


def _row(row: BeeswarmRow, top: float, across: ChartAxis, metric: Metric, links: ImageLinks, difference: bool) -> Html:
    radius = 3.4 if len(row.values) <= 120 else 2.5 if len(row.values) <= 400 else 1.7
    middle = top + 22 + HALF
    kind = colour(row.series)
    order = sorted(row.values, key=lambda image: (row.values[image], image))
    places = [across.place(row.values[image]) for image in order]
    dots = [
        _dot(image, x, middle + offset, radius, row, metric, links, difference)
        for image, x, offset in zip(order, places, packed(places, radius * 2, HALF), strict=True)
    ]
    mean = across.place(row.summary.mean)
    low, high = across.place(row.summary.low), across.place(row.summary.high)
    text = metric.with_unit(row.summary.mean, difference)
    return tag(
        "g",
        tag("text", row.name, x=LEFT, y=top + 15, class_="row-name"),
        tag("text", f"mean {text}", x=RIGHT, y=top + 15, text_anchor="end", class_="row-mean"),
        tag("rect", x=f"{low:.1f}", y=middle - HALF, width=f"{max(high - low, 1):.1f}", height=2 * HALF, rx=2,
            class_="interval"),
        *dots,
        tag("path", d=f"M{mean:.1f} {middle - HALF}v{2 * HALF}", class_="mean"),
        class_=kind,
    )  # fmt: skip


def _dot(
    image: str, x: float, y: float, radius: float, row: BeeswarmRow, metric: Metric, links: ImageLinks, difference: bool
) -> Html:
    text = metric.with_unit(row.values[image], difference)
    has_example = image in links.shown
    return tag(
        "a",
        tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=radius + 0.6 if has_example else radius),
        href=f"#{links.anchors[image]}",
        class_="dot example-dot" if has_example else "dot",
        # Keyboard users have the table of all images; hundreds of tab stops here would not help.
        tabindex=None if has_example else "-1",
        data_image=image,
        data_tip=text,
        aria_label=f"{image}, {row.name}: {text}",
    )


def packed(places: Sequence[float], apart: float, reach: float) -> list[float]:
    """Offset of each of the sorted positions so that dots do not overlap, at most `reach`."""
    offsets: list[float] = []
    for index, place in enumerate(places):
        near = []
        for other in range(index - 1, -1, -1):
            if place - places[other] >= apart:
                break
            near.append((place - places[other], offsets[other]))
        if len(near) > MOST_NEIGHBOURS:
            offsets.append((2 * ((index * GOLDEN) % 1) - 1) * reach)
            continue
        # Just beside a neighbour, or in the middle: one of these is the nearest free spot.
        spots = [0.0]
        for problem, offset in near:
            side = (apart * apart - problem * problem) ** 0.5
            spots += [offset + side, offset - side]
        free = [
            spot for spot in sorted(spots, key=lambda at: (abs(at), at)) if abs(spot) <= reach
            and all(problem * problem + (spot - offset) ** 2 >= apart * apart * (1 - 1e-6) for problem, offset in near)
        ]  # fmt: skip
        crowded = (2 * ((index * GOLDEN) % 1) - 1) * reach
        offsets.append(free[0] if free else crowded)
    return offsets
