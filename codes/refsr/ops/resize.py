"""MATLAB's imresize: separable, antialiased, mirrored at the borders, for any rational factor.

Torch's own `interpolate(mode="bicubic", antialias=True)` is another function: it cuts the kernel off at the border and
renormalises where MATLAB mirrors. On uniform noise in [0, 1] reduced by 4 the two agree to 3e-7 inside, but differ by
up to 0.04 in the two outermost rows and columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from refsr.core.errors import OperatorError, suggestion

Array = npt.NDArray[Any]
Factor = int | float | Fraction | str

# Outputs computed by one small dense product. Smaller blocks waste less on zeros, larger ones call BLAS less often.
BLOCK = 48


def _bicubic(t: Array) -> Array:
    t = np.abs(t)
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t <= 1, near, np.where(t <= 2, far, 0.0))


def _lanczos(lobes: int) -> Callable[[Array], Array]:
    tiny = np.finfo(np.float32).eps

    def kernel(t: Array) -> Array:
        product = np.sin(np.pi * t) * np.sin(np.pi * t / lobes) + tiny
        return np.where(np.abs(t) < lobes, product / (np.pi**2 * t**2 / lobes + tiny), 0.0)

    return kernel


def _box(t: Array) -> Array:
    return ((t >= -0.5) & (t < 0.5)).astype(np.float64)


def _linear(t: Array) -> Array:
    return np.maximum(1 - np.abs(t), 0.0)


# Name: kernel and the width of its support.
KERNELS: dict[str, tuple[Callable[[Array], Array], int]] = {
    "bicubic": (_bicubic, 4),
    "lanczos2": (_lanczos(2), 4),
    "lanczos3": (_lanczos(3), 6),
    "box": (_box, 1),
    "linear": (_linear, 2),
}


def exact(scale: Factor) -> Fraction:
    """The factor as a fraction; 0.333... is taken for 1/3, and "1/3" is one too."""
    try:
        factor = Fraction(scale)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        raise OperatorError(f"imresize: scale {scale!r} is not a number or a fraction like '1/4'") from None
    if factor <= 0:
        raise OperatorError(f"imresize: scale {scale!r} must be above zero")
    return factor if isinstance(scale, (str, Fraction)) else factor.limit_denominator(1 << 16)


def taps(
    length: int, outputs: int, scale: Fraction, kernel: str = "bicubic", antialias: bool = True
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Positions (outputs, P), from 0 and not yet mirrored, and their weights, which sum to one in each row."""
    if kernel not in KERNELS:
        raise OperatorError(
            f"imresize: no kernel {kernel!r}{suggestion(kernel, KERNELS)} (known: {', '.join(KERNELS)})"
        )
    function, support = KERNELS[kernel]
    factor = float(scale)
    shrink = factor if antialias and factor < 1 else 1.0
    width = support / shrink
    centre = np.arange(1, outputs + 1) / factor + 0.5 * (1 - 1 / factor)
    left = np.floor(centre - width / 2)
    positions = left[:, None] + np.arange(math.ceil(width) + 2)
    weights = shrink * function(shrink * (centre[:, None] - positions))
    return positions.astype(np.int64) - 1, weights / weights.sum(axis=1, keepdims=True)


@lru_cache(maxsize=64)
def _blocks(
    length: int, outputs: int, scale: Fraction, kernel: str, antialias: bool
) -> tuple[tuple[int, int, npt.NDArray[np.float64]], ...]:
    """The resize matrix of one axis cut into dense blocks: first input, end of input, weights (outputs, inputs)."""
    positions, weights = taps(length, outputs, scale, kernel, antialias)
    # Mirroring with the edge repeated, as often as a short axis needs it.
    folded = positions % (2 * length)
    folded = np.where(folded < length, folded, 2 * length - 1 - folded)
    blocks = []
    for start in range(0, outputs, BLOCK):
        rows = slice(start, min(start + BLOCK, outputs))
        used = folded[rows][weights[rows] != 0]
        first, end = int(used.min()), int(used.max()) + 1
        # The padded columns beyond the kernel's support may lie outside the window; their weight is zero.
        columns = np.clip(folded[rows] - first, 0, end - first - 1)
        dense = np.zeros((rows.stop - rows.start, end - first))
        np.add.at(dense, (np.arange(len(dense))[:, None], columns), weights[rows])
        blocks.append((first, end, dense))
    return tuple(blocks)


