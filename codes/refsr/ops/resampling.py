"""One axis of MATLAB's imresize: the input pixels of each output pixel, and their weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from refsr.core.errors import OperatorError, suggestion

Array = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
Factor = int | float | Fraction | str

MOST_DENOMINATOR = 1 << 16


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
    if kernel not in KERNELS:
        raise OperatorError(
            f"imresize: no kernel {kernel!r}{suggestion(kernel, KERNELS)} (known: {', '.join(KERNELS)})"
        )
    function, support = KERNELS[kernel]
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
