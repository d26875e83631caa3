"""What a restored image makes of LR: whether it still is LR when reduced, and what it improves, omits and invents.

The triad is that of Aybar et al. 2024 (A Comprehensive Benchmark for Optical Remote Sensing Image Super-Resolution,
IEEE GRSL, doi:10.1109/LGRS.2024.3401394): at each pixel, distances of the image to the ground truth and to upsampled
LR, both relative to the distance of these two from one another, decide which of three it is nearest to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.ops.resize import imresize

Array = npt.NDArray[Any]

LAMBDA = 0.8
"""The parameter of the curves that part the three, for all of them: what opensr-test 1.3 has for the first two."""
NOTHING_THERE = 1 / 255
"""Where no two of the three images differ by more, nothing was improved, omitted or invented."""
SMALLEST = 1e-6
"""Keeps distances finite where ground truth and upsampled LR are the same."""
KINDS = ("improvement", "omission", "hallucination")


def triad_map(image: Array, target: Array, lr: Array, scale: int) -> Array:
    """(s*h, s*w, C) image and ground truth, (h, w, C) LR, in [0, 1] -> (s*h, s*w): an index of KINDS, -1 where none.

    Distances are mean absolute differences over bands.
    """
    if image.shape != target.shape or image.shape[:2] != (scale * lr.shape[0], scale * lr.shape[1]):
        raise DataError(f"an image of shape {image.shape}, its target {target.shape} and LR {lr.shape} are of no triad")
    up = np.clip(imresize(np.asarray(lr, np.float32), scale), 0, 1)
    apart = [np.abs(one - other).mean(axis=2) for one, other in ((target, up), (image, target), (image, up))]
    known = np.max(apart, axis=0) > NOTHING_THERE
    between, to_target, to_lr = apart
    to_target, to_lr = (one / np.maximum(between, SMALLEST) for one in (to_target, to_lr))
    return np.where(known, distances(to_target, to_lr).argmin(axis=0), -1)


def distances(to_target: Array, to_lr: Array) -> Array:
    """Distances to ground truth and to upsampled LR (...) -> to each of KINDS, (3, ...)."""
    # The triangle inequality: it is 0 on the straight line from LR to the ground truth.
    beyond = np.maximum(to_target + to_lr - 1, 0)
    bent = 1 - np.exp(-LAMBDA * beyond)
    return np.stack((to_target + to_lr * bent, to_lr + to_target * bent, np.exp(-LAMBDA * to_target * to_lr)))


def _share(kind: str) -> Callable[[Array, Array, Array, int], float]:
    def share(image: Array, target: Array, lr: Array, scale: int) -> float:
        found = triad_map(image, target, lr, scale)
        known = found >= 0
        return float((found[known] == KINDS.index(kind)).mean()) if known.any() else float("nan")

    return share


def consistency(image: Array, target: Array | None, lr: Array, scale: int) -> float:
    """Root mean square difference, in grey levels, of LR and the image reduced by the bicubic response."""
    reduced = imresize(np.asarray(image, np.float32), size=(lr.shape[0], lr.shape[1]))
    return 255 * float(np.sqrt(np.square(reduced - lr, dtype=np.float64).mean()))


Measure = Callable[[Array, Array, Array, int], float]
"""An image, its target and its LR in [0, 1], and the scale."""
WITH_LR: dict[str, tuple[dict[str, str], Measure]] = {
    "consistency": ({"unit": "levels", "better": "lower", "library": "refsr"}, consistency),
    "improvement": ({"unit": "", "better": "higher", "library": "refsr"}, _share("improvement")),
    "omission": ({"unit": "", "better": "lower", "library": "refsr"}, _share("omission")),
    "hallucination": ({"unit": "", "better": "lower", "library": "refsr"}, _share("hallucination")),
}
"""Metrics that need LR, by name: what they are, and how they are computed. They know no protocol, and cut nothing."""
