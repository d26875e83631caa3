"""NIQE: distance of an image's block statistics from those of natural photographs; no reference image.

A. Mittal, R. Soundararajan and A. C. Bovik, Making a "Completely Blind" Image Quality Analyzer, 2013; with the original
release's parameters, and blocks of 96 pixels that do not overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.metrics.base import ImageMetric
from refsr.metrics.building import MetricConfig
from refsr.metrics.colour import luma
from refsr.ops.resize import imresize

Array = npt.NDArray[Any]
Values = npt.NDArray[np.float64]

BLOCK = 96
PARAMETERS = Path(__file__).parent / "niqe_parameters" / "niqe_pris_params.npz"
# Offsets of the neighbours for paired products: right, below, both diagonals.
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class NaturalModel:
    """Gaussian model of natural photographs' features, and the window of contrast normalization."""

    mean: Values
    covariance: Values
    window: Values


def niqe(image: Array) -> float:
    """(H, W, 3) RGB or (H, W) luma, in [0, 255] -> distance; sides of 96 pixels at least, two whole blocks."""
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim == 3 and image.shape[2] != 3:
        raise DataError(f"niqe needs three bands or one, got {image.shape[2]}")
    levels = np.rint(luma(image) if image.ndim == 3 else image.astype(np.float64))
    rows, columns = (side // BLOCK for side in levels.shape)
    if rows * columns < 2:
        raise DataError(
            f"niqe needs two blocks of {BLOCK}x{BLOCK} pixels after the border is cut, got {levels.shape[:2]}"
        )
    natural = _natural()
    levels = levels[: rows * BLOCK, : columns * BLOCK]
    half = imresize(levels / 255, 0.5) * 255
    features = np.concatenate(
        [block_features(levels, BLOCK, natural.window), block_features(half, BLOCK // 2, natural.window)], axis=1
    )
    finite = features[np.isfinite(features).all(axis=1)]
    if len(finite) < 2:
        raise DataError("niqe: fewer than two blocks have any texture")
    # The release averages each feature over the blocks where it is finite, but takes the covariance of blocks whose
    # features are all finite.
    difference = natural.mean.ravel() - np.nanmean(features, axis=0)
    covariance = (natural.covariance + np.cov(finite, rowvar=False)) / 2
    return float(np.sqrt(difference @ np.linalg.pinv(covariance) @ difference))


def block_features(levels: Values, side: int, window: Values) -> Values:
    """(H, W) -> (blocks, 18)."""
    contrast = normalised(levels, window)
    rows, columns = (length // side for length in levels.shape)
    blocks = contrast.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
    return np.stack([_features(block) for block in blocks])


def normalised(levels: Values, window: Values) -> Values:
    """(H, W) minus its local mean, over its local standard deviation plus one."""
    from scipy.ndimage import correlate

    mean = correlate(levels, window, mode="nearest")
    variance = correlate(levels**2, window, mode="nearest") - mean**2
    return np.asarray((levels - mean) / (np.sqrt(np.abs(variance)) + 1))


def _features(block: Values) -> Values:
    """The 18 features of a block: fit parameters of its values and of its products with each neighbour."""
    shape, left, right = generalised_gaussian(block)
    features = [shape, (left + right) / 2]
    for neighbour in NEIGHBOURS:
        shape, left, right = generalised_gaussian(block * np.roll(block, neighbour, axis=(0, 1)))
        features += [shape, (right - left) * _mean_ratio(shape), left, right]
    return np.array(features)


def generalised_gaussian(values: Values) -> tuple[float, float, float]:
    """Shape, left and right scale of the asymmetric generalised Gaussian fitted by moments.

    NaN where one side has no values.
    """
    shapes, ratios, widths = _shapes()
    below, above = values[values < 0], values[values > 0]
    if below.size == 0 or above.size == 0:
        # No shape fits; the release then takes the first of its table.
        left, right = _root_mean(below), _root_mean(above)
        return float(shapes[0]), left * float(widths[0]), right * float(widths[0])
    left, right = _root_mean(below), _root_mean(above)
    skew = left / right
    moments = np.mean(np.abs(values)) ** 2 / np.mean(values**2)
    wanted = moments * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    nearest = int(np.argmin((ratios - wanted) ** 2))
    return float(shapes[nearest]), float(left * widths[nearest]), float(right * widths[nearest])


def _root_mean(values: Values) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else np.nan


def _mean_ratio(shape: float) -> float:
    from scipy.special import gamma

    return float(gamma(2 / shape) / gamma(1 / shape))


@lru_cache(maxsize=1)
def _shapes() -> tuple[Values, Values, Values]:
    """Shapes from 0.2 to 10 in steps of 0.001, their ratio of moments, their scale at unit standard deviation."""
    from scipy.special import gamma

    shapes = np.arange(0.2, 10.001, 0.001)
    one, two, three = (gamma(order / shapes) for order in (1, 2, 3))
    return shapes, two**2 / (one * three), np.sqrt(one / three)


@lru_cache(maxsize=1)
def _natural() -> NaturalModel:
    with np.load(PARAMETERS, allow_pickle=False) as stored:
        return NaturalModel(stored["mu_pris_param"], stored["cov_pris_param"], stored["gaussian_window"])


def niqe_metric(config: MetricConfig) -> ImageMetric:
    """NIQE of the image; the target is not used."""
    return lambda image, target: niqe(image)
