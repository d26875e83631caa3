"""Several references of one place as one: at each pixel the one that can be trusted most, with soft seams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.registration.gradients import smooth
from refsr.registration.transforms import Floats
from refsr.registration.warping import Image

FEATHER = 6.0
"""Standard deviation of seams in HR pixels."""
NONE = -1
LEAST_SHARE = np.float32(1e-3)
"""Shares below this are no seam but the tail of a Gaussian."""


@dataclass(frozen=True)
class Combined:
    """One reference made of several."""

    image: Image
    """(H, W[, C]), in the type of the first."""
    weight: Floats
    """(H, W), 0 to 1."""
    used: npt.NDArray[np.int16]
    """(H, W): which reference counts most at each pixel, from 0 on; -1 where none can be trusted."""

    def shares(self) -> tuple[float, ...]:
        """Of all pixels, for each reference in turn."""
        return tuple(float((self.used == number).mean()) for number in range(int(self.used.max(initial=NONE)) + 1))


def combine(images: Sequence[Image], weights: Sequence[Floats], feather: float = FEATHER) -> Combined:
    """References that were laid on HR (H, W[, C]) each, and their weights (H, W) -> one.

    The reference of the highest weight counts; seams are `feather` pixels soft, but a reference never counts where its
    own weight is 0. Of equal weights the first counts.
    """
    if not images or len(images) != len(weights):
        raise DataError(f"{len(images)} references and {len(weights)} weights do not belong together")
    for image, weight in zip(images, weights, strict=True):
        if image.shape != images[0].shape or weight.shape != image.shape[:2]:
            shapes = f"{images[0].shape} and {image.shape}, weights of {weight.shape}"
            raise DataError(f"references of {shapes}: one size is needed")
    trust = np.stack([np.asarray(weight, np.float32) for weight in weights])
    first = np.argmax(trust, axis=0)
    some = trust.max(axis=0) > 0
    chosen = np.stack([((first == number) & some).astype(np.float32) for number in range(len(images))])
    if len(images) > 1 and feather > 0:
        soft = np.stack([smooth(plane, feather) for plane in chosen]) * (trust > 0)
        chosen = np.where(soft > LEAST_SHARE, soft, 0)
    total = chosen.sum(axis=0)
    shares = np.where(total > 0, chosen / np.maximum(total, LEAST_SHARE), 0)
    bands = [image[:, :, None] if image.ndim == 2 else image for image in images]
    mixed = np.zeros(bands[0].shape, np.float32)
    for share, image in zip(shares, bands, strict=True):
        part = share[:, :, None]
        mixed += np.where(part > 0, part * image, 0)
    # Where none counts, the first is shown; its weight is 0 there.
    mixed = np.where(total[:, :, None] > 0, mixed, np.nan_to_num(bands[0]))
    if np.issubdtype(images[0].dtype, np.integer):
        limits = np.iinfo(images[0].dtype)
        mixed = np.clip(np.rint(mixed), limits.min, limits.max)
    used = np.where(some, np.argmax(shares, axis=0), NONE).astype(np.int16)
    return Combined(mixed.reshape(images[0].shape).astype(images[0].dtype), (shares * trust).sum(axis=0), used)
