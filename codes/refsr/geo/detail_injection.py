"""Detail of restored bands brought into a band that was not restored: (h, w) -> (s*h, s*w), consistent with LR.

The method is pansharpening with context-based injection: each window of LR has its own coefficients (Aiazzi et al.,
"Context-driven fusion of high spatial and spectral resolution images based on oversampled multiresolution analysis",
IEEE TGRS 40, 2002). Here they come from a ridge regression of the band on all restored bands at once, averaged over
windows and upsampled as in the guided filter (He, Sun, Tang, "Guided Image Filtering", IEEE TPAMI 35, 2013; He, Sun,
"Fast Guided Filter", arXiv:1505.00996). What differs from both keeps a band from becoming worse than by bicubic:

- The regression is on detail, a pixel less the mean of its window, so that shared brightness is not taken for shared
  texture.
- Coefficients shrink by twice what chance alone explains of so few pixels (as in the adjusted R squared).
- They shrink again where the band has less at LR's finest wavelengths than they predict. That is so for a band whose
  optics are coarser than its grid, such as a thermal one; and where the coefficients of windows next to it do not
  predict it, which those that fit chance do not.
- Iterative back-projection (Irani, Peleg, "Improving resolution by image registration", CVGIP 53, 1991) makes the
  result reduce to LR's band, except for differences that are no larger than the band's noise, which it would amplify.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.geo.validity import Mask
from refsr.ops.resize import imresize

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

CHANCE = 2.0
"""Times what chance explains that coefficients shrink by."""
RIDGE = 0.01
"""Added to the variance of each guide's detail, which is 1 over the scene."""
DECAY_RADIUS = 8
"""Pixels of LR on either side over which the finest wavelengths are compared."""
NEIGHBOUR = 3
"""Pixels of LR to the windows next to one."""
PROJECTIONS = 4
"""Back-projections; together they leave at most a thirtieth of any difference to LR's band."""
LEAST_KEPT = 0.22
"""What reducing and enlarging again by bicubic leaves of LR's finest wavelengths, at any scale."""
RESIZE_REACH = 5
"""Pixels of LR that reducing and enlarging again see on either side."""
PROJECTED_RADIUS = 5
"""Pixels of LR on either side over which a difference is compared with the noise."""
NOISE_MARGIN = 1.5
"""Times the variance of the noise that a difference must exceed."""
NOISE_LEFT = 0.16
"""The variance of what reducing and enlarging again takes from white noise of variance 1."""
FINEST_GAIN = 2.25
"""The variance of white noise of variance 1 at the finest wavelengths."""
FLAT_RADIUS = 3
"""Pixels of LR on either side of the windows that the noise is measured in."""
FLATTEST = 10.0
"""Percent of these windows that are taken to show noise alone."""
FLAT_SHARE = 0.54
"""What that percentile is, for white noise, of the mean."""
TINY = 1e-12


def window_radius(guides: int) -> int:
    """Pixels of LR on either side of a window that has at least twice as many pixels as coefficients."""
    radius = 1
    while (2 * radius + 1) ** 2 < 2 * guides + 3:
        radius += 1
    return radius


def halo(guides: int) -> int:
    """Pixels of LR around a window on which its result depends."""
    windows = 4 * window_radius(guides) + NEIGHBOUR + 1 + DECAY_RADIUS
    return windows + PROJECTED_RADIUS + RESIZE_REACH * (PROJECTIONS + 2)


def detail(image: Doubles, valid: Mask, radius: int) -> Doubles:
    """(h, w, C): pixels less the mean of what holds data in the window around them; 0 where there is no data."""
    share = _mean(valid.astype(np.float64), radius)[:, :, None]
    means = _mean(np.where(valid[:, :, None], image, 0.0), radius) / np.maximum(share, TINY)
    apart: Doubles = np.where(valid[:, :, None], image - means, 0.0)
    return apart


def injection(band: Doubles, guides: Doubles, valid: Mask, spread: Doubles) -> Doubles:
    """(h, w, C) how much of each guide's detail a band (h, w) has; guides (h, w, C), all at LR's size.

    `spread` (C,) is the standard deviation of each guide's detail over the scene.
    """
    count, radius = guides.shape[2], window_radius(guides.shape[2])
    scaled = guides / np.maximum(spread, TINY)
    own, shared = detail(band[:, :, None], valid, radius)[:, :, 0], detail(scaled, valid, radius)
    weight = valid.astype(np.float64)
    share: Doubles = np.maximum(_mean(weight, radius), TINY)

    def covariance(one: Doubles, other: Doubles) -> Doubles:
        products = _mean(one * other * weight, radius) / share
        found: Doubles = products - _mean(one * weight, radius) * _mean(other * weight, radius) / share**2
        return found

    matrix = np.zeros((*weight.shape, count, count))
    vector = np.zeros((*weight.shape, count))
    for row in range(count):
        vector[:, :, row] = covariance(shared[:, :, row], own)
        for column in range(row + 1):
            matrix[:, :, row, column] = matrix[:, :, column, row] = covariance(shared[:, :, row], shared[:, :, column])
    found = np.asarray(np.linalg.solve(matrix + RIDGE * np.eye(count), vector[..., None])[..., 0], np.float64)
    explained = (found * vector).sum(-1) / np.maximum(covariance(own, own), TINY)
    found = found * _adjusted(np.clip(explained, 0, 1), share * (2 * radius + 1) ** 2, count)[:, :, None]
    smooth = _mean(found * weight[:, :, None], radius) / share[:, :, None]
    smooth *= _decay(band, scaled, smooth, valid)[:, :, None]
    return smooth / np.maximum(spread, TINY)


