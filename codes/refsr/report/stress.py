"""The page that says which method to trust with which reference: quality against what has happened to the reference."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refsr.core.atomic import write_text
from refsr.core.errors import DataError
from refsr.evaluation.results import ABLATION, Results
from refsr.evaluation.stress import AXES, Axis
from refsr.report.chart import Line, Shape, line_chart
from refsr.report.colours import swatch
from refsr.report.frame import framed
from refsr.report.html import Html, join, tag
from refsr.report.numbers import Metric, compact, count

FILE = "stress.html"
NUMBERS_FILE = "stress.json"
FLOOR = "bicubic"

LEAD = (
    "Each curve is one trained network on the same places; only its reference gets worse from left to right. Where a "
    "curve meets the dashed line, plain bicubic enlargement serves as well; below it the reference does harm."
)
REACH = (
    "How far the reference may go before the network would do better with none at all, by its own score with a blank "
    "one. A dash: it never helps; over the largest that was tried: it always did."
)


@dataclass(frozen=True)
class Curves:
    """One network's means under every condition."""

    name: str
    right: float
    perturbed: dict[str, float]
    """By condition, as in `shift:8`; empty for a network without a reference."""

    def along(self, axis: Axis) -> list[tuple[float, float]]:
        """From the reference as it is to the worst; level where there is no reference."""
        found = [(perturb.amount, self.perturbed.get(str(perturb), self.right)) for perturb in axis.perturbations]
        return [(0.0, self.right), *found]

    def reach(self, axis: Axis, better: float) -> float | None:
        """The largest amount up to which the reference helps; None where it never does. `better` is 1 or -1."""
        blank = self.perturbed.get("blank")
        if blank is None or better * (self.right - blank) <= 0:
            return None
        helped = itertools.takewhile(lambda point: better * (point[1] - blank) > 0, self.along(axis))
        return max(amount for amount, _ in helped)


@dataclass(frozen=True)
class Stress:
    """What is drawn: one data set, one protocol, one metric."""

    dataset: str
    scale: int
    protocol: str
    how: Metric
    places: int
    floor: float
    systems: list[Curves]


def gathered(labelled: Sequence[tuple[str, Results]], metric: str) -> Stress:
    """The means of several runs; they must have been measured on the same images."""
    first = labelled[0][1]
    protocol = next(iter(first.protocols))
    floors = {label: _means(results, protocol, metric)[FLOOR] for label, results in labelled}
    if max(floors.values()) - min(floors.values()) > 1e-6 * abs(max(floors.values())):
        told = ", ".join(f"{label} {floor:.4f}" for label, floor in floors.items())
        raise DataError(f"the runs were not measured on the same images: {FLOOR} gives {metric} {told}")
    systems = []
    for label, results in labelled:
        means = _means(results, protocol, metric)
        own = f"{results.run}{ABLATION}"
        perturbed = {name.removeprefix(own): mean for name, mean in means.items() if name.startswith(own)}
        systems.append(Curves(label, means[results.run], perturbed))
    places = len({score.image for score in first.scores if score.image})
    how = Metric.of(metric, first.metrics[metric])
    return Stress(first.dataset, first.scale, protocol, how, places, floors[labelled[0][0]], systems)


def _means(results: Results, protocol: str, metric: str) -> dict[str, float]:
    return {one.method: one.mean for one in results.table() if (one.protocol, one.metric) == (protocol, metric)}


def write_stress(found: Stress, folder: Path) -> Path:
    """The page and its numbers in `folder`; returns the page's path."""
    write_text(folder / NUMBERS_FILE, json.dumps(numbers(found), indent=1) + "\n")
    write_text(folder / FILE, page(found))
    return folder / FILE


def numbers(found: Stress) -> dict[str, Any]:
    """All that the page draws."""
    return {
        "dataset": found.dataset,
        "scale": found.scale,
        "protocol": found.protocol,
        "metric": found.how.key,
        "places": found.places,
        FLOOR: round(found.floor, 4),
        "systems": {
            one.name: {"right": round(one.right, 4)} | {key: round(mean, 4) for key, mean in one.perturbed.items()}
            for one in found.systems
        },
    }


def page(found: Stress) -> str:
    """The page as text."""
    title = "What references may be like"
    quoted = f"{found.dataset}, {count(found.places, 'place')}, x{found.scale}, protocol {found.protocol}"
    header = tag(
        "header", tag("p", "Stress", class_="eyebrow"), tag("h1", title), tag("p", LEAD, class_="standfirst"),
        tag("p", f"{found.how.label}, mean over {quoted}.", class_="quiet"), class_="opening",
    )  # fmt: skip
    sections = [
        tag("section", tag("h2", "Curves"), tag("div", *_charts(found), class_="charts"), id="curves"),
        tag("section", tag("h2", "In numbers"), _table(found), tag("p", REACH, class_="lead"), id="numbers"),
    ]
    links = [("#curves", "Curves"), ("#numbers", "Numbers")]
    return framed(f"{title} \N{MIDDLE DOT} refsr stress", links, join([header, *sections]))


def _charts(found: Stress) -> Iterable[Html | None]:
    values = [found.floor] + [value for one in found.systems for value in (one.right, *one.perturbed.values())]
    span = (min(values), max(values))
    for axis in AXES:
        lines = [Line(one.name, one.along(axis), place) for place, one in enumerate(found.systems)]
        floor = Line(FLOOR, [(0.0, found.floor), (axis.amounts[-1], found.floor)], None, 1)
        shape = Shape(across=axis.across, span=span)
        yield line_chart(axis.about, "", [*lines, floor], shape, found.how.unit)


def _table(found: Stress) -> Html:
    """The ends of every curve, and how far each reference may go."""
    better = 1 if found.how.higher_is_better else -1
    heads = ["Method", "right reference", "another place's", "none", *(f"{one.about}, {one.across}" for one in AXES)]
    rows = []
    for place, one in enumerate(found.systems):
        ends = [one.right, one.perturbed.get("swap"), one.perturbed.get("blank")]
        cells = [tag("td", "" if end is None else found.how.show(end)) for end in ends]
        cells += [tag("td", _reach(one, axis, better)) for axis in AXES]
        rows.append(tag("tr", tag("th", swatch(place), one.name, scope="row"), *cells))
    floor = tag("tr", tag("th", FLOOR, scope="row"), tag("td", found.how.show(found.floor)), class_="baseline")
    head = tag("thead", tag("tr", *[tag("th", name, scope="col") for name in heads]))
    table = tag("table", head, tag("tbody", *rows, floor), class_="scores")
    return tag("div", table, class_="scroll", tabindex="0", role="region", aria_label="Numbers")


def _reach(one: Curves, axis: Axis, better: float) -> str:
    if not one.perturbed:
        return ""
    reach = one.reach(axis, better)
    if not reach:
        return "\N{EN DASH}"
    return f"over {compact(reach)}" if reach == axis.amounts[-1] else f"up to {compact(reach)}"
