"""Land-cover metrics: the land cover that a classifier reads in restored images, against true maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from refsr.core.errors import DataError, UsageError
from refsr.core.options.schema import Options
from refsr.data.build import build_dataset
from refsr.data.sample import Sample
from refsr.data.sets.paired import PairedSet
from refsr.data.stores import open_store
from refsr.data.stores.base import Store
from refsr.evaluation.images import ImageArray, to_hwc
from refsr.metrics.land_cover import LandCoverClassifier, accuracy, confusion, fit_classifier, kappa, mean_iou
from refsr.metrics.protocols import Protocol, protocol
from refsr.runs.process_group import Group

Classes = npt.NDArray[np.int64]

KEY = "dataroot_cover"
IMAGE_METRIC = "cover-accuracy"
SET_METRICS = {"cover-miou": mean_iou, "cover-kappa": kappa}
CEILING = "hr"
"""The target itself, counted like a method."""


@dataclass
class LandCover:
    """The land cover of a data set; without true maps there are no metrics."""

    reader: LandCoverClassifier | None = None
    store: Store | None = None
    dataset: PairedSet | None = None
    trained_on: str = ""
    tables: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    """Pixels by true and found class, for each method and protocol."""

    @property
    def image_metrics(self) -> tuple[str, ...]:
        return () if self.reader is None else (IMAGE_METRIC,)

    @property
    def metrics(self) -> dict[str, dict[str, str]]:
        """ImageArray, direction, library."""
        names = () if self.reader is None else (IMAGE_METRIC, *SET_METRICS)
        return {name: {"unit": "", "better": "higher", "library": "refsr"} for name in names}

    def of_sample(self, sample: Sample, index: int, protocols: Sequence[str]) -> SampleLandCover | None:
        """The land cover of one sample; also counts the target's classification under each protocol."""
        if self.reader is None or self.store is None or self.dataset is None:
            return None
        target = to_hwc(sample["hr"])
        truth = cover_map(self.store, self.dataset.keys[index], target)
        cover = SampleLandCover(self, self.reader, truth, self.dataset.scale)
        for quoted in protocols:
            cover.scores(CEILING, target, protocol(quoted))
        return cover

    def totals(self, group: Group) -> dict[tuple[str, str, str], float]:
        """The metrics of the whole set by method, protocol and name; the target's own are in the notes."""
        self.tables = {key: group.total(table) for key, table in self.tables.items()}
        return {
            (method, quoted, name): metric(table.numpy())
            for (method, quoted), table in self.tables.items()
            for name, metric in SET_METRICS.items()
            if method != CEILING
        }

    def notes(self) -> list[str]:
        """How land cover was classified, and the targets' own scores; call after `totals`."""
        own = {quoted: table.numpy() for (method, quoted), table in self.tables.items() if method == CEILING}
        return [
            f"land cover is read by a classifier fitted to {self.trained_on}; on HR itself under {quoted}: "
            f"accuracy {accuracy(table):.4f}, mean IoU {mean_iou(table):.4f}, kappa {kappa(table):.4f}"
            for quoted, table in own.items()
        ]


@dataclass
class SampleLandCover:
    """The true land cover of one sample."""

    land_cover: LandCover
    reader: LandCoverClassifier
    truth: Classes
    scale: int
    _read: tuple[ImageArray, Classes] | None = None

    def scores(self, method: str, image: ImageArray, quoted: Protocol) -> dict[str, float]:
        """Accuracy of the land cover in a method's image (H, W, C) in [0, 1]; also counted for the whole set."""
        if self._read is None or self._read[0] is not image:
            self._read = image, self.reader.predict(image)
        truth, found = (quoted.inside(one, self.scale) for one in (self.truth, self._read[1]))
        table = confusion(truth, found, self.reader.classes)
        key = (method, quoted.name)
        self.land_cover.tables[key] += torch.from_numpy(table)
        return {IMAGE_METRIC: accuracy(table)}


def land_cover_of(
    options: Options,
    name: str,
    dataset: PairedSet,
    methods: Sequence[str],
    protocols: Sequence[str],
    asked: bool = False,
) -> LandCover:
    """The land cover of the data set that the options call `name`; the classifier is fitted now.

    Without true maps there is none, which is an error where it was asked for.
    """
    root = options.datasets[name].dataroot_cover
    if root is None:
        if asked:
            raise UsageError(f"--task cover: datasets.{name} has no {KEY}; it needs true land cover")
        return LandCover()
    wanted = options.datasets.get("train")
    if wanted is None or wanted.dataroot_cover is None or wanted.dataroot_GT is None:
        raise UsageError(f"datasets.{name}.{KEY}: the classifier needs dataroot_GT and {KEY} of datasets.train")
    alone = {"mode": "single", "lr": "from_hr", "dataroot_LQ": None, "GT_size": None}
    training = build_dataset(wanted.model_copy(update=alone), options.scale, options.run_seed)
    reader = fit_classifier(_training_images(training, open_store(wanted.dataroot_cover)), options.run_seed)
    side = len(reader.classes) + 1
    # All tables from the start, since processes without an image take part in the sum.
    tables = {
        (method, quoted): torch.zeros(side, side, dtype=torch.float64)
        for method in (CEILING, *methods)
        for quoted in protocols
    }
    return LandCover(reader, open_store(root), dataset, f"{len(training)} images of {training.name}", tables)


def _training_images(training: PairedSet, store: Store) -> Iterator[tuple[ImageArray, Classes]]:
    for index, key in enumerate(training.keys):
        image = to_hwc(training[index]["hr"])
        yield image, cover_map(store, key, image)


def cover_map(store: Store, key: str, image: ImageArray) -> Classes:
    """(H, W) classes of an image, cropped at the bottom and right to the image's size."""
    if key not in store.keys():
        raise DataError(f"{store.path}: has no land cover of {key}")
    raw = store.read(key)
    height, width = image.shape[:2]
    if raw.shape[2] != 1 or raw.shape[0] < height or raw.shape[1] < width:
        shown = "x".join(map(str, raw.shape))
        raise DataError(f"{store.path}: {key}: {shown} is no map of one band for an image of {height}x{width}")
    classes: Classes = raw[:height, :width, 0].astype(np.int64)
    return classes
