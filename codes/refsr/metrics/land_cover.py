"""Land cover classified from an image, compared with the true map.

The classifier is trained on ground truth images only, so no restoring method is favoured. It makes errors on ground
truth too; its scores there are reported beside.
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
"""Sides in pixels of the windows for mean colour and texture."""
PIXELS = 2000
"""Sampled from each image for training."""
FOURIER_FEATURES, FREQUENCY = 256, 0.3
"""Number of random Fourier features, and the std of their frequencies for standardized features."""
RIDGE = 1e-5
CHUNK = 1 << 15
"""Pixels classified at once."""


def features(image: Array) -> npt.NDArray[np.float32]:
    """(H, W, C) in [0, 1] -> (H, W, F): colour of the pixel; mean colour and std of brightness in windows around it."""
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
class LandCoverClassifier:
    """Least-squares classifier on random Fourier features: the class with the highest score."""

    classes: npt.NDArray[np.int64]
    centre: Array
    spread: Array
    frequencies: Array
    phases: Array
    weights: Array

    def predict(self, image: Array) -> npt.NDArray[np.int64]:
        """(H, W, C) in [0, 1] -> (H, W) classes."""
        height, width, bands = image.shape
        rows = features(image).reshape(height * width, -1)
        if rows.shape[1] != len(self.centre):
            raise DataError(f"the land cover classifier was trained on images of other bands than these {bands}")
        parts = [rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK)]
        found = np.concatenate([np.argmax(self._fourier_features(part) @ self.weights, axis=1) for part in parts])
        classes: npt.NDArray[np.int64] = self.classes[found].reshape(height, width)
        return classes

    def _fourier_features(self, rows: Array) -> Array:
        return _fourier_features((rows - self.centre) / self.spread, self.frequencies, self.phases)


def fit_classifier(places: Iterable[tuple[Array, Array]], seed: int = 0) -> LandCoverClassifier:
    """A classifier trained on images (H, W, C) in [0, 1] and their true maps (H, W); a function of these and the seed.

    Pixels are sampled uniformly, so classes are weighted by their area.
    """
    rows, truths = [], []
    for index, (image, truth) in enumerate(places):
        if truth.shape != image.shape[:2]:
            raise DataError(f"the image has shape {image.shape}, its land cover {truth.shape}")
        drawn = numpy_generator(seed, "land cover", index).integers(truth.size, size=PIXELS)
        rows.append(features(image).reshape(truth.size, -1)[drawn])
        truths.append(truth.ravel()[drawn])
    if not rows:
        raise DataError("there is no image to train the land cover classifier on")
    known, truth = np.concatenate(rows).astype(np.float64), np.concatenate(truths)
    centre, spread = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    generator = numpy_generator(seed, "land cover", "waves")
    frequencies = generator.standard_normal((known.shape[1], FOURIER_FEATURES)) * FREQUENCY
    phases = generator.uniform(0, 2 * np.pi, FOURIER_FEATURES)
    random_features = _fourier_features((known - centre) / spread, frequencies, phases)
    classes = np.unique(truth).astype(np.int64)
    wanted = (truth[:, None] == classes).astype(np.float64)
    square = random_features.T @ random_features + RIDGE * len(random_features) * np.eye(random_features.shape[1])
    weights = np.linalg.solve(square, random_features.T @ wanted)
    small = [one.astype(np.float32) for one in (centre, spread, frequencies, phases, weights)]
    return LandCoverClassifier(classes, *small)


def _fourier_features(rows: Array, frequencies: Array, phases: Array) -> Array:
    """(N, F) -> (N, FOURIER_FEATURES + 1): cosines, and a constant."""
    ones = np.ones((len(rows), 1), rows.dtype)
    return np.concatenate([np.cos(rows @ frequencies + phases), ones], axis=1)


def confusion(truth: Array, found: Array, classes: Array) -> Counts:
    """(H, W) maps -> (K + 1, K + 1) pixels by true and found class; the last counts all others."""
    count = len(classes) + 1
    return np.bincount(
        _class_indices(truth, classes) * count + _class_indices(found, classes), minlength=count**2
    ).reshape(count, count)


def _class_indices(values: Array, classes: Array) -> Counts:
    """Each value's index among the sorted classes; their number for other values."""
    values = values.ravel().astype(np.int64)
    place = np.minimum(np.searchsorted(classes, values), len(classes) - 1)
    return np.where(classes[place] == values, place, len(classes)).astype(np.int64)


def accuracy(table: Array) -> float:
    """The share of correctly classified pixels; pixels of unknown classes count as wrong."""
    return float(np.trace(table[:-1, :-1]) / table.sum())


def mean_iou(table: Array) -> float:
    """Intersection over union, averaged over the classes that occur in the truth."""
    right = np.diag(table).copy()
    right[-1] = 0
    union = table.sum(axis=0) + table.sum(axis=1) - np.diag(table)
    there = table.sum(axis=1) > 0
    return float((right[there] / union[there]).mean())


def kappa(table: Array) -> float:
    """Cohen's kappa: agreement beyond chance, for the given share of each class."""
    total = table.sum()
    chance = float((table.sum(axis=0) * table.sum(axis=1)).sum() / total**2)
    return 1.0 if chance == 1 else (accuracy(table) - chance) / (1 - chance)
