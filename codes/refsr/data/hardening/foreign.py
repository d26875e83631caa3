"""Ground of another place in smooth random areas of a reference: its texture alone, or all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from refsr.data.covering import covered

if TYPE_CHECKING:
    from refsr.data.sample import Unit

EDGE = 3.0
"""Standard deviation in pixels over which an area fades into the next."""
Share = npt.NDArray[np.float32]


def areas(generator: np.random.Generator, shape: tuple[int, int], share: float) -> Share:
    """(height, width) smooth random areas, 0 to 1, over a share of the pixels."""
    from scipy.ndimage import gaussian_filter

    inside = covered(*shape, 100 * share, generator).astype(np.float32)
    faded: Share = gaussian_filter(inside, EDGE, mode="reflect")
    return faded


def with_texture(image: Unit, other: Unit, where: Share, finer: float) -> Unit:
    """What is finer than a Gaussian of `finer` pixels is the other image's where `where` is 1."""
    own, foreign = (one - _smoothed(one, finer) for one in (image, other))
    mixed: Unit = np.clip(image + where[:, :, None] * (foreign - own), 0, 1)
    return mixed


def replaced(image: Unit, other: Unit, where: Share) -> Unit:
    """The other image where `where` is 1."""
    mixed: Unit = image + where[:, :, None] * (other - image)
    return mixed


def _smoothed(image: Unit, sigma: float) -> Unit:
    from scipy.ndimage import gaussian_filter

    smoothed: Unit = gaussian_filter(image, (sigma, sigma, 0), mode="reflect")
    return smoothed
