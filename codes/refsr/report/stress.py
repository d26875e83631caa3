"""The page of `refsr stress`: quality of each network against the amount of each perturbation of the reference."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refsr.core.atomic import write_text
from refsr.core.errors import DataError
from refsr.evaluation.results import ABLATION, Results
from refsr.evaluation.stress import SWEEPS, PerturbationSweep
from refsr.metrics.invention import WITH_LR
from refsr.report.chart import ChartStyle, Line, line_chart
from refsr.report.colours import swatch
from refsr.report.frame import framed
from refsr.report.html import Html, join, tag
from refsr.report.numbers import Metric, compact, count

FILE = "stress.html"
NUMBERS_FILE = "stress.json"
FLOOR = "bicubic"

LEAD = (
    "Each curve is one trained network on the same places; the perturbation of its reference grows from left to right. "
    "The dashed line is bicubic interpolation: below it the result is worse than without any network."
)
REACH = (
    "The last columns give the largest amount of each perturbation at which the network still scores better than with "
    "a blank reference. A dash: no amount, over: also at the largest amount that was evaluated."
)
INVENTED = (
    "What a result makes of LR: its difference from LR once reduced; the shares of pixels that are near to the ground "
    "truth, as LR shows them, or neither; and how much of the reference's detail it shows on changed ground, where "
    "masks name that. With the reference, another place's and a blank one."
)
LEAK = "leak-changed"
ENDS = {"": "own", "swap": "another place's", "blank": "blank"}
"""References of the table of what is made up, by perturbation."""


@dataclass(frozen=True)
class StressCurves:
    """One network's mean scores under every perturbation."""

    name: str
    unperturbed: float
    perturbed: dict[str, float]
    """By perturbation, as in `shift:8`; empty for a network without a reference."""
    invented: dict[str, dict[str, float]] = field(default_factory=dict)
    """By metric of WITH_LR, and the leak: means with each of ENDS that was evaluated."""

    def along(self, sweep: PerturbationSweep) -> list[tuple[float, float]]:
        """(amount, score) from the unperturbed reference on; constant for networks without a reference."""
        found = [
            (perturb.amount, self.perturbed.get(str(perturb), self.unperturbed)) for perturb in sweep.perturbations
        ]
        return [(0.0, self.unperturbed), *found]

    def reach(self, sweep: PerturbationSweep, better: float) -> float | None:
        """The largest amount at which the reference still helps; None if it never does. `better` is 1 or -1."""
        blank = self.perturbed.get("blank")
        if blank is None or better * (self.unperturbed - blank) <= 0:
            return None
        helped = itertools.takewhile(lambda point: better * (point[1] - blank) > 0, self.along(sweep))
        return max(amount for amount, _ in helped)


@dataclass(frozen=True)
class StressResults:
    """What the page shows: one data set, one protocol, one metric."""

    dataset: str
    scale: int
    protocol: str
    metric: Metric
    places: int
    floor: float
    systems: list[StressCurves]
    invention: list[Metric]
    """What the table of what is made up shows."""


def collect(labelled: Sequence[tuple[str, Results]], metric: str) -> StressResults:
    """Collects the mean scores of several runs, which must have been evaluated on the same images."""
    first = labelled[0][1]
    protocol = next(iter(first.protocols))
    floors = {label: _means(results, protocol, metric)[FLOOR] for label, results in labelled}
    if max(floors.values()) - min(floors.values()) > 1e-6 * abs(max(floors.values())):
        listed = ", ".join(f"{label} {floor:.4f}" for label, floor in floors.items())
        raise DataError(f"the runs were not evaluated on the same images: {FLOOR} has {metric} {listed}")
    systems = []
    for label, results in labelled:
        means = _means(results, protocol, metric)
        own = f"{results.run}{ABLATION}"
        perturbed = {name.removeprefix(own): mean for name, mean in means.items() if name.startswith(own)}
        invented = {one: _ends(results, protocol, one) for one in (*WITH_LR, LEAK) if one in results.metrics}
        systems.append(StressCurves(label, means[results.run], perturbed, invented))
    places = len({score.image for score in first.scores if score.image})
    about = Metric.of(metric, first.metrics[metric])
    measured = {key: None for one in systems for key, ends in one.invented.items() if ends}
    invention = [Metric.of(key, next(of.metrics[key] for _, of in labelled if key in of.metrics)) for key in measured]
    floor = floors[labelled[0][0]]
    return StressResults(first.dataset, first.scale, protocol, about, places, floor, systems, invention)


def _ends(results: Results, protocol: str, metric: str) -> dict[str, float]:
    means = _means(results, protocol, metric)
    methods = {end: f"{results.run}{ABLATION}{end}" if end else results.run for end in ENDS}
    return {end: means[method] for end, method in methods.items() if method in means}


def _means(results: Results, protocol: str, metric: str) -> dict[str, float]:
    return {one.method: one.mean for one in results.table() if (one.protocol, one.metric) == (protocol, metric)}


