"""Whether images go together: by their headers alone before they are decoded, and by what was read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refsr.core.errors import DataError
from refsr.data.cubes.cube_file import NO_CUBE_HINTS, CubeHints
from refsr.data.cubes.files import open_cube
from refsr.data.images import probe_image
from refsr.inference.inputs import RestoreOptions
from refsr.networks.descriptor import Descriptor

ROLES = ("lr", "lr_up", "ref", "ref_down")


def check_headers(
    images: Mapping[str, Any], options: RestoreOptions, descriptor: Descriptor, hints: CubeHints = NO_CUBE_HINTS
) -> None:
    """A DataError where the headers of images by role show that they do not go together.

    A reference that is registered may have any size, and bands that are chosen any number; of a cube `hints` say what
    its file does not.
    """
    heads = {role: probe_image(images[role]) for role in ROLES if isinstance(images.get(role), (str, Path))}
    lr = heads.get("lr")
    if lr is None:
        return
    for role, head in heads.items():
        own, option = (options.bands_ref, "bands_ref") if role.startswith("ref") else (None, "bands")
        if own is None and options.bands is None:
            check_bands(str(images[role]), head.bands, descriptor.channels, options.spelling(option))
        registered = role.startswith("ref") and (options.register or "auto") != "none"
        if role != "lr" and not registered:
            check_size(str(images[role]), head.shape[:2], str(images["lr"]), lr.shape[:2], descriptor.scale)
    mask, cube = images.get("mask"), images.get("hsi")
    if isinstance(mask, (str, Path)) and "mask" in descriptor.inputs:
        size = probe_image(mask).shape[:2]
        check_size(str(mask), size, str(images["lr"]), lr.shape[:2], descriptor.scale)
    if isinstance(cube, (str, Path)) and "hsi" in descriptor.inputs:
        size = open_cube(Path(cube), hints).info.shape[:2]
        check_cube_size(str(cube), size, str(images["lr"]), lr.shape[:2], descriptor.scale)


def check_size(name: str, size: tuple[int, int], lr_name: str, lr_size: tuple[int, int], scale: int) -> None:
    """A DataError unless an image has the size of LR times the scale."""
    needed = lr_size[0] * scale, lr_size[1] * scale
    if size != needed:
        raise DataError(
            f"{name}: is {shown(size)}; beside {lr_name} of {shown(lr_size)}, scale {scale} needs {shown(needed)}"
        )


def check_cube_size(name: str, size: tuple[int, int], lr_name: str, lr_size: tuple[int, int], scale: int) -> None:
    """A DataError unless the size of a cube divides that of LR times the scale."""
    large = lr_size[0] * scale, lr_size[1] * scale
    ratio = large[0] // size[0] if size[0] else 0
    if ratio < 1 or (size[0] * ratio, size[1] * ratio) != large:
        raise DataError(
            f"{name}: is {shown(size)}, which does not divide {shown(large)}, the size of {lr_name} times {scale}"
        )


def check_bands(name: str, found: int, channels: int, option: str) -> None:
    """A DataError unless an image has the network's number of bands."""
    if found == channels:
        return
    choice = " ".join(map(str, range(1, channels + 1))) if channels < 9 else f"1 2 3 ... {channels}"
    hint = ""
    if found > channels:
        hint = f"; {option} {choice} would choose the first {channels}"
    elif found == 1 and channels < 9:
        hint = f"; {option} {' '.join(['1'] * channels)} would take it for each of them"
    raise DataError(f"{name}: has {found} band{'s' * (found != 1)}, the network takes {channels}{hint}")


def shown(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
