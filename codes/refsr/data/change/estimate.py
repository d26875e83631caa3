"""From LR and Ref to a change mask at HR's size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.change.calibration import Calibration, calibration
from refsr.data.change.evidence import evidence
from refsr.data.derivation import MARGIN
from refsr.data.sample import Unit
from refsr.ops.resize import imresize
from refsr.registration import RegistrationOptions, register
from refsr.registration.transforms import Floats

# A displacement field would follow the changes that are looked for.
REGISTRATION = RegistrationOptions(mode="global")


def change_evidence(lr: Unit, ref: Unit, scale: int) -> tuple[dict[str, Floats], Floats]:
    """LR (h, w, C) and Ref (s*h, s*w, C) in [0, 1] -> in how many ways they differ, (h, w) each, once registered.

    Beside them, where Ref reaches (h, w): only there can a difference be seen. A Ref that registration refuses is
    compared as it lies.
    """
    height, width = lr.shape[:2]
    if ref.shape != (height * scale, width * scale, lr.shape[2]):
        raise DataError(
            f"a change mask at scale {scale} needs Ref {scale} times LR's size; got {lr.shape}, {ref.shape}"
        )
    own, other = three_bands(lr), three_bands(ref)
    through, covered = register(own, other, scale, REGISTRATION).warp(other)
    reached = (imresize(covered, size=(height, width)) > 0.99).astype(np.float32)
    return evidence(own, np.clip(imresize(through, size=(height, width)), 0, 1), reached), reached


def three_bands(image: Unit) -> Floats:
    """The first three bands; a single or second one stands for what is missing."""
    count = image.shape[2]
    return np.ascontiguousarray(image[:, :, [0, min(1, count - 1), min(2, count - 1)]], dtype=np.float32)


def change_probability(lr: Unit, ref: Unit, scale: int, known: Calibration | None = None) -> Floats:
    """LR (h, w, C) and Ref (s*h, s*w, C) in [0, 1] -> the probability that the ground changed, (h, w).

    Where Ref does not reach, the nearest pixel that it reaches decides.
    """
    from scipy.ndimage import distance_transform_edt

    planes, reached = change_evidence(lr, ref, scale)
    probability = (known or calibration(scale)).probability(planes)
    if reached.all() or not reached.any():
        return probability
    row, column = distance_transform_edt(reached == 0, return_distances=False, return_indices=True)
    filled: Floats = probability[row, column]
    return filled


def change_where(lr: Unit, ref: Unit, weight: Floats, scale: int) -> Floats:
    """LR (h, w, C), and Ref (s*h, s*w, C) registered to it with its weight -> the probability of change (s*h, s*w).

    It is 0 where the weight is: of what no reference shows nothing is claimed.
    """
    size = lr.shape[:2]
    if not weight.any():
        return np.zeros_like(weight)
    reached = (imresize(weight, size=size, kernel="box") > COUNTS).astype(np.float32)
    other = np.clip(imresize(three_bands(ref), size=size), 0, 1)
    probability = calibration(scale).probability(evidence(three_bands(lr), other, reached))
    found: Floats = np.clip(imresize(probability, scale), 0, 1) * (weight > 0)
    return found


COUNTS = 0.1
"""Weight from which on a reference is compared with LR."""


def estimate_mask(lr: Unit, ref: Unit, scale: int) -> npt.NDArray[np.uint8]:
    """LR (h, w, C) and Ref (s*h, s*w, C) in [0, 1] -> (s*h, s*w, 1): 1 where the ground changed, else 0."""
    height, width = ref.shape[:2]
    return mask_under(change_probability(lr, ref, scale), scale, Window(0, 0, height, width))


def mask_under(
    probability: Floats, scale: int, window: Window, threshold: float | None = None
) -> npt.NDArray[np.uint8]:
    """(h, w) probabilities -> the mask (H, W, 1) under a window of HR, equal to that part of the whole mask."""
    height, width = (scale * length for length in probability.shape)
    around = window.surrounded(scale, MARGIN, height, width)
    coarse = around.reduced(scale)
    part = probability[coarse.top : coarse.top + coarse.height, coarse.left : coarse.left + coarse.width]
    top, left = window.top - around.top, window.left - around.left
    upsampled = imresize(part, scale)[top : top + window.height, left : left + window.width]
    limit = calibration(scale).threshold if threshold is None else threshold
    mask: npt.NDArray[np.uint8] = (upsampled > limit).astype(np.uint8)[:, :, None]
    return mask
