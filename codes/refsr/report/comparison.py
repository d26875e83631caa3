"""Several runs on one data set side by side: their methods, and how these differ image by image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from refsr.core.errors import UsageError, suggestion
from refsr.evaluation.results import Score, Summary, split_method, summarise
from refsr.report.numbers import Metric, count
from refsr.report.read_runs import ResultsFolder, RunRecord

BASELINES = {
    "nearest": "Nearest",
    "bicubic": "Bicubic",
    "lr_up": "LR_UX file",
    "dat-light": "DAT-light (pretrained on photographs)",
}
BASE = "bicubic"
SCORED = "psnr"
Kind = Literal["baseline", "run", "ablation"]
KINDS: tuple[Kind, ...] = ("baseline", "run", "ablation")


@dataclass(frozen=True, eq=False)
class Method:
    """A row of the score table: a baseline, a run's network, or that network with a perturbed reference."""

    key: str
    """Unique among all methods of the page."""
    label: str
    kind: Kind
    source: ResultsFolder
    name: str
    """Its name in the results of `source`."""
    series: int
    """Index of its run, which picks the colour."""
    perturbed: str = ""
    """The perturbation of an ablation: `swap`, `shift:8`."""
    part: str = ""
    """What was perturbed: `reference` or `cube`."""


@dataclass
class Comparison:
    """All methods of all runs that were evaluated on one data set."""

    dataset: str
    scale: int
    methods: list[Method] = field(default_factory=list)
    sources: list[tuple[str, ResultsFolder]] = field(default_factory=list)
    """By the label of the run."""
    warnings: list[str] = field(default_factory=list)
    """Why numbers of different runs may not be comparable."""
    baselines: dict[tuple[int, str], Method] = field(default_factory=dict)
    """The row kept for a source's baseline, by the source's identity and the baseline's name."""

    @cached_property
    def protocols(self) -> dict[str, str]:
        """Name and description; single numbers are quoted under the first."""
        found: dict[str, str] = {}
        for _, entry in self.sources:
            for name, about in entry.results.protocols.items():
                found.setdefault(name, str(about))
            for score in entry.results.scores:
                found.setdefault(score.protocol, "")
        return found

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        found: dict[str, Metric] = {}
        for _, entry in self.sources:
            for name, facts in entry.results.metrics.items():
                found.setdefault(name, Metric.of(name, facts))
            for score in entry.results.scores:
                found.setdefault(score.metric, Metric.of(score.metric, {}))
        return found

    @cached_property
    def _values(self) -> dict[tuple[str, str, str], dict[str, float]]:
        tables: dict[int, dict[tuple[str, str, str], dict[str, float]]] = {}
        for _, entry in self.sources:
            table = tables.setdefault(id(entry), {})
            for score in entry.results.scores:
                table.setdefault((score.method, score.protocol, score.metric), {})[score.image] = score.value
        return {
            (method.key, protocol, metric): values
            for method in self.methods
            for (name, protocol, metric), values in tables[id(method.source)].items()
            if name == method.name
        }

    @cached_property
    def images(self) -> list[str]:
        """Names of all images with a score."""
        return sorted({image for values in self._values.values() for image in values} - {""})

    def values(self, method: Method, protocol: str, metric: str) -> dict[str, float]:
        """A metric by image; a metric of the whole set has the empty name."""
        return self._values.get((method.key, protocol, metric), {})

    def summary(self, method: Method, protocol: str, metric: str) -> Summary | None:
        values = self.values(method, protocol, metric)
        return summarise(method.label, protocol, metric, list(values.values())) if values else None

    def differences(self, method: Method, base: Method, protocol: str, metric: str) -> dict[str, float]:
        """`method` less `base` on the images that both have, where both are finite."""
        ours, theirs = self.values(method, protocol, metric), self.values(base, protocol, metric)
        return {
            image: value - theirs[image]
            for image, value in ours.items()
            if image in theirs and math.isfinite(value) and math.isfinite(theirs[image])
        }

    def difference(self, method: Method, base: Method, protocol: str, metric: str) -> Summary | None:
        """The mean of the differences image by image, with the interval of that mean."""
        values = self.differences(method, base, protocol, metric)
        return summarise(method.label, protocol, metric, list(values.values())) if values else None

    def of_kind(self, kind: str) -> list[Method]:
        return [method for method in self.methods if method.kind == kind]

    def base_of(self, method: Method, name: str = BASE) -> Method | None:
        """The baseline evaluated with `method`, or the equal one that was kept in its place."""
        return self.baselines.get((id(method.source), name))

    def unperturbed_of(self, ablation: Method) -> Method | None:
        """The method with the unperturbed reference that an ablation belongs to."""
        name, _, _ = split_method(ablation.name)
        return next((one for one in self.methods if one.source is ablation.source and one.name == name), None)

    def ablations_of(self, method: Method) -> list[Method]:
        return [one for one in self.of_kind("ablation") if self.unperturbed_of(one) is method]

    @property
    def shown(self) -> Method | None:
        """The method whose examples are shown: the first run, else the last baseline other than bicubic."""
        runs, baselines = self.of_kind("run"), self.of_kind("baseline")
        return runs[0] if runs else next((one for one in reversed(baselines) if one.name != BASE), None)

    def best(self, protocol: str, key: str) -> set[str]:
        """Keys of the methods with the best mean after rounding; ablations are left out."""
        metric = self.metrics[key]
        means = {
            method.key: summary.mean
            for method in self.methods
            if method.kind != "ablation" and (summary := self.summary(method, protocol, key))
        }
        usable = {key: mean for key, mean in means.items() if not math.isnan(mean)}
        if len(usable) < 2:
            return set()
        edge = (max if metric.higher_is_better else min)(usable.values())
        return {key for key, mean in usable.items() if metric.show(mean) == metric.show(edge)}


