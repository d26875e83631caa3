"""The plain difference of two dates: change vector analysis, by which restored images are compared as inputs."""

from __future__ import annotations

import numpy as np

from refsr.core.errors import DataError
from refsr.data.change.estimate import REGISTRATION, three_bands
from refsr.data.change.radiometry import residual
from refsr.data.sample import Unit
from refsr.ops.resize import imresize
from refsr.registration import register
from refsr.registration.gradients import smooth
from refsr.registration.transforms import Floats

REACHED = 0.99
"""The share of a pixel that a reference has to cover."""


def aligned(lr: Unit, ref: Unit, scale: int) -> tuple[Floats, Floats]:
    """LR (h, w, C) and Ref of another date -> Ref on HR's grid (s*h, s*w, 3), and where it reaches, 0 or 1.

    It is found on LR, so that it is the same for every image made of LR. Ref that registration refuses is taken as it
    lies.
    """
    own, other = three_bands(lr), three_bands(ref)
    through, covered = register(own, other, scale, REGISTRATION).warp(other)
    return through, (covered > REACHED).astype(np.float32)


def reduced(ref: Floats, reached: Floats, scale: int) -> tuple[Floats, Floats]:
    """Ref and where it reaches (s*h, s*w) -> both on LR's grid."""
    size = (ref.shape[0] // scale, ref.shape[1] // scale)
    small: Floats = np.clip(imresize(ref, size=size), 0, 1)
    return small, (imresize(reached, size=size, kernel="box") > REACHED).astype(np.float32)


def difference(image: Unit, ref: Floats, reached: Floats, around: float) -> Floats:
    """(H, W, C) image and (H, W, 3) Ref, aligned -> (H, W) by how much they differ, in units of [0, 1].

    Ref's colours are brought to the image's, the difference of each band is averaged by a Gaussian of `around` pixels,
    and the bands' root mean square is the amount.
    """
    own = three_bands(image)
    if own.shape != ref.shape:
        raise DataError(f"change is found between images of one size; got {own.shape} and {ref.shape}")
    mean = smooth(residual(own, ref, reached)[0], around)
    amount: Floats = np.sqrt((mean * mean).mean(axis=2))
    return amount
