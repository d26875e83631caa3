"""The full account of a data set: baselines, the network, and the network with its reference perturbed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from refsr.core.errors import DataError, UsageError
from refsr.core.options.schema import Options
from refsr.core.options.show import plain
from refsr.core.progress import ProgressFactory, no_progress
from refsr.core.version import __version__
from refsr.data.perturbation import Perturbation, perturb
from refsr.data.sample import Sample
from refsr.data.sets.paired import PairedSet
from refsr.evaluation.areas import Areas
from refsr.evaluation.baselines import BASELINES
from refsr.evaluation.land_cover import covers_of
from refsr.evaluation.measuring import Unit, one_batch, planes_last, share
from refsr.evaluation.pictures import file_name, save
from refsr.evaluation.plan import Plan
from refsr.evaluation.pretrained import PretrainedNetwork
from refsr.evaluation.results import SPOILT, Results, Score
from refsr.evaluation.weights import Weights
from refsr.inference.tiling import restore_tiled
from refsr.metrics.pair import Array, SetMetric
from refsr.metrics.protocols import PROTOCOLS, protocol
from refsr.runs.process_group import Group
from refsr.tasks.inference import descriptor_of, require_fit, restore_function

MEMBERS = ("lr", "ref", "hr")
"""What of a sample is kept as pictures."""
PICTURED_BASELINE = "bicubic"

Column = tuple[str, str, str]
"""Method, protocol, metric."""


def evaluate(
    options: Options,
    name: str,
    dataset: PairedSet,
    weights: Weights | None,
    plan: Plan,
    group: Group,
    folder: Path,
    progress: ProgressFactory = no_progress,
) -> Results:
    """Scores of `dataset`, which the options call `name`, equal on every process; pictures go to `folder`."""
    account = _Account(options, name, dataset, weights, plan, group, folder)
    count = len(dataset) if plan.limit is None else min(plan.limit, len(dataset))
    columns = [
        (method, quoted, metric)
        for method in account.methods
        for quoted in plan.protocols
        for metric in (*plan.judges.images, *account.areas.metrics, *account.covers.image_metrics)
    ]
    table = torch.zeros(count, len(columns), dtype=torch.float64)
    indices = share(count, group)
    with progress(f"validating {name}", len(indices)) as bar:
        for index in indices:
            found = account.measured(index)
            table[index] = torch.tensor([found[column] for column in columns], dtype=torch.float64)
            bar.advance()
    keys = dataset.keys[:count]
    scores = [
        Score(key, *column, value)
        for key, row in zip(keys, group.total(table).tolist(), strict=True)
        for column, value in zip(columns, row, strict=True)
        if not math.isnan(value)
    ]
    return Results(
        run=options.name,
        dataset=options.datasets[name].name or name,
        scale=options.scale,
        methods=account.methods,
        protocols={quoted: PROTOCOLS[quoted].about for quoted in plan.protocols},
        metrics={metric: dict(of) for metric, of in account.metrics.items()},
        scores=scores + account.set_scores(),
        pictures={key: account.pictured(key) for key in keys} if plan.pictures else {},
        about=account.about(),
    )


class _Account:
    """One data set, image by image."""

    def __init__(
        self,
        options: Options,
        name: str,
        dataset: PairedSet,
        weights: Weights | None,
        plan: Plan,
        group: Group,
        folder: Path,
    ) -> None:
        self.options, self.dataset, self.weights = options, dataset, weights
        self.plan, self.group, self.folder = plan, group, folder
        self.baselines: dict[str, PretrainedNetwork] = {
            method: make
            for method, make in BASELINES.items()
            if method != "lr_up" or dataset.provenance.get("lr_up") == "file"
        }
        self.baselines |= plan.neighbours
        self.methods = [*self.baselines]
        if weights is not None:
            require_fit(descriptor_of(weights.network), dataset[0], f"datasets.{name}")
            self.methods += [options.name, *(self._perturbed_name(how) for how in plan.ablations)]
            for how in plan.ablations:
                if how.member not in descriptor_of(weights.network).inputs:
                    what = f"takes no {SPOILT[how.member]} that could be perturbed"
                    raise UsageError(f"--{how.member}: {weights.card.blueprint.network} {what}")
            weights.network.to(group.device)
        self.areas = Areas(dataset)
        self.covers = covers_of(options, name, dataset, self.methods, plan.protocols)
        self._seconds: list[float] = []
        self._failed: dict[str, None] = {}
        self._sets: dict[Column, SetMetric] = {
            (method, quoted, metric): make()
            for method in self.methods
            for quoted in plan.protocols
            for metric, make in plan.judges.sets.items()
        }

    @property
    def metrics(self) -> dict[str, dict[str, str]]:
        """All that is measured: unit, whether higher or lower is better, library."""
        return self.plan.judges.about | self.areas.metrics | self.covers.metrics

    def measured(self, index: int) -> dict[Column, float]:
        """All per-image scores of one sample."""
        sample = self.dataset[index]
        target = planes_last(sample["hr"])
        area, cover = self.areas.look(sample, index), self.covers.look(sample, index, self.plan.protocols)
        scores: dict[Column, float] = {}
        for method, image, given in self._images(sample, index):
            for quoted in self.plan.protocols:
                pair = protocol(quoted).compared(image, target, self.options.scale)
                for metric in self.plan.judges.images:
                    scores[method, quoted, metric] = self._scored(metric, quoted, *pair)
                if area is not None:
                    found = area.scores(image, given, pair, protocol(quoted))
                    scores |= {(method, quoted, metric): value for metric, value in found.items()}
                if cover is not None:
                    found = cover.scores(method, image, protocol(quoted))
                    scores |= {(method, quoted, metric): value for metric, value in found.items()}
                for metric in self.plan.judges.sets:
                    self._sets[method, quoted, metric].update(*pair)
            if self.plan.pictures and method in self._pictured_methods:
                save(self._place(sample["name"], method), image)
        if self.plan.pictures:
            for member in self._pictured_members:
                save(self._place(sample["name"], member), planes_last(sample[member]))  # type: ignore[literal-required]
        return scores

    def _scored(self, metric: str, quoted: str, image: Array, target: Array) -> float:
        """A score, or NaN where the metric cannot take this image, which is told."""
        try:
            return self.plan.judges.images[metric](image, target)
        except DataError as error:
            self._failed[f"{metric} under {quoted}: {error}"] = None
            return math.nan

    def _images(self, sample: Sample, index: int) -> Iterator[tuple[str, Unit, Sample]]:
        """Each method's image of one sample, and what it was made from."""
        for method, make in self.baselines.items():
            yield method, make(sample, self.options.scale), sample
        if self.weights is None:
            return
        started = time.perf_counter()
        restored = self._restored(sample)
        self._seconds.append(time.perf_counter() - started)
        yield self.options.name, restored, sample
        for how in self.plan.ablations:
            perturbed = perturb(self.dataset, index, how, self.options.run_seed)
            yield self._perturbed_name(how), self._restored(perturbed), perturbed

    def _restored(self, sample: Sample) -> Unit:
        assert self.weights is not None
        restore = restore_function(self.weights.card.model, self.options.sampling, self.options.run_seed)
        batch, wishes = one_batch(sample, self.group.device), self.options.val
        with torch.inference_mode():
            image = restore_tiled(restore, self.weights.network, batch, wishes.tile, wishes.tile_overlap, wishes.tiling)
        return planes_last(image[0])

    def _perturbed_name(self, how: Perturbation) -> str:
        return f"{self.options.name} {how.member}={how}"

    def set_scores(self) -> list[Score]:
        """The metrics of the whole set, from what all processes have seen."""
        for judge in self._sets.values():
            for part in judge.sums:
                part.copy_(self.group.total(part))
        self.areas.agreement = self.group.total(self.areas.agreement)
        scores = [Score("", *column, judge.result()) for column, judge in self._sets.items()]
        return scores + [Score("", *column, value) for column, value in self.covers.totals(self.group).items()]

    @property
    def _pictured_methods(self) -> list[str]:
        return [method for method in self.methods if method == PICTURED_BASELINE or method not in BASELINES]

    @property
    def _pictured_members(self) -> list[str]:
        there = {*self.dataset.members, *self.dataset.derive}
        return [member for member in MEMBERS if member in there]

    def _place(self, image: str, role: str) -> Path:
        return self.folder / "images" / file_name(image) / f"{file_name(role)}.png"

    def pictured(self, image: str) -> dict[str, str]:
        """Where the pictures of an image are, by role."""
        roles = [*self._pictured_members, *self._pictured_methods]
        return {role: str(self._place(image, role).relative_to(self.folder)) for role in roles}

    def about(self) -> dict[str, Any]:
        """What is needed to quote the numbers."""
        missing = [*self.plan.judges.missing, *self._failed]
        found: dict[str, Any] = {
            "refsr": __version__,
            "torch": torch.__version__,
            "device": str(self.group.device),
            "provenance": self.dataset.provenance,
            "notes": self.areas.notes() + self.covers.notes(),
            "not_measured": missing,
            "options": plain(self.options),
        }
        if self.weights is not None:
            found["weights"] = self.weights.record
            found["notes"] += self.weights.card.origin.get("notes", [])
            if self._seconds:
                found["seconds_an_image"] = round(sum(self._seconds) / len(self._seconds), 4)
        return found
