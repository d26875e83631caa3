"""One HTML file for one or more runs: everything in it, nothing fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refsr.core.atomic import write_text
from refsr.core.errors import UsageError
from refsr.core.progress import ProgressFactory, no_progress
from refsr.evaluation.results import summarise
from refsr.report import cases as shown_cases
from refsr.report.ablations import ablation_block
from refsr.report.cases import Chosen, choose
from refsr.report.classes import classes_table
from refsr.report.comparison import SCORED, Comparison, Method, compare
from refsr.report.curves import curve_charts
from refsr.report.frame import framed
from refsr.report.head import opening, plain, title_of
from refsr.report.html import Html, join, tag
from refsr.report.numbers import Metric
from refsr.report.reading import Run, read_runs
from refsr.report.swarm import Links, Row, swarm
from refsr.report.tables import images_table, protocol_blocks
from refsr.report.viewer import case_section

FILE = "report.html"
ORDERS = ("gain", "psnr")
SAID_ABOVE = ("weights", "provenance", "notes", "not_measured")


@dataclass(frozen=True)
class PageOptions:
    """What a page should hold."""

    cases: int = 6
    """Shown of each data set: half the worst, half the best."""
    order: str = "gain"
    """What worst and best mean: by `gain` over bicubic or by `psnr`."""
    most_mib: float = 24.0
    """Pictures are packed harder, then left out, to stay under this size."""
    protocol: str | None = None
    """Quoted first; the results' own first one by default."""

    def __post_init__(self) -> None:
        if self.cases < 0:
            raise UsageError(f"{self.cases} cases cannot be shown; 0 shows none")
        if self.order not in ORDERS:
            raise UsageError(f"order {self.order!r} is not known (known: {', '.join(ORDERS)})")
        if not self.most_mib > 0:
            raise UsageError(f"a page of {self.most_mib:g} MiB cannot hold anything")


@dataclass(frozen=True)
class Written:
    """A page on disk and what it lacks."""

    path: Path
    size: int
    gaps: list[str] = field(default_factory=list)


def write_report(
    paths: Sequence[Path],
    target: Path | None = None,
    wishes: PageOptions | None = None,
    progress: ProgressFactory = no_progress,
) -> Written:
    """Writes the page about the runs at `paths`; by default as `report.html` in the first one's folder."""
    wishes = wishes or PageOptions()
    runs = read_runs(paths)
    comparisons = compare(runs, wishes.protocol)
    with progress("report", len(comparisons) + 1) as bar:
        chosen = []
        for comparison in comparisons:
            protocol = next(iter(comparison.protocols), "")
            chosen.append(choose(comparison, protocol, wishes.order, wishes.cases))
            bar.advance()
        fit(chosen, wishes.most_mib * 2**20)
        text = render(runs, comparisons, chosen)
        bar.advance()
    path = runs[0].folder / FILE if target is None else target / FILE if target.is_dir() else target
    write_text(path, text)
    gaps = [gap for run in runs for gap in run.gaps] + [gap for one in chosen for gap in one.gaps]
    gaps += [f"{case.image}: {gap}" for one in chosen for case in one.cases for gap in case.gaps]
    return Written(path, len(text.encode()), gaps)


