"""The report: one self-contained HTML file about one or more runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refsr.core.atomic import write_text
from refsr.core.errors import UsageError
from refsr.core.progress import ProgressFactory, no_progress
from refsr.evaluation.results import summarise
from refsr.report import examples as shown_examples
from refsr.report.ablations import ablation_block
from refsr.report.beeswarm import BeeswarmRow, ImageLinks, beeswarm
from refsr.report.classes import classes_table
from refsr.report.comparison import SCORED, Comparison, Method, compare
from refsr.report.curves import curve_charts
from refsr.report.examples import ChosenExamples, choose
from refsr.report.frame import framed
from refsr.report.head import opening, plain, title_of
from refsr.report.html import Html, join, tag
from refsr.report.numbers import Metric
from refsr.report.read_runs import RunRecord, read_runs
from refsr.report.registrations import registrations_block
from refsr.report.tables import images_table, protocol_blocks
from refsr.report.viewer import examples_section

FILE = "report.html"
ORDERS = ("gain", "psnr")
SHOWN_ABOVE = ("weights", "provenance", "notes", "not_measured", "registration")


@dataclass(frozen=True)
class PageOptions:
    """What the page shows."""

    examples: int = 6
    """Example images of each data set: half the worst, half the best."""
    order: str = "gain"
    """What images are ranked by: `gain` over bicubic, or `psnr`."""
    most_mib: float = 24.0
    """Above this size pictures are compressed more, then left out."""
    protocol: str | None = None
    """Quoted first; by default the first of the results."""

    def __post_init__(self) -> None:
        if self.examples < 0:
            raise UsageError(f"{self.examples} examples cannot be shown; 0 shows none")
        if self.order not in ORDERS:
            raise UsageError(f"order {self.order!r} is not known (known: {', '.join(ORDERS)})")
        if not self.most_mib > 0:
            raise UsageError(f"a page of {self.most_mib:g} MiB is too small; expected more than 0")


@dataclass(frozen=True)
class WrittenPage:
    """A page on disk, and what could not be shown."""

    path: Path
    size: int
    problems: list[str] = field(default_factory=list)


def write_report(
    paths: Sequence[Path],
    target: Path | None = None,
    options: PageOptions | None = None,
    progress: ProgressFactory = no_progress,
) -> WrittenPage:
    """Writes the page about the runs at `paths`, by default to `report.html` in the first one's folder."""
    options = options or PageOptions()
    runs = read_runs(paths)
    comparisons = compare(runs, options.protocol)
    with progress("report", len(comparisons) + 1) as bar:
        chosen = []
        for comparison in comparisons:
            protocol = next(iter(comparison.protocols), "")
            chosen.append(choose(comparison, protocol, options.order, options.examples))
            bar.advance()
        fit(chosen, options.most_mib * 2**20)
        text = render(runs, comparisons, chosen)
        bar.advance()
    path = runs[0].folder / FILE if target is None else target / FILE if target.is_dir() else target
    write_text(path, text)
    problems = [problem for run in runs for problem in run.problems] + [
        problem for one in chosen for problem in one.problems
    ]
    problems += [
        f"{example.image}: {problem}" for one in chosen for example in one.examples for problem in example.problems
    ]
    return WrittenPage(path, path.stat().st_size, problems)