def _resize_axis(image: Tensor, dim: int, outputs: int, scale: Fraction, kernel: str, antialias: bool) -> Tensor:
    """(..., H, W) with axis `dim` (-2 or -1) resized to `outputs`."""
    parts = []
    for first, end, weights in _blocks(image.shape[dim], outputs, scale, kernel, antialias):
        matrix = torch.from_numpy(weights).to(image)
        window = image.narrow(dim, first, end - first)
        parts.append(matrix @ window if dim == -2 else window @ matrix.T)
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


def imresize_tensor(
    image: Tensor,
    scale: Factor | None = None,
    *,
    size: tuple[int, int] | None = None,
    kernel: str = "bicubic",
    antialias: bool = True,
    levels: int | None = None,
) -> Tensor:
    """(..., H, W) -> (..., ceil(scale*H), ceil(scale*W)), differentiable, neither clipped nor rounded.

    `size` gives the output's sides instead of a factor. `levels` (255, 65535) rounds and clips after each axis as
    MATLAB does for integer images, which makes files that equal MATLAB's.
    """
    if image.ndim < 2 or 0 in image.shape[-2:]:
        raise OperatorError(f"imresize: the image has shape {tuple(image.shape)}, expected (..., H, W) with H, W > 0")
    if not image.is_floating_point():
        raise OperatorError(f"imresize: the image is {image.dtype}, expected a floating type; convert it first")
    if (scale is None) == (size is None):
        raise OperatorError("imresize: give either scale or size")
    axes = []
    for dim, wanted in zip((-2, -1), size or (None, None), strict=True):
        length = image.shape[dim]
        factor = exact(scale) if scale is not None else Fraction(int(wanted or 0), length)
        outputs = math.ceil(length * factor)
        if outputs < 1:
            raise OperatorError(f"imresize: size {size} must be above zero")
        axes.append((factor, dim, outputs))
    work = image if image.dtype in (torch.float32, torch.float64) else image.float()
    # The axis that shrinks most goes first, rows first when equal: the order shows where values are rounded.
    for factor, dim, outputs in sorted(axes, key=lambda axis: axis[0]):
        work = _resize_axis(work, dim, outputs, factor, kernel, antialias)
        if levels is not None:
            work = (work + 0.5).floor().clamp(0, levels)
    return work.to(image.dtype)


def imresize(
    image: Array,
    scale: Factor | None = None,
    *,
    size: tuple[int, int] | None = None,
    kernel: str = "bicubic",
    antialias: bool = True,
) -> Array:
    """(H, W) or (H, W, C) -> the same resized, in the image's own type.

    Floats are neither clipped nor rounded. Integers are rounded and clipped after each axis, as in MATLAB.
    """
    if image.ndim not in (2, 3):
        raise OperatorError(f"imresize: the image has shape {image.shape}, expected (H, W) or (H, W, C)")
    levels = None
    work = image
    if image.dtype.kind == "u":
        levels = int(np.iinfo(image.dtype).max)
        work = image.astype(np.float64)
    elif image.dtype not in (np.float32, np.float64):
        raise OperatorError(f"imresize: the image is {image.dtype}, expected uint8, uint16, float32 or float64")
    planes = work if work.ndim == 2 else np.ascontiguousarray(np.moveaxis(work, 2, 0))
    result = imresize_tensor(
        torch.from_numpy(np.ascontiguousarray(planes)),
        scale,
        size=size,
        kernel=kernel,
        antialias=antialias,
        levels=levels,
    ).numpy()
    if image.ndim == 3:
        result = np.moveaxis(result, 0, 2)
    return np.ascontiguousarray(result, dtype=image.dtype)
