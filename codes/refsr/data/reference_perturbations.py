"""The perturbations of a reference: blank, shift, rotate, scale, down, recolour, haze, clouds."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from refsr.core.errors import DataError
from refsr.data.covering import billows, covered
from refsr.data.sample import Unit
from refsr.ops.resize import imresize

Indices = npt.NDArray[np.int64]

SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Right, down, left and up, as rows and columns."""

CLOUD_WHITE = 0.93
HAZE_WHITE = 0.8
"""Brightness of clouds and haze in [0, 1]."""


def mirrored(index: Indices, size: int) -> Indices:
    """Indices beyond 0 to size - 1, reflected as often as it takes; the outermost pixel is repeated."""
    inside = index % (2 * size)
    return np.minimum(inside, 2 * size - 1 - inside)


def _blank(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Its mean colour."""
    return np.broadcast_to(ref.mean(axis=(0, 1), dtype=np.float64).astype(np.float32), ref.shape)


def _shift(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Moved by whole pixels, so that nothing is blurred, to a side that is drawn."""
    pixels = int(amount)
    if pixels >= min(ref.shape[:2]):
        raise DataError(f"shift:{pixels} leaves nothing of a reference of {ref.shape[0]}x{ref.shape[1]}")
    down, right = SIDES[int(generator.integers(len(SIDES)))]
    rows = mirrored(np.arange(ref.shape[0]) - down * pixels, ref.shape[0])
    columns = mirrored(np.arange(ref.shape[1]) - right * pixels, ref.shape[1])
    return ref[rows[:, None], columns]


def _rotate(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Rotated counter-clockwise about its centre, bicubic."""
    height, width = ref.shape[:2]
    angle = math.radians(amount)
    cosine, sine = math.cos(angle), math.sin(angle)
    # In units of half a side, as grid_sample counts, so a side's ratio enters.
    return _moved(ref, [[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]])


def _scale(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Larger by a percentage, or smaller by one below zero, about its centre, bicubic."""
    shrink = 1 / (1 + amount / 100)
    return _moved(ref, [[shrink, 0, 0], [0, shrink, 0]])


def _moved(ref: Unit, sources: list[list[float]]) -> Unit:
    """Each pixel from where the affine map finds it, mirrored at the edges."""
    image = torch.from_numpy(np.ascontiguousarray(ref.transpose(2, 0, 1))[None]).double()
    grid = F.affine_grid(torch.tensor([sources], dtype=torch.float64), list(image.shape), align_corners=False)
    moved = F.grid_sample(image, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
    planes: Unit = np.ascontiguousarray(moved[0].float().permute(1, 2, 0).numpy())
    return np.clip(planes, 0, 1)


def _down(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Reduced by a factor and upsampled again."""
    factor = int(amount)
    height, width = ref.shape[:2]
    if factor > min(height, width):
        raise DataError(f"down:{factor} leaves nothing of a reference of {height}x{width}")
    small = imresize(ref, size=(-(-height // factor), -(-width // factor)))
    return np.clip(imresize(small, size=(height, width)), 0, 1)


def _recolour(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Other light and another camera: gamma, bands mixed into one another, gain and offset, band by band."""
    bands, strength = ref.shape[2], amount / 100
    gamma = np.exp(strength * generator.uniform(-0.4, 0.4, bands))
    mixing = generator.dirichlet(np.ones(bands), bands)
    mixing = (1 - 0.3 * strength) * np.eye(bands) + 0.3 * strength * mixing
    gain = np.exp(strength * generator.uniform(-0.35, 0.35, bands))
    offset = strength * generator.uniform(-0.1, 0.1, bands)
    seen = (ref.astype(np.float64) ** gamma) @ mixing.T * gain + offset
    recoloured: Unit = np.clip(seen, 0, 1).astype(np.float32)
    return recoloured


def _haze(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """A veil that lets all but `amount` percent through, a fifth thicker here and thinner there."""
    field = billows(ref.shape[0], ref.shape[1], generator)
    veil = np.clip(amount / 100 * (1 + 0.2 * field / np.abs(field).max()), 0, 1)[..., None]
    hazy: Unit = (ref * (1 - veil) + HAZE_WHITE * veil).astype(np.float32)
    return hazy


def _clouds(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """White over `amount` percent of the ground; edges fray over a few pixels."""
    from scipy.ndimage import gaussian_filter

    mask = covered(ref.shape[0], ref.shape[1], amount, generator)
    cloud = gaussian_filter(mask.astype(np.float64), 1.5, mode="reflect")[..., None]
    cloudy: Unit = (ref * (1 - cloud) + CLOUD_WHITE * cloud).astype(np.float32)
    return cloudy


PERTURBATIONS: dict[str, Callable[[Unit, float, np.random.Generator], Unit]] = {
    "blank": _blank,
    "shift": _shift,
    "rotate": _rotate,
    "scale": _scale,
    "down": _down,
    "recolour": _recolour,
    "haze": _haze,
    "clouds": _clouds,
}
"""(H, W, C), amount, generator -> (H, W, C); swap and change need another sample and are in `perturbation.py`."""
