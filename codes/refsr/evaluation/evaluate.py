"""Evaluation of a data set: baselines, the network, and the network with its reference perturbed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from refsr.core.digests import file_digest
from refsr.core.errors import DataError, UsageError
from refsr.core.options.schema import Options
from refsr.core.options.show import plain
from refsr.core.progress import ProgressFactory, no_progress
from refsr.core.version import __version__
from refsr.data.build import build_dataset
from refsr.data.perturbation import Perturbation, perturb_recorded
from refsr.data.sample import Sample
from refsr.data.sets.paired import PairedSet
from refsr.evaluation.baselines import BASELINES, Baseline
from refsr.evaluation.change_detection import ChangeDetection
from refsr.evaluation.changed_areas import ChangedAreas
from refsr.evaluation.evidence import PREFIX, save_evidence, with_evidence
from refsr.evaluation.images import ImageArray, file_name, one_batch, save_png, save_registration, to_hwc
from refsr.evaluation.land_cover import land_cover_of
from refsr.evaluation.metrics import Metrics
from refsr.evaluation.registrations import KEY as REGISTRATION
from refsr.evaluation.registrations import Registrations, registration_of
from refsr.evaluation.results import ABLATION, FILE, PERTURBABLE, Results, Score
from refsr.evaluation.weights import LoadedNetwork, load_network
from refsr.inference.evidence import bands_of
from refsr.inference.tiling import restore_tiled
from refsr.inference.trust_options import NO_TRUST, Trust
from refsr.inference.trusted import trust_reach, trusted
from refsr.metrics.base import Array, SetMetric
from refsr.metrics.protocols import PROTOCOLS, protocol
from refsr.networks.descriptor import descriptor_of
from refsr.runs.model_file import model_file_at
from refsr.runs.process_group import Group
from refsr.tasks.restore import require_base, require_fit, restore_function

SAVED_MEMBERS = ("lr", "ref", "hr")
"""Members of a sample that are saved as images."""
SAVED_BASELINE = "bicubic"

TASKS = ("cover", "change")
"""Downstream tasks: land cover, measured wherever the options name true maps; change, where it is asked for."""

Column = tuple[str, str, str]
"""Method, protocol, metric."""


@dataclass(frozen=True)
class EvaluationOptions:
    """What an evaluation measures."""

    protocols: Sequence[str]
    metrics: Metrics
    ablations: Sequence[Perturbation] = ()
    save_images: bool = True
    limit: int | None = None
    """The first so many images; None: all."""
    pretrained: Mapping[str, Baseline] = field(default_factory=dict)
    """Pretrained baselines, beside the interpolations."""
    trust: Trust | None = None
    """How results are held to LR and to their references, and whether evidence is saved beside their images; None: they
    are the network's own."""
    tasks: Sequence[str] = ()
    """Downstream tasks that are asked for, of TASKS."""


def evaluate(
    options: Options,
    name: str,
    dataset: PairedSet,
    network: LoadedNetwork | None,
    what: EvaluationOptions,
    group: Group,
    folder: Path,
    progress: ProgressFactory = no_progress,
) -> Results:
    """Scores of the data set that the options call `name`, equal on every process; images are saved in `folder`."""
    evaluation = _Evaluation(options, name, dataset, network, what, group, folder)
    count = len(dataset) if what.limit is None else min(what.limit, len(dataset))
    columns = [
        (method, quoted, metric)
        for method in evaluation.methods
        for quoted in what.protocols
        for metric in (
            *what.metrics.images,
            *what.metrics.with_lr,
            *evaluation.areas.metrics,
            *evaluation.land_cover.image_metrics,
        )
    ]
    table = torch.zeros(count, len(columns), dtype=torch.float64)
    indices = range(group.rank, count, group.world)
    with progress(f"evaluating {name}", len(indices)) as bar:
        for index in indices:
            found = evaluation.image_scores(index)
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
        methods=evaluation.methods,
        protocols={quoted: PROTOCOLS[quoted].about for quoted in what.protocols},
        metrics={metric: dict(of) for metric, of in evaluation.metrics.items()},
        scores=scores + evaluation.set_scores(),
        pictures={key: evaluation.saved_images(key) for key in keys} if what.save_images else {},
        about=evaluation.about(keys),
    )


