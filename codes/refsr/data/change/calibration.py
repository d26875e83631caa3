"""The weights of the evidence, fitted to worlds whose changes are known.

The model is additive: a piecewise linear function of each plane of evidence, their sum through a logistic function.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files

import numpy as np

from refsr.registration.transforms import Floats

FILE = "calibration.json"


KNOTS = (-0.7, 0.7, 1.5)
"""Where the slopes of the functions change, in standard deviations of the evidence."""
FARTHEST = 4.0
"""Evidence further off than any that was calibrated with says no more than this."""


@dataclass(frozen=True)
class Calibration:
    """The model of change at one scale, and how well it did on worlds that it was not fitted to."""

    scale: int
    names: tuple[str, ...]
    means: tuple[float, ...]
    stds: tuple[float, ...]
    slopes: tuple[tuple[float, ...], ...]
    """For each name its slope left of all knots, and by how much it grows at each knot."""
    bias: float
    threshold: float
    """A pixel whose probability lies above it counts as changed."""
    quality: Mapping[str, float] = field(default_factory=dict)
    """Of the masks at HR's pixels on worlds held out."""

    def probability(self, planes: Mapping[str, Floats]) -> Floats:
        """Evidence (h, w) by name -> the probability that a pixel changed, (h, w)."""
        total: Floats = np.full(next(iter(planes.values())).shape, self.bias, np.float32)
        for name, mean, std, slopes in zip(self.names, self.means, self.stds, self.slopes, strict=True):
            total += hinges(planes[name], mean, std) @ np.array(slopes, np.float32)
        probability: Floats = 1 / (1 + np.exp(-total))
        return probability

    def sentence(self) -> str:
        """What a result says that was made with an estimated mask."""
        found = ", ".join(f"{name} {self.quality[key]:.2f}" for key, name in QUALITY.items())
        return f"change masks are estimated from LR and Ref; on worlds held out, x{self.scale}: {found}"


QUALITY = {"precision": "precision", "recall": "recall", "f1": "F1", "iou": "IoU", "auc": "area under the ROC curve"}


def hinges(plane: Floats, mean: float, std: float) -> Floats:
    """(...) evidence -> (..., 1 + knots): standardised, and by how much it exceeds each knot."""
    amount = np.clip((plane - np.float32(mean)) / np.float32(std), -FARTHEST, FARTHEST)
    parts: Floats = np.stack([amount, *(np.maximum(amount - np.float32(knot), 0) for knot in KNOTS)], axis=-1)
    return parts


@lru_cache(maxsize=1)
def calibrations() -> tuple[Calibration, ...]:
    """All scales that were calibrated."""
    content = json.loads(files("refsr.data.change").joinpath(FILE).read_text(encoding="utf-8"))
    return tuple(Calibration(**one) for one in content["scales"])


def calibration(scale: int) -> Calibration:
    """That of the scale, or of the nearest one that was calibrated."""
    return min(calibrations(), key=lambda one: abs(math.log(one.scale / scale)))
