"""MATLAB's imresize: separable, antialiased, mirrored at the borders, for any rational factor.

Torch's own `interpolate(mode="bicubic", antialias=True)` is another function, and so is Pillow's: they cut the kernel
off at the border and renormalise where MATLAB mirrors. On uniform noise in [0, 1] all agree to rounding inside, but at
the border torch differs by up to 0.06 (0.01 on average over the outermost row) when reducing by 2, 3, 4 or 8, in the
two outermost rows and columns; and by up to 0.03 when enlarging by 2 or 4, in the outermost two input pixels' worth.
Without `antialias=True` torch differs everywhere, by up to 0.7 when reducing.

Non-finite pixels spread over the whole block of outputs; fill them first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from refsr.core.errors import OperatorError, nearest, suggestion

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
Factor = int | float | Fraction | str

MOST_DENOMINATOR = 1 << 16
Rounding = Literal["axis", "once", "never"]
ROUNDINGS = ("axis", "once", "never")

# Outputs per small dense product. Smaller blocks multiply fewer zeros, larger ones call BLAS less often.
BLOCK = 16
# Up to this many interleaved bands, products over all of them are faster than one product a row.
FEW_BANDS = 4


def imresize(
    image: Array,
    scale: Factor | tuple[Factor, Factor] | None = None,
    *,
    size: tuple[int, int] | None = None,
    kernel: str = "bicubic",
    antialias: bool = True,
    rounding: Rounding = "axis",
) -> Array:
    """(H, W) or (H, W, C) -> (ceil(scale*H), ceil(scale*W)) or with C, in the image's own type.

    `size` gives the output's sides instead of a factor (one for both axes, or a pair). Floats are neither clipped nor
    rounded. Integers are rounded (halves up) and clipped, after each axis as MATLAB does, or `once` at the end; with
    `never` they come back as float32 in the integer's units.
    """
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise OperatorError(
            f"imresize: the image has shape {image.shape}, expected (H, W) or (H, W, C) with H, W, C > 0"
        )
    if rounding not in ROUNDINGS:
        raise OperatorError(
            f"imresize: rounding {rounding!r}; did you mean {nearest(str(rounding), ROUNDINGS) or 'axis'!r}?"
        )
    levels = None
    work = image
    if image.dtype.kind == "u":
        levels = float(np.iinfo(image.dtype).max) if rounding != "never" else None
        # Halves must come out as halves, so what is rounded is computed in float64.
        work = image.astype(np.float32 if levels is None else np.float64)
    elif image.dtype not in (np.float32, np.float64):
        raise OperatorError(f"imresize: the image is {image.dtype}, expected uint8, uint16, float32 or float64")
    axes = resize_plan((image.shape[0], image.shape[1]), scale, size, kernel, antialias)
    for last, (which, axis) in zip((False, True), axes, strict=True):
        work = _resize_axis(work, axis, which)
        if levels is not None and (last or rounding == "axis"):
            work = np.clip(np.floor(work + 0.5, out=work), 0, levels, out=work)
    return work.astype(image.dtype if levels is not None else work.dtype, copy=False)


def _resize_axis(image: Array, axis: ResizeAxis, which: int) -> Array:
    """An image of two or three axes with axis `which` resized."""
    image = np.ascontiguousarray(image)
    bands = 1 if image.ndim == 2 else image.shape[2]
    shape = (*image.shape[:which], axis.outputs, *image.shape[which + 1 :])
    result = np.empty(shape, image.dtype)
    if which == 0:
        flat, flat_result = image.reshape(len(image), -1), result.reshape(axis.outputs, -1)
        for start, stop, first, end, weights in weight_blocks(axis, BLOCK, str(image.dtype)):
            np.matmul(weights, flat[first:end], out=flat_result[start:stop])
    elif bands <= FEW_BANDS:
        flat, flat_result = image.reshape(len(image), -1), result.reshape(len(image), -1)
        for start, stop, first, end, weights in weight_blocks(axis, BLOCK, str(image.dtype), bands):
            np.matmul(flat[:, first:end], weights.T, out=flat_result[:, start:stop])
    else:
        for start, stop, first, end, weights in weight_blocks(axis, BLOCK, str(image.dtype)):
            np.matmul(weights, image[:, first:end], out=result[:, start:stop])
    return result


def imresize_tensor(
    image: Tensor,
    scale: Factor | tuple[Factor, Factor] | None = None,
    *,
    size: tuple[int, int] | None = None,
    kernel: str = "bicubic",
    antialias: bool = True,
    levels: int | None = None,
) -> Tensor:
    """(..., H, W) -> (..., ceil(scale*H), ceil(scale*W)), differentiable, neither clipped nor rounded.

    `levels` (255, 65535) rounds and clips after each axis as MATLAB does for integer images, which makes files that
    equal MATLAB's. Half precision is computed in float32.
    """
    import torch

    from refsr.ops.banded import resize_axis

    if image.ndim < 2 or 0 in image.shape[-2:]:
        raise OperatorError(f"imresize: the image has shape {tuple(image.shape)}, expected (..., H, W) with H, W > 0")
    if not image.is_floating_point():
        raise OperatorError(f"imresize: the image is {image.dtype}, expected a floating type; convert it first")
    work = image if image.dtype in (torch.float32, torch.float64) else image.float()
    for which, axis in resize_plan((image.shape[-2], image.shape[-1]), scale, size, kernel, antialias):
        work = resize_axis(work, axis, which - 2)
        if levels is not None:
            work = (work + 0.5).floor().clamp(0, levels)
    return work.to(image.dtype)


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
    return np.where(np.abs(t) < 1, 1 - np.abs(t), 0.0)


# Name: kernel and the width of its support.
KERNELS: dict[str, tuple[Callable[[Array], Array], int]] = {
    "bicubic": (_bicubic, 4),
    "lanczos2": (_lanczos(2), 4),
    "lanczos3": (_lanczos(3), 6),
    "box": (_box, 1),
    "linear": (_linear, 2),
}
MTF = "mtf:"
"""Before the response at Nyquist of a Gaussian sensor, as in `mtf:0.3`."""
LEAST_MTF, MOST_MTF = 0.1, 0.7
"""Below, half a support of three pixels would cut the Gaussian off; above, LR is aliased more than it is sharp."""


def resize_kernel(name: str) -> tuple[Callable[[Array], Array], int]:
    """A kernel of `KERNELS`, or the Gaussian whose transfer function at the reduced grid's Nyquist is `mtf:VALUE`."""
    if name in KERNELS:
        return KERNELS[name]
    if not name.startswith(MTF):
        known = f"{', '.join(KERNELS)}, {MTF}VALUE"
        raise OperatorError(f"imresize: no kernel {name!r}{suggestion(name, KERNELS)} (known: {known})")
    try:
        at_nyquist = float(name.removeprefix(MTF))
    except ValueError:
        at_nyquist = math.nan
    if not LEAST_MTF <= at_nyquist <= MOST_MTF:
        raise OperatorError(
            f"imresize: kernel {name!r}: expected a number from {LEAST_MTF} to {MOST_MTF}, as in mtf:0.3"
        )
    variance = -2 * math.log(at_nyquist) / math.pi**2
    return lambda t: np.where(np.abs(t) <= 3, np.exp(-t * t / (2 * variance)), 0.0), 6