def evaluate_run(
    run: Path,
    options: Options,
    name: str,
    what: EvaluationOptions,
    folder: Path,
    group: Group,
    progress: ProgressFactory = no_progress,
) -> Results:
    """Scores of a run's network on its data set `name`: stored in `folder` already, or measured and written there."""
    network = load_network(model_file_at(run, averaged=options.val.use_ema))
    if "ref" not in descriptor_of(network.module).inputs:
        what = replace(what, ablations=())
    dataset = build_dataset(options.datasets[name], options.scale, options.run_seed)
    if not len(dataset):
        raise DataError(f"{dataset.name}: has no image to measure on")
    count = len(dataset) if what.limit is None else min(what.limit, len(dataset))
    if (folder / FILE).is_file():
        stored = Results.read(folder)
        if _suffices(stored, network, what, dataset, count) and _asked_alike(stored, options, name, what):
            return stored
    results = evaluate(options, name, dataset, network, what, group, folder, progress)
    if group.is_main:
        results.write(folder)
    return results


def _suffices(stored: Results, network: LoadedNetwork, what: EvaluationOptions, dataset: PairedSet, count: int) -> bool:
    """Whether results hold all that is asked for, of these weights and this registration, on `count` images."""
    methods = {f"{stored.run}{ABLATION}{perturbation}" for perturbation in what.ablations} | set(what.pretrained)
    return (
        methods <= set(stored.methods)
        and set(what.metrics.about) <= set(stored.metrics)
        and set(what.protocols) <= set(stored.protocols)
        and stored.about.get("weights", {}).get("sha256") == file_digest(network.file)
        and _same_registration(stored.about.get(REGISTRATION, {}), registration_of(dataset))
        and len({score.image for score in stored.scores if score.image}) == count
    )


def _asked_alike(stored: Results, options: Options, name: str, what: EvaluationOptions) -> bool:
    """Whether results were measured as it is asked for now: `refsr val` may have put others in the same folder."""
    before, now = (_decisive(of, name) for of in (stored.about.get("options", {}), plain(options)))
    return (
        before == now
        and stored.about.get("trust") == (None if what.trust is None else what.trust.sentence())
        and next(iter(stored.protocols), None) == what.protocols[0]
    )


def _decisive(options: Mapping[str, Any], name: str) -> str:
    """The options on which the scores of a data set depend, as text; registrations are compared by themselves."""
    own = dict(options.get("datasets", {}).get(name, {}))
    for key in ("n_workers", "verify_reads", "register", "register_cache"):
        own.pop(key, None)
    tiles = {key: options.get("val", {}).get(key) for key in ("tile", "tile_overlap", "tiling")}
    return json.dumps([own, tiles, options.get("sampling"), options.get("seed")], sort_keys=True)