def noise_of(band: Doubles, valid: Mask) -> float | None:
    """The standard deviation of a band's noise, by its flattest parts at the finest wavelengths; None without any."""
    whole = _mean(valid.astype(np.float64), FLAT_RADIUS + 1) > 1 - TINY
    if not whole.any():
        return None
    energy = _mean(_finest(band) ** 2, FLAT_RADIUS)[whole]
    return float(np.sqrt(max(0.0, np.percentile(energy, FLATTEST)) / (FINEST_GAIN * FLAT_SHARE)))


def fine_detail(restored: Array, scale: int) -> Array:
    """(s*h, s*w, C): what restored bands have beyond their own reduction to LR."""
    return restored - imresize(imresize(restored, f"1/{scale}"), scale)


def injected(band: Array, coefficients: Array, fine: Array, scale: int, noise: float) -> Array:
    """(h, w), (h, w, C), (s*h, s*w, C) -> (s*h, s*w): bicubic of a band and the `fine_detail` of the restored bands."""
    result = imresize(band, scale)
    for index in range(fine.shape[2]):
        result += imresize(np.ascontiguousarray(coefficients[:, :, index]), scale) * fine[:, :, index]
    band = _above_noise(band, imresize(result, f"1/{scale}"), noise)
    for step in projection_steps(PROJECTIONS):
        result += step * imresize(band - imresize(result, f"1/{scale}"), scale)
    return result


def projection_steps(count: int) -> list[float]:
    """Factors of back-projections that leave least of the worst difference: those of Chebyshev's iteration."""
    middle, half = (1 + LEAST_KEPT) / 2, (1 - LEAST_KEPT) / 2
    return [1 / (middle - half * math.cos(math.pi * (2 * index + 1) / (2 * count))) for index in range(count)]


def _above_noise(band: Array, reduced: Array, noise: float) -> Array:
    """What the result shall reduce to: the band where it differs by more than noise does, else what there is."""
    apart: Array = band - reduced
    energy = np.maximum(_mean(apart.astype(np.float64) ** 2, PROJECTED_RADIUS), TINY)
    part = np.clip(1 - NOISE_MARGIN * NOISE_LEFT * noise**2 / energy, 0, 1)
    target: Array = reduced + part.astype(band.dtype) * apart
    return target


def _adjusted(explained: Doubles, pixels: Doubles, count: int) -> Doubles:
    """The factor of coefficients that explain this share of the variance of so many pixels; 0 for what chance does."""
    free = pixels - count - 1
    chance = CHANCE * count / np.maximum(free, TINY) * (1 - explained)
    factor = np.clip(1 - chance / np.maximum(explained, TINY), 0, 1)
    return np.where(free > 0.5, factor, 0.0)


def _decay(band: Doubles, guides: Doubles, coefficients: Doubles, valid: Mask) -> Doubles:
    """The factor for what a band has at LR's finest wavelengths of what the coefficients predict there.

    Its fourth power counts, as the detail to come is about twice as fine, and optics fall off as a Gaussian does.
    """
    whole = _mean(valid.astype(np.float64), 1) > 1 - TINY
    own, finest = np.where(whole, _finest(band), 0.0), np.where(whole[:, :, None], _finest(guides), 0.0)

    def slope(used: Doubles) -> Doubles:
        predicted = (used * finest).sum(-1)
        above, below = _mean(own * predicted, DECAY_RADIUS), _mean(predicted**2, DECAY_RADIUS)
        found: Doubles = np.clip(above / np.maximum(below, TINY), 0, 1)
        return found

    return slope(coefficients) ** 4 * slope(_of_neighbours(coefficients)) ** 2


def _of_neighbours(coefficients: Doubles) -> Doubles:
    """(h, w, C): the mean of the coefficients to the left and right, above and below, whose windows lie apart."""
    step = NEIGHBOUR
    height, width, _ = coefficients.shape
    padded = np.pad(coefficients, ((step, step), (step, step), (0, 0)), mode="edge")
    places = ((0, step), (2 * step, step), (step, 0), (step, 2 * step))
    return sum((padded[top : top + height, left : left + width] for top, left in places), np.zeros(1)) / len(places)


def _finest(image: Doubles) -> Doubles:
    """Second differences down, then across: what is near the finest wavelength in both directions."""
    for axis in (0, 1):
        pad = [(1, 1) if index == axis else (0, 0) for index in range(image.ndim)]
        padded = np.pad(image, pad, mode="edge")
        length = image.shape[axis]
        before, after = (padded.take(range(start, start + length), axis) for start in (0, 2))
        image = (2 * image - before - after) / 2
    return image


def _mean(image: Doubles, radius: int) -> Doubles:
    """(h, w) or (h, w, C): means over windows; what lies outside counts as 0."""
    from scipy.ndimage import uniform_filter

    sides = (2 * radius + 1, 2 * radius + 1)
    found: Doubles = uniform_filter(image, (*sides, *(1,) * (image.ndim - 2)), mode="constant")
    return found
