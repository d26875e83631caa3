"""Land cover as a plain classifier reads it off an image, held against the true map.

The classifier is fitted on sharp images and knows nothing of how a result was made: what it can no longer read in a
restored image is not there. It errs on sharp images too, so what it reads in the target itself is quoted beside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator

Array = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]

WINDOWS = (5, 15)
"""Sides in pixels over which colour and texture are taken, beside the pixel itself."""
PIXELS = 2000
"""Drawn from each image to learn from."""
WAVES, PACE = 256, 0.3
"""Random Fourier features and their frequency, in units of the features' deviations: a smooth kernel."""
PENALTY = 1e-5
AT_ONCE = 1 << 15
"""Pixels that are classified together."""


def features(image: Array) -> npt.NDArray[np.float32]:
    """(H, W, C) in [0, 1] -> (H, W, F): colour of the pixel; mean colour and deviation of brightness round it."""
    from scipy.ndimage import uniform_filter

    image = np.asarray(image, np.float32)
    bright = image.mean(axis=2)
    found = [image]
    for window in WINDOWS:
        mean, power = (uniform_filter(one, window, mode="reflect") for one in (bright, bright**2))
        found.append(uniform_filter(image, (window, window, 1), mode="reflect"))
        found.append(np.sqrt(np.maximum(power - mean**2, 0))[:, :, None])
    return np.concatenate(found, axis=2)


@dataclass(frozen=True)
class CoverReader:
    """Least squares on random Fourier features: a class is where its indicator is highest."""

    classes: npt.NDArray[np.int64]
    centre: Array
    spread: Array
    waves: Array
    phases: Array
    weights: Array

    def read(self, image: Array) -> npt.NDArray[np.int64]:
        """(H, W, C) in [0, 1] -> (H, W) classes."""
        height, width, bands = image.shape
        rows = features(image).reshape(height * width, -1)
        if rows.shape[1] != len(self.centre):
            raise DataError(f"land cover was learnt from images of other bands than these {bands}")
        parts = [rows[first : first + AT_ONCE] for first in range(0, len(rows), AT_ONCE)]
        found = np.concatenate([np.argmax(self._lifted(part) @ self.weights, axis=1) for part in parts])
        classes: npt.NDArray[np.int64] = self.classes[found].reshape(height, width)
        return classes

    def _lifted(self, rows: Array) -> Array:
        return _lifted((rows - self.centre) / self.spread, self.waves, self.phases)


def fitted(places: Iterable[tuple[Array, Array]], seed: int = 0) -> CoverReader:
    """A reader of classes from images (H, W, C) in [0, 1] and their true maps (H, W); a function of these and the seed.

    Pixels are drawn evenly, so that common classes count for as much as there is of them.
    """
    rows, truths = [], []
    for index, (image, truth) in enumerate(places):
        if truth.shape != image.shape[:2]:
            raise DataError(f"the image has shape {image.shape}, its land cover {truth.shape}")
        drawn = numpy_generator(seed, "land cover", index).integers(truth.size, size=PIXELS)
        rows.append(features(image).reshape(truth.size, -1)[drawn])
        truths.append(truth.ravel()[drawn])
    if not rows:
        raise DataError("there is no image to learn land cover from")
    known, truth = np.concatenate(rows).astype(np.float64), np.concatenate(truths)
    centre, spread = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    generator = numpy_generator(seed, "land cover", "waves")
    waves = generator.standard_normal((known.shape[1], WAVES)) * PACE
    phases = generator.uniform(0, 2 * np.pi, WAVES)
    lifted = _lifted((known - centre) / spread, waves, phases)
    classes = np.unique(truth).astype(np.int64)
    wanted = (truth[:, None] == classes).astype(np.float64)
    square = lifted.T @ lifted + PENALTY * len(lifted) * np.eye(lifted.shape[1])
    weights = np.linalg.solve(square, lifted.T @ wanted)
    small = [one.astype(np.float32) for one in (centre, spread, waves, phases, weights)]
    return CoverReader(classes, *small)


def _lifted(rows: Array, waves: Array, phases: Array) -> Array:
    """(N, F) -> (N, WAVES + 1): cosines, and a constant."""
    ones = np.ones((len(rows), 1), rows.dtype)
    return np.concatenate([np.cos(rows @ waves + phases), ones], axis=1)


def confusion(truth: Array, found: Array, classes: Array) -> Counts:
    """(H, W) maps -> (K + 1, K + 1) pixels by true and found class; the last counts all others."""
    count = len(classes) + 1
    return np.bincount(_places(truth, classes) * count + _places(found, classes), minlength=count**2).reshape(
        count, count
    )


def _places(values: Array, classes: Array) -> Counts:
    """Each value's place among the sorted classes, their number where it is none of them."""
    values = values.ravel().astype(np.int64)
    place = np.minimum(np.searchsorted(classes, values), len(classes) - 1)
    return np.where(classes[place] == values, place, len(classes)).astype(np.int64)


def accuracy(table: Array) -> float:
    """The share of pixels that are read right; what no class was learnt for is wrong."""
    return float(np.trace(table[:-1, :-1]) / table.sum())


def mean_iou(table: Array) -> float:
    """Intersection over union, averaged over the classes that occur in truth."""
    right = np.diag(table).copy()
    right[-1] = 0
    union = table.sum(axis=0) + table.sum(axis=1) - np.diag(table)
    there = table.sum(axis=1) > 0
    return float((right[there] / union[there]).mean())


def kappa(table: Array) -> float:
    """Cohen's kappa: agreement beyond that of maps with as much of each class, laid out at random."""
    total = table.sum()
    chance = float((table.sum(axis=0) * table.sum(axis=1)).sum() / total**2)
    return 1.0 if chance == 1 else (accuracy(table) - chance) / (1 - chance)