def fit(chosen: Sequence[Chosen], most: float) -> None:
    """Encodes all pictures; with losses, then with fewer cases, where they would take more than `most` bytes."""
    share = most / max(len(chosen), 1)
    for one in chosen:
        if shown_cases.encode(one, lossless=True) <= share or shown_cases.encode(one, lossless=False) <= share:
            continue
        before = len(one.cases)
        while one.cases and sum(len(picture.source) for case in one.cases for picture in case.pictures) > share:
            # From the middle, so that the worst and the best stay.
            one.cases.pop(len(one.cases) // 2)
        one.gaps.append(f"{len(one.cases)} of {before} cases fit into the page's size; --max-mib allows more")


def render(runs: Sequence[Run], comparisons: Sequence[Comparison], chosen: Sequence[Chosen]) -> str:
    """The page as text."""
    sections = [_section(f"results-{place}", *both, place, len(comparisons) > 1)
                for place, both in enumerate(zip(comparisons, chosen, strict=True))]  # fmt: skip
    metrics: dict[str, Metric] = {key: how for one in comparisons for key, how in one.metrics.items()}
    curves = curve_charts(runs, metrics)
    several = len(comparisons) > 1
    links = [(f"#results-{place}", one.dataset if several else "Results") for place, one in enumerate(comparisons)]
    if curves is not None:
        sections.append(tag("section", tag("h2", "Training"), curves, id="training"))
        links.append(("#training", "Training"))
    sections.append(_records(runs))
    links.append(("#records", "Records"))
    return framed(f"{title_of(runs)} \N{MIDDLE DOT} refsr report", links, join([opening(runs, comparisons), *sections]))


def _section(identity: str, comparison: Comparison, chosen: Chosen, place: int, several: bool) -> Html:
    """One data set: table, references, distribution, cases."""
    protocol = next(iter(comparison.protocols), "")
    with_cases = frozenset(case.image for case in chosen.cases)
    anchors = {image: f"image-{place}-{number}" for number, image in enumerate(comparison.images)}
    parts: list[object] = [tag("h2", f"Results on {comparison.dataset}" if several else "Results")]
    parts.append(protocol_blocks(comparison) if comparison.images or comparison.methods else None)
    references = ablation_block(comparison, protocol)
    if references is not None:
        what = " and the ".join(dict.fromkeys(one.part for one in comparison.of_kind("ablation")))
        parts += [tag("h3", f"What the {what} is worth"), references]
    by_class = classes_table(comparison, protocol)
    if by_class is not None:
        parts += [tag("h3", "Class by class"), by_class]
    spread = _distribution(comparison, protocol, Links(anchors, with_cases))
    if spread is not None:
        parts += [tag("h3", "Image by image"), spread, images_table(comparison, protocol, anchors, with_cases)]
    parts += [tag("h3", "Worst and best cases"), case_section(comparison, chosen, protocol, anchors)]
    return tag("section", *parts, id=identity)


def _distribution(comparison: Comparison, protocol: str, links: Links) -> Html | None:
    how = comparison.metrics.get(SCORED)
    if how is None or not comparison.images:
        return None
    quoted = f"{comparison.dataset}, protocol {protocol}"
    compared: list[Method] = [
        method for method in comparison.methods
        if method.kind == "run" or (method.kind == "baseline" and method in comparison.baselines.values())
    ]  # fmt: skip
    rows = [row for method in compared if (row := _row(comparison, method, protocol)) is not None]
    gains = [
        row for method in comparison.of_kind("run") if (row := _gain_row(comparison, method, protocol)) is not None
    ]
    endless = sorted({image for method in compared for image, value in
                      comparison.values(method, protocol, SCORED).items() if value == float("inf")})  # fmt: skip
    told = f"; not drawn, because exact: {', '.join(endless[:5])}" if endless else ""
    charts = [
        swarm(f"{how.label} of each image", quoted + told, rows, how, links),
        swarm(f"Gain over bicubic of each image ({how.unit})", quoted, gains, how, links, difference=True),
    ]
    drawn = [chart for chart in charts if chart is not None]
    return tag("div", *drawn, class_="charts") if drawn else None


def _row(comparison: Comparison, method: Method, protocol: str) -> Row | None:
    values = {image: value for image, value in comparison.values(method, protocol, SCORED).items()
              if image and abs(value) < float("inf")}  # fmt: skip
    if not values:
        return None
    summary = summarise(method.label, protocol, SCORED, list(values.values()))
    return Row(method.label, values, summary, None if method.kind == "baseline" else method.series)


def _gain_row(comparison: Comparison, method: Method, protocol: str) -> Row | None:
    base = comparison.base_of(method)
    if base is None or (summary := comparison.difference(method, base, protocol, SCORED)) is None:
        return None
    return Row(method.label, comparison.differences(method, base, protocol, SCORED), summary, method.series)


def _records(runs: Sequence[Run]) -> Html:
    """Options and all else that was recorded, folded away."""
    parts: list[object] = [tag("h2", "Records")]
    for run in runs:
        if run.options:
            parts.append(tag("details", tag("summary", f"Options of {run.name}"), tag("pre", run.options)))
        for measured in run.measured:
            rest = {key: value for key, value in measured.results.about.items()
                    if key not in SAID_ABOVE and (key != "options" or not run.options)}  # fmt: skip
            libraries = {key: str(facts["library"]) for key, facts in measured.results.metrics.items()
                         if facts.get("library")}  # fmt: skip
            if libraries:
                rest = {"metrics computed by": libraries, **rest}
            if rest:
                name = f"Validation of {run.name} on {measured.results.dataset}"
                parts.append(tag("details", tag("summary", name), tag("div", plain(rest), class_="records")))
    parts.append(tag("p", "Folders: ", ", ".join(str(run.folder) for run in runs), class_="quiet"))
    return tag("section", *parts, id="records")
