"""What must hold of the images of a set, seen from their headers before any pixel is read."""

from __future__ import annotations

from collections.abc import Mapping

from refsr.core.errors import DataError, listed
from refsr.data.images import ImageInfo

Infos = Mapping[str, Mapping[str, ImageInfo]]
"""Member: key: what the header says."""

ALIKE = (("hr", "lr", "lr_up", "base"), ("ref", "ref_down"))
"""Members that show the same bands."""


def check_sizes(infos: Infos, ratios: Mapping[str, int], grid: int) -> None:
    """Every member must cover the HR image, `ratios` high-resolution pixels a pixel; an error names each misfit."""
    wrong = []
    for key, hr in infos["hr"].items():
        if min(hr.height, hr.width) < grid:
            wrong.append(f"{key}: HR of {hr.height}x{hr.width} holds no square of {grid} pixels")
            continue
        for member, ratio in ratios.items():
            found = infos[member][key]
            if (found.height, found.width) != (hr.height // ratio, hr.width // ratio):
                wrong.append(_misfit(key, member, found, hr, ratio))
    if wrong:
        raise DataError("sizes do not fit: " + listed(wrong))


def check_bands(bands: Mapping[str, Mapping[str, int]]) -> None:
    """A member must have one count of bands throughout, and members that show the same bands the same count."""
    wrong = []
    for member, counts in bands.items():
        first, expected = next(iter(counts.items()))
        wrong += [
            f"{key}: {member} has {count}, {first} has {expected}" for key, count in counts.items() if count != expected
        ]
    for family in ALIKE:
        leader, *others = [member for member in family if member in bands] or [""]
        for member in others:
            (key, count), expected = next(iter(bands[member].items())), next(iter(bands[leader].values()))
            if count != expected:
                wrong.append(f"{key}: {member} has {count}, {leader} has {expected}")
    if wrong:
        raise DataError("band counts do not fit: " + listed(wrong))


def check_weights(infos: Mapping[str, ImageInfo]) -> None:
    """Weight maps have one band of 8 bits."""
    wrong = [f"{key}: {info}" for key, info in infos.items() if (info.bands, info.dtype) != (1, "uint8")]
    if wrong:
        raise DataError("weight maps of Ref have one band of 8 bits; " + listed(wrong))


def check_side(side: int, grid: int, ratios: Mapping[str, int], scale: int) -> None:
    """A crop must not cut any member inside one of its pixels."""
    if side % grid:
        coarse = "".join(f" and {member} {ratio}" for member, ratio in ratios.items() if ratio not in (1, scale))
        raise DataError(f"crops of {side} are no multiple of {grid}, the grid of scale {scale}{coarse}")


def _misfit(key: str, member: str, found: ImageInfo, hr: ImageInfo, ratio: int) -> str:
    wanted = f"{hr.height // ratio}x{hr.width // ratio}"
    return f"{key}: {member} is {found.height}x{found.width}, HR of {hr.height}x{hr.width} needs {wanted}"