def fit(chosen: Sequence[ChosenExamples], most: float) -> None:
    """Encodes all pictures in at most `most` bytes: losslessly, else with losses, else with fewer examples."""
    share = most / max(len(chosen), 1)
    for one in chosen:
        if shown_examples.encode(one, lossless=True) <= share or shown_examples.encode(one, lossless=False) <= share:
            continue
        before = len(one.examples)
        while (
            one.examples
            and sum(len(picture.source) for example in one.examples for picture in example.pictures) > share
        ):
            # From the middle, so that the worst and the best are kept.
            one.examples.pop(len(one.examples) // 2)
        one.problems.append(
            f"{len(one.examples)} of {before} examples fit the size limit of the page (--max-mib raises it)"
        )


def render(runs: Sequence[RunRecord], comparisons: Sequence[Comparison], chosen: Sequence[ChosenExamples]) -> str:
    """The page as text."""
    sections = [_section(f"results-{place}", *both, place, len(comparisons) > 1)
                for place, both in enumerate(zip(comparisons, chosen, strict=True))]  # fmt: skip
    metrics: dict[str, Metric] = {key: metric for one in comparisons for key, metric in one.metrics.items()}
    curves = curve_charts(runs, metrics)
    several = len(comparisons) > 1
    links = [(f"#results-{place}", one.dataset if several else "Results") for place, one in enumerate(comparisons)]
    if curves is not None:
        sections.append(tag("section", tag("h2", "Training"), curves, id="training"))
        links.append(("#training", "Training"))
    sections.append(_records(runs))
    links.append(("#records", "Records"))
    return framed(f"{title_of(runs)} \N{MIDDLE DOT} refsr report", links, join([opening(runs, comparisons), *sections]))


def _section(identity: str, comparison: Comparison, chosen: ChosenExamples, place: int, several: bool) -> Html:
    """One data set: scores, effect of the reference, distribution, examples."""
    protocol = next(iter(comparison.protocols), "")
    with_examples = frozenset(example.image for example in chosen.examples)
    anchors = {image: f"image-{place}-{number}" for number, image in enumerate(comparison.images)}
    parts: list[object] = [tag("h2", f"Results on {comparison.dataset}" if several else "Results")]
    parts.append(protocol_blocks(comparison) if comparison.images or comparison.methods else None)
    references = ablation_block(comparison, protocol)
    if references is not None:
        what = " and the ".join(dict.fromkeys(one.part for one in comparison.of_kind("ablation")))
        parts += [tag("h3", f"Effect of the {what}"), references]
    registered = registrations_block(comparison)
    if registered is not None:
        parts += [tag("h3", "Registration of the references"), registered]
    by_class = classes_table(comparison, protocol)
    if by_class is not None:
        parts += [tag("h3", "Scores by class"), by_class]
    spread = _distribution(comparison, protocol, ImageLinks(anchors, with_examples))
    if spread is not None:
        parts += [tag("h3", "Scores of each image"), spread, images_table(comparison, protocol, anchors, with_examples)]
    parts += [tag("h3", "Worst and best images"), examples_section(comparison, chosen, protocol, anchors)]
    return tag("section", *parts, id=identity)


def _distribution(comparison: Comparison, protocol: str, links: ImageLinks) -> Html | None:
    metric = comparison.metrics.get(SCORED)
    if metric is None or not comparison.images:
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
    left_out = f"; not drawn (infinite PSNR): {', '.join(endless[:5])}" if endless else ""
    charts = [
        beeswarm(f"{metric.label} of each image", quoted + left_out, rows, metric, links),
        beeswarm(f"Gain over bicubic of each image ({metric.unit})", quoted, gains, metric, links, difference=True),
    ]
    drawn = [chart for chart in charts if chart is not None]
    return tag("div", *drawn, class_="charts") if drawn else None


def _row(comparison: Comparison, method: Method, protocol: str) -> BeeswarmRow | None:
    values = {image: value for image, value in comparison.values(method, protocol, SCORED).items()
              if image and abs(value) < float("inf")}  # fmt: skip
    if not values:
        return None
    summary = summarise(method.label, protocol, SCORED, list(values.values()))
    return BeeswarmRow(method.label, values, summary, None if method.kind == "baseline" else method.series)


def _gain_row(comparison: Comparison, method: Method, protocol: str) -> BeeswarmRow | None:
    base = comparison.base_of(method)
    if base is None or (summary := comparison.difference(method, base, protocol, SCORED)) is None:
        return None
    return BeeswarmRow(method.label, comparison.differences(method, base, protocol, SCORED), summary, method.series)


def _records(runs: Sequence[RunRecord]) -> Html:
    """Options and everything else that was recorded, collapsed."""
    parts: list[object] = [tag("h2", "Records")]
    for run in runs:
        if run.options:
            parts.append(tag("details", tag("summary", f"Options of {run.name}"), tag("pre", run.options)))
        for entry in run.results_folders:
            rest = {key: value for key, value in entry.results.about.items()
                    if key not in SHOWN_ABOVE and (key != "options" or not run.options)}  # fmt: skip
            libraries = {key: str(facts["library"]) for key, facts in entry.results.metrics.items()
                         if facts.get("library")}  # fmt: skip
            if libraries:
                rest = {"metrics computed by": libraries, **rest}
            if rest:
                name = f"Evaluation of {run.name} on {entry.results.dataset}"
                parts.append(tag("details", tag("summary", name), tag("div", plain(rest), class_="records")))
    parts.append(tag("p", "Folders: ", ", ".join(str(run.folder) for run in runs), class_="quiet"))
    return tag("section", *parts, id="records")