def _same_registration(stored: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return {key: stored.get(key) for key in ("mode", "version")} == {
        key: wanted.get(key) for key in ("mode", "version")
    }


class _Evaluation:
    """The evaluation of one data set, image by image."""

    def __init__(
        self,
        options: Options,
        name: str,
        dataset: PairedSet,
        network: LoadedNetwork | None,
        what: EvaluationOptions,
        group: Group,
        folder: Path,
    ) -> None:
        self.options, self.dataset, self.network = options, dataset, network
        self.what, self.group, self.folder = what, group, folder
        self.baselines: dict[str, Baseline] = {
            method: make
            for method, make in BASELINES.items()
            if method != "lr_up" or dataset.provenance.get("lr_up") == "file"
        }
        self.baselines |= what.pretrained
        self.methods = [*self.baselines]
        if network is not None:
            descriptor = descriptor_of(network.module)
            dataset.serve(descriptor.inputs)
            sample = dataset[0]
            require_fit(descriptor, sample, f"datasets.{name}")
            require_base(network.module, sample, f"datasets.{name}")
            self.methods += [options.name, *(self._perturbed_name(one) for one in what.ablations)]
            for one in what.ablations:
                if one.member not in descriptor.inputs:
                    lack = f"takes no {PERTURBABLE[one.member]} that could be perturbed"
                    raise UsageError(f"--{one.member}: {network.card.spec.network} {lack}")
            network.module.to(group.device)
        self.registrations = Registrations(dataset, [self._perturbed_name(one) for one in what.ablations])
        self.areas = ChangedAreas(dataset)
        self.land_cover = land_cover_of(options, name, dataset, self.methods, what.protocols, "cover" in what.tasks)
        asked = "change" in what.tasks
        self.change = ChangeDetection(name, dataset, self.methods, what.protocols) if asked else None
        self._seconds: list[float] = []
        self._failed: dict[str, None] = {}
        self._set_metrics: dict[Column, SetMetric] = {
            (method, quoted, metric): make()
            for method in self.methods
            for quoted in what.protocols
            for metric, make in what.metrics.sets.items()
        }

    @property
    def metrics(self) -> dict[str, dict[str, str]]:
        """Unit, direction (higher or lower is better) and library of every metric."""
        found = self.what.metrics.about | self.areas.metrics | self.land_cover.metrics
        return found if self.change is None else found | self.change.metrics

    def image_scores(self, index: int) -> dict[Column, float]:
        """All scores of one sample; also updates the metrics of the whole set and saves images."""
        sample = self.dataset[index]
        target = to_hwc(sample["hr"])
        area = self.areas.of_sample(sample, index)
        cover = self.land_cover.of_sample(sample, index, self.what.protocols)
        change = None if self.change is None else self.change.of_sample(sample, index, self.what.protocols)
        scores: dict[Column, float] = {}
        lr = to_hwc(sample["lr"]) if self.what.metrics.with_lr else None
        for method, image, given in self._images(sample, index):
            measured = {} if lr is None else self._with_lr(image, target, lr)
            for quoted in self.what.protocols:
                pair = protocol(quoted).compared(image, target, self.options.scale)
                for metric in self.what.metrics.images:
                    scores[method, quoted, metric] = self._score(metric, quoted, *pair)
                scores |= {(method, quoted, metric): value for metric, value in measured.items()}
                found = {} if area is None else area.scores(image, given, pair, protocol(quoted))
                found |= {} if cover is None else cover.scores(method, image, protocol(quoted))
                scores |= {(method, quoted, metric): value for metric, value in found.items()}
                if change is not None:
                    change.count(method, image, protocol(quoted))
                for metric in self.what.metrics.sets:
                    self._set_metrics[method, quoted, metric].update(*pair)
            if self.what.save_images and method in self._saved_methods:
                save_png(self._image_path(sample["name"], method), image)
        if self.what.save_images:
            for member in self._saved_members:
                image = to_hwc(sample[member])  # type: ignore[literal-required]
                save_png(self._image_path(sample["name"], member), image)
            if self.network is not None:
                save_registration(self.folder / "images" / file_name(sample["name"]), self.dataset, sample["name"])
        return scores

    def _with_lr(self, image: ImageArray, target: ImageArray, lr: ImageArray) -> dict[str, float]:
        """The metrics of an image that need LR."""
        scale = self.options.scale
        return {name: measure(image, target, lr, scale) for name, measure in self.what.metrics.with_lr.items()}

    def _score(self, metric: str, quoted: str, image: Array, target: Array) -> float:
        """A score; NaN and a line in `not_measured` where the metric cannot take this image."""
        try:
            return self.what.metrics.images[metric](image, target)
        except DataError as error:
            self._failed[f"{metric} under {quoted}: {error}"] = None
            return math.nan

    def _images(self, sample: Sample, index: int) -> Iterator[tuple[str, ImageArray, Sample]]:
        """Each method, its image of one sample, and the sample that the image was made from."""
        for method, make in self.baselines.items():
            yield method, make(sample, self.options.scale), sample
        if self.network is None:
            return
        started = time.perf_counter()
        restored = self._restore(self.network, sample, evidence=bool(self._evidence))
        self._seconds.append(time.perf_counter() - started)
        yield self.options.name, restored, sample
        for one in self.what.ablations:
            perturbed, records = perturb_recorded(self.dataset, index, one, self.options.run_seed)
            self.registrations.add(self._perturbed_name(one), records)
            yield self._perturbed_name(one), self._restore(self.network, perturbed), perturbed

    @property
    def _evidence(self) -> tuple[str, ...]:
        """The planes that are saved beside the images of the network."""
        trust = self.what.trust
        return bands_of(trust) if trust is not None and trust.evidence and self.what.save_images else ()

    def _restore(self, network: LoadedNetwork, sample: Sample, evidence: bool = False) -> ImageArray:
        trust = replace(self.what.trust or NO_TRUST, evidence=evidence)
        sample = with_evidence(sample, self.options.scale) if evidence else sample
        restore = trusted(restore_function(network.card.model, self.options.sampling, self.options.run_seed), trust)
        beyond = trust_reach(descriptor_of(network.module), trust)
        batch, val = one_batch(sample, self.group.device), self.options.val
        with torch.inference_mode():
            image = restore_tiled(restore, network.module, batch, val.tile, val.tile_overlap, val.tiling, beyond)
        found, bands = to_hwc(image[0]), descriptor_of(network.module).channels
        if evidence:
            paths = [self._image_path(sample["name"], PREFIX + name) for name in self._evidence]
            save_evidence(paths, found[:, :, bands:], self._evidence)
        return found[:, :, :bands]

    def _perturbed_name(self, perturbation: Perturbation) -> str:
        return f"{self.options.name} {perturbation.member}={perturbation}"

    def set_scores(self) -> list[Score]:
        """The metrics of the whole set, over all processes."""
        for metric in self._set_metrics.values():
            for part in metric.sums:
                part.copy_(self.group.total(part))
        self.areas.agreement = self.group.total(self.areas.agreement)
        self.registrations.total(self.group)
        scores = {column: metric.result() for column, metric in self._set_metrics.items()}
        scores |= self.land_cover.totals(self.group)
        scores |= {} if self.change is None else self.change.totals(self.group)
        return [Score("", *column, value) for column, value in scores.items() if not math.isnan(value)]

    @property
    def _saved_methods(self) -> list[str]:
        return [method for method in self.methods if method == SAVED_BASELINE or method not in BASELINES]

    @property
    def _saved_members(self) -> list[str]:
        there = {*self.dataset.members, *self.dataset.derive}
        return [member for member in SAVED_MEMBERS if member in there]

    def _image_path(self, image: str, role: str) -> Path:
        return self.folder / "images" / file_name(image) / f"{file_name(role)}.png"

    def saved_images(self, image: str) -> dict[str, str]:
        """Paths of an image's files by member or method, relative to the folder."""
        roles = [*self._saved_members, *self._saved_methods, *(PREFIX + name for name in self._evidence)]
        return {role: str(self._image_path(image, role).relative_to(self.folder)) for role in roles}

    def about(self, keys: Sequence[str]) -> dict[str, Any]:
        """What is needed to quote the numbers of these images."""
        found: dict[str, Any] = {
            "refsr": __version__,
            "torch": torch.__version__,
            "device": str(self.group.device),
            "provenance": self.dataset.provenance,
            "notes": self.areas.notes() + self.land_cover.notes(),
            "not_measured": [*self.what.metrics.missing, *self._failed],
            "options": plain(self.options),
        }
        if self.what.trust is not None:
            found["trust"] = self.what.trust.sentence()
            found["notes"].append(self.what.trust.sentence())
        if self.change is not None:
            found["notes"] += self.change.notes()
        if self.network is not None:
            found["weights"] = self.network.record
            found["notes"] += self.network.card.origin.get("notes", [])
            registration = self.registrations.about(keys)
            if registration:
                found[REGISTRATION] = registration
                found["notes"] += self.registrations.notes(registration)
            if self._seconds:
                found["seconds_an_image"] = round(sum(self._seconds) / len(self._seconds), 4)
        return found
