"""Raw values to [0, 1] by a declared range, and from there to whatever range a network wants."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from torch import Tensor

from refsr.core.errors import DataError
from refsr.data.images import Array
from refsr.data.sample import Unit

Range = tuple[float, float]
DEFAULT_RANGES: dict[str, Range] = {"uint8": (0, 255), "float32": (0, 1)}
"""None for 16 bits: sensors fill 10, 12 or 14 of them, and a wrong guess makes every image dark."""
MOST_DARK = 2
"""Times the largest value of a type that a range may end at."""
FEW_BEYOND = 0.01
"""Share of an image's values that overshoot in any case, as resizers and calibrations do."""

Values = TypeVar("Values", Unit, Tensor)


def declared(
    dtype: str, given: Range | None, name: object, option: str = "range", in_option_file: bool = True
) -> Range:
    """The raw values that become 0 and 1: as declared by `option`, else those of the type.

    The error for a missing range writes `option` as an option file does, else as a keyword or a command line does.
    """
    if given is None and dtype not in DEFAULT_RANGES:
        write = f"declare {option}: [0, 65535], or [0, 4095]" if in_option_file else f"give {option} 0 65535, or 0 4095"
        raise DataError(
            f"{name}: 16 bits need the raw values that become 0 and 1; {write} where a sensor fills 12 of them"
        )
    low, high = given if given is not None else DEFAULT_RANGES[dtype]
    if not high > low:
        raise DataError(f"{name}: range [{low}, {high}] must rise")
    most = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else None
    if most is not None and high > MOST_DARK * most:
        raise DataError(
            f"{name}: values are {dtype}, at most {most}; {option} [{low:g}, {high:g}] would make them all dark"
        )
    return low, high


def beyond_range(image: Array, low: float, high: float) -> str | None:
    """A sentence where more than a few values of an image, or some by far, lie beyond the range that is read."""
    least, most = float(image.min()), float(image.max())
    if low <= least and most <= high:
        return None
    share = np.count_nonzero((image < low) | (image > high)) / image.size
    if share < FEW_BEYOND and high - most > low - high and least - low > low - high:
        return None
    return f"{share:.2%} of the values lie beyond {low:g} to {high:g} and are cut off: from {least:g} to {most:g}"


def to_unit(image: Array, low: float, high: float) -> Unit:
    """Raw values -> float32 with `low` at 0 and `high` at 1; values beyond are clipped."""
    if (low, high) == DEFAULT_RANGES["uint8"] and image.dtype == np.uint8:
        return image.astype(np.float32) / np.float32(255)
    if (low, high) == DEFAULT_RANGES["float32"] and image.dtype == np.float32:
        return np.clip(image, 0, 1)
    scaled = (image.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    return np.clip(scaled, 0, 1, out=scaled)


def rescale(unit: Values, low: float, high: float) -> Values:
    """[0, 1] -> [low, high], for tasks whose networks were trained on another range."""
    return unit * (high - low) + low