def write_stress(found: StressResults, folder: Path) -> Path:
    """Writes the page and its numbers to `folder`; returns the page's path."""
    write_text(folder / NUMBERS_FILE, json.dumps(numbers(found), indent=1) + "\n")
    write_text(folder / FILE, page(found))
    return folder / FILE


def numbers(found: StressResults) -> dict[str, Any]:
    """The content of the page as JSON."""
    return {
        "dataset": found.dataset,
        "scale": found.scale,
        "protocol": found.protocol,
        "metric": found.metric.key,
        "places": found.places,
        FLOOR: round(found.floor, 4),
        "systems": {
            one.name: {"unperturbed": round(one.unperturbed, 4)}
            | {key: round(mean, 4) for key, mean in one.perturbed.items()}
            for one in found.systems
        },
        "invention": {
            one.name: {
                key: {end or "unperturbed": round(mean, 4) for end, mean in ends.items()}
                for key, ends in one.invented.items()
            }
            for one in found.systems
        },
    }


def page(found: StressResults) -> str:
    """The page as text."""
    title = "Robustness to perturbed references"
    quoted = f"{found.dataset}, {count(found.places, 'place')}, x{found.scale}, protocol {found.protocol}"
    header = tag(
        "header", tag("p", "Stress test", class_="eyebrow"), tag("h1", title), tag("p", LEAD, class_="standfirst"),
        tag("p", f"{found.metric.label}, mean over {quoted}.", class_="quiet"), class_="opening",
    )  # fmt: skip
    sections = [
        tag("section", tag("h2", "Curves"), tag("div", *_charts(found), class_="charts"), id="curves"),
        tag("section", tag("h2", "Table"), _table(found), tag("p", REACH, class_="lead"), id="numbers"),
    ]
    links = [("#curves", "Curves"), ("#numbers", "Table")]
    if found.invention:
        lead = tag("p", INVENTED, class_="lead")
        sections.append(tag("section", tag("h2", "Made up"), _invention(found), lead, id="invention"))
        links.append(("#invention", "Made up"))
    return framed(f"{title} \N{MIDDLE DOT} refsr stress", links, join([header, *sections]))


def _charts(found: StressResults) -> Iterable[Html | None]:
    values = [found.floor] + [value for one in found.systems for value in (one.unperturbed, *one.perturbed.values())]
    span = (min(values), max(values))
    for sweep in SWEEPS:
        lines = [Line(one.name, one.along(sweep), place) for place, one in enumerate(found.systems)]
        floor = Line(FLOOR, [(0.0, found.floor), (sweep.amounts[-1], found.floor)], None, 1)
        shape = ChartStyle(across=sweep.unit, span=span)
        yield line_chart(sweep.about, "", [*lines, floor], shape, found.metric.unit)


def _table(found: StressResults) -> Html:
    """Scores with the unperturbed, swapped and blank reference, and the largest amounts that still help."""
    better = 1 if found.metric.higher_is_better else -1
    heads = ["Method", "Unperturbed", "Another place's", "Blank", *(f"{one.about}, {one.unit}" for one in SWEEPS)]
    rows = []
    for place, one in enumerate(found.systems):
        ends = [one.unperturbed, one.perturbed.get("swap"), one.perturbed.get("blank")]
        cells = [tag("td", "" if end is None else found.metric.show(end)) for end in ends]
        cells += [tag("td", _reach(one, sweep, better)) for sweep in SWEEPS]
        rows.append(tag("tr", tag("th", swatch(place), one.name, scope="row"), *cells))
    floor = tag("tr", tag("th", FLOOR, scope="row"), tag("td", found.metric.show(found.floor)), class_="baseline")
    head = tag("thead", tag("tr", *[tag("th", name, scope="col") for name in heads]))
    table = tag("table", head, tag("tbody", *rows, floor), class_="scores")
    return tag("div", table, class_="scroll", tabindex="0", role="region", aria_label="Numbers")


def _invention(found: StressResults) -> Html:
    """What each network improves, omits and makes up with each of ENDS."""
    rows = []
    for place, one in enumerate(found.systems):
        for end, words in ENDS.items():
            values = [one.invented.get(metric.key, {}).get(end) for metric in found.invention]
            if any(value is not None for value in values):
                cells = [
                    tag("td", "" if value is None else of.show(value))
                    for of, value in zip(found.invention, values, strict=True)
                ]
                rows.append(tag("tr", tag("th", swatch(place), one.name, scope="row"), tag("td", words), *cells))
    heads = ["Method", "Reference", *(metric.label for metric in found.invention)]
    head = tag("thead", tag("tr", *[tag("th", name, scope="col") for name in heads]))
    table = tag("table", head, tag("tbody", *rows), class_="scores")
    return tag("div", table, class_="scroll", tabindex="0", role="region", aria_label="What is made up")


def _reach(one: StressCurves, sweep: PerturbationSweep, better: float) -> str:
    if not one.perturbed:
        return ""
    reach = one.reach(sweep, better)
    if not reach:
        return "\N{EN DASH}"
    return f"over {compact(reach)}" if reach == sweep.amounts[-1] else f"up to {compact(reach)}"