def as_fraction(scale: Factor) -> Fraction:
    """The factor as a fraction; 0.333... becomes 1/3; a string such as "1/3" is accepted."""
    try:
        factor = Fraction(scale)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        raise OperatorError(f"imresize: scale {scale!r} is not a number or a fraction like '1/4'") from None
    if not isinstance(scale, (str, Fraction)):
        factor = factor.limit_denominator(MOST_DENOMINATOR)
    if factor <= 0:
        raise OperatorError(f"imresize: scale {scale!r} must be above zero")
    return factor


def kernel_taps(
    outputs: int, scale: Fraction, kernel: str = "bicubic", antialias: bool = True
) -> tuple[Integers, Weights]:
    """Input positions (outputs, P), not yet mirrored, and their weights, which sum to one in each row.

    Output i lies at input coordinate (i + 1/2) / scale - 1/2. Distances are integers over one denominator until the
    kernel is evaluated, so nothing depends on how a factor like 1/3 is rounded.
    """
    function, support = resize_kernel(kernel)
    up, down = scale.numerator, scale.denominator
    # A reduction widens the kernel by 1/scale. `unit` is half a kernel unit, counted in 1/(2 up) input pixels.
    unit = down if antialias and up < down else up
    centre = (2 * np.arange(outputs, dtype=np.int64) + 1) * down
    first = (centre - support * unit) // (2 * up) - 1
    positions = first[:, None] + np.arange(-(-support * unit // up) + 3)
    distance = centre[:, None] - (2 * positions + 1) * up
    weights = function(distance / (2 * unit))
    used = (weights != 0).any(axis=0)
    positions, weights = positions[:, used], weights[:, used]
    return positions, weights / weights.sum(axis=1, keepdims=True)


def mirrored(positions: Integers, length: int) -> Integers:
    """Positions mirrored into 0..length-1, the edge pixel repeated; several times if the axis is short."""
    folded = positions % (2 * length)
    return np.where(folded < length, folded, 2 * length - 1 - folded)


@dataclass(frozen=True)
class ResizeAxis:
    """How one axis is resized; the cache key of its weights."""

    length: int
    outputs: int
    up: int
    down: int
    kernel: str
    antialias: bool

    @property
    def scale(self) -> Fraction:
        return Fraction(self.up, self.down)


class WeightBlock(NamedTuple):
    """Outputs `start` to `stop`, the inputs `first` to `end` that they need, and the weights (outputs, inputs)."""

    start: int
    stop: int
    first: int
    end: int
    weights: Array


@lru_cache(maxsize=128)
def weight_blocks(axis: ResizeAxis, size: int, dtype: str = "float64", interleaved: int = 1) -> tuple[WeightBlock, ...]:
    """The banded resize matrix of an axis as dense blocks of `size` outputs, which hold all non-zero weights.

    `interleaved` above 1: blocks for an axis whose pixels have that many interleaved values.
    """
    positions, weights = kernel_taps(axis.outputs, axis.scale, axis.kernel, axis.antialias)
    positions = mirrored(positions, axis.length)
    found = []
    for start in range(0, axis.outputs, size):
        stop = min(start + size, axis.outputs)
        rows, values = positions[start:stop], weights[start:stop]
        used = rows[values != 0]
        first, end = int(used.min()), int(used.max()) + 1
        dense: Array = np.zeros((stop - start, end - first))
        # Taps of weight zero may lie outside the window.
        columns = np.clip(rows - first, 0, end - first - 1)
        np.add.at(dense, (np.arange(stop - start)[:, None], columns), values)
        if interleaved > 1:
            dense = np.kron(dense, np.eye(interleaved))
        values_of_block = np.ascontiguousarray(dense, dtype=dtype)
        repeat = interleaved
        found.append(WeightBlock(repeat * start, repeat * stop, repeat * first, repeat * end, values_of_block))
    return tuple(found)


def resize_plan(
    sides: tuple[int, int],
    scale: Factor | tuple[Factor, Factor] | None,
    size: tuple[int, int] | None,
    kernel: str,
    antialias: bool,
) -> tuple[tuple[int, ResizeAxis], ...]:
    """The two axes (0 rows, 1 columns) with how each is resized, in order of execution.

    As in MATLAB, the axis with the smaller factor is first, rows when equal. Where values are rounded, this matters.
    """
    if (scale is None) == (size is None):
        raise OperatorError("imresize: give either scale or size")
    if size is not None:
        if len(size) != 2 or any(int(side) != side or side < 1 for side in size):
            raise OperatorError(f"imresize: size {size!r} must be two whole numbers above zero")
        return _cached_plan(sides, None, (int(size[0]), int(size[1])), kernel, bool(antialias))
    given = tuple(scale) if isinstance(scale, (tuple, list)) else (scale, scale)
    if len(given) != 2:
        raise OperatorError(f"imresize: scale {scale!r} must be one factor, or one for rows and one for columns")
    if not all(isinstance(factor, Hashable) for factor in given):
        raise OperatorError(f"imresize: scale {scale!r} is not a number or a fraction like '1/4'")
    return _cached_plan(sides, given, None, kernel, bool(antialias))


@lru_cache(maxsize=256)
def _cached_plan(
    sides: tuple[int, int],
    scales: tuple[Factor, Factor] | None,
    size: tuple[int, int] | None,
    kernel: str,
    antialias: bool,
) -> tuple[tuple[int, ResizeAxis], ...]:
    axes = []
    for which, length in enumerate(sides):
        factor = Fraction(size[which], length) if size else as_fraction(scales[which]) if scales else Fraction(1)
        outputs = math.ceil(length * factor)
        axes.append((which, ResizeAxis(length, outputs, factor.numerator, factor.denominator, kernel, antialias)))
    return tuple(sorted(axes, key=lambda axis: axis[1].scale))