def compare(runs: Sequence[RunRecord], protocol: str | None = None) -> list[Comparison]:
    """One comparison for each data set, in order of first appearance; `protocol` is quoted first."""
    by_dataset: dict[str, list[tuple[int, RunRecord, ResultsFolder]]] = {}
    for series, run in enumerate(runs):
        for entry in run.results_folders:
            by_dataset.setdefault(entry.results.dataset, []).append((series, run, entry))
    found = [_comparison(dataset, entries) for dataset, entries in by_dataset.items()]
    if protocol is not None and found:
        known = {name for one in found for name in one.protocols}
        if protocol not in known:
            raise UsageError(
                f"protocol {protocol!r} is not among these results{suggestion(protocol, known)} "
                f"(there are: {', '.join(sorted(known))})"
            )
        for one in found:
            one.protocols = dict(sorted(one.protocols.items(), key=lambda entry: entry[0] != protocol))
    return found


def _comparison(dataset: str, entries: list[tuple[int, RunRecord, ResultsFolder]]) -> Comparison:
    comparison = Comparison(dataset, int(entries[0][2].results.scale))
    for place, (series, run, entry) in enumerate(entries):
        twice = sum(other is run for _, other, _ in entries) > 1
        label = f"{run.name}, {entry.folder.name}" if twice else run.name
        comparison.sources.append((label, entry))
        for number, name in enumerate(entry.results.methods):
            kind, shown = _role(name, label, entry.results.run, alone=len(entries) == 1)
            _, part, perturbed = split_method(name)
            comparison.methods.append(Method(f"{place}-{number}", shown, kind, entry, name, series, perturbed, part))
    _merge_baselines(comparison)
    _check_scales(comparison)
    _make_labels_unique(comparison)
    comparison.methods.sort(key=lambda one: KINDS.index(one.kind))
    return comparison


def _role(name: str, label: str, run: str, alone: bool) -> tuple[Kind, str]:
    """The kind of a method and its label on the page."""
    if name in BASELINES:
        return "baseline", BASELINES[name]
    stem, part, perturbed = split_method(name)
    own = label if stem == run else stem if alone else f"{stem} ({label})"
    return ("ablation", f"{own}, {part} {perturbed}") if perturbed else ("run", own)


def _merge_baselines(comparison: Comparison) -> None:
    """Keeps one row for a baseline with equal scores in all runs; otherwise keeps all and warns."""
    kept: list[Method] = []
    differing: list[str] = []
    for method in comparison.methods:
        if method.kind != "baseline":
            kept.append(method)
            continue
        others = [one for one in kept if one.kind == "baseline" and one.name == method.name]
        row = next((one for one in others if _same_scores(one, method)), None)
        if row is None:
            row = method
            if others:
                label = next(label for label, entry in comparison.sources if entry is method.source)
                row = replace(method, label=f"{method.label} ({label})")
                differing.append(method.name)
            kept.append(row)
        comparison.baselines[id(method.source), method.name] = row
    comparison.methods = kept
    if differing:
        sizes = [f"{label}: {count(len(_images(entry)), 'image')}" for label, entry in comparison.sources]
        comparison.warnings.append(
            f"The runs were not evaluated on the same images of {comparison.dataset}: the same baseline "
            f"({', '.join(sorted(set(differing)))}) has different scores ({'; '.join(sizes)}). "
            "Compare each run with its own baseline only."
        )


def _make_labels_unique(comparison: Comparison) -> None:
    """Numbers equal labels: a run may have the name of a baseline."""
    taken: dict[str, int] = {}
    for place, method in enumerate(comparison.methods):
        taken[method.label] = taken.get(method.label, 0) + 1
        if taken[method.label] > 1:
            renamed = replace(method, label=f"{method.label} #{taken[method.label]}")
            comparison.methods[place] = renamed
            if method.kind == "baseline":
                comparison.baselines[id(method.source), method.name] = renamed


def _check_scales(comparison: Comparison) -> None:
    scales = sorted({entry.results.scale for _, entry in comparison.sources})
    if len(scales) > 1:
        comparison.warnings.append(f"The runs have different scales ({', '.join(map(str, scales))}).")


def _same_scores(a: Method, b: Method) -> bool:
    """Whether two runs have equal scores for a baseline, under every protocol and metric that both have."""
    ours, theirs = ({_place(s): s.value for s in one.source.results.scores if s.method == one.name} for one in (a, b))
    if _images(a.source) != _images(b.source):
        return False
    return all(math.isclose(ours[key], theirs[key], rel_tol=1e-6, abs_tol=1e-9) for key in ours.keys() & theirs.keys())


def _place(score: Score) -> tuple[str, str, str]:
    return score.image, score.protocol, score.metric


def _images(entry: ResultsFolder) -> frozenset[str]:
    return frozenset(_names(entry)) - {""}


def _names(entry: ResultsFolder) -> Iterable[str]:
    return (score.image for score in entry.results.scores)
