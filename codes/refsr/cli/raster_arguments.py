"""Arguments of how rasters are read and restored, which several commands share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any

from refsr.cli.arguments import add_trust
from refsr.core.errors import UsageError

NUMBER = re.compile("-?[0-9]+")


def add_restoring(parser: argparse.ArgumentParser) -> None:
    """Where and how the network computes, and how results are held to LR and references."""
    parser.add_argument("--device", metavar="cpu|cuda", help="where to compute (default: the GPU, where there is one)")
    parser.add_argument(
        "--tile", type=int, metavar="N", help="side of tiles in LR pixels (default: by the image's size)"
    )
    parser.add_argument(
        "--overlap",
        type=int,
        default=0,
        metavar="N",
        help="LR pixels of context around each tile; 0: the network's halo (radius of the receptive field in LR "
        "pixels) and a margin of 8 (default: 0)",
    )
    parser.add_argument(
        "--register",
        choices=("auto", "global", "local", "none"),
        help="how Ref is registered to LR: global is an affine transform, local adds a displacement at each pixel, "
        "auto chooses, none takes Ref as it lies (default: auto)",
    )
    add_trust(parser, consistent=None, guard=None)


def add_values(parser: argparse.ArgumentParser) -> None:
    """Which bands of LR and Ref are taken, and which of their values become 0 and 1."""
    for name, what in (
        ("", "LR, or auto (default): 0 to 255 for 8 bits, else from scale and offset, else by the scene's values"),
        ("-ref", "Ref (default: LR's if both are declared and of one type, else auto)"),
    ):
        parser.add_argument(
            f"--range{name}", nargs="+", metavar=("LOW", "HIGH"), help=f"raw values that are 0 and 1 in {what}"
        )
    add_bands(parser, "take")


def add_bands(parser: argparse.ArgumentParser, verb: str) -> None:
    """Which bands of LR and Ref are taken, or compared."""
    for name, what in (
        ("", "LR: numbers from 1, descriptions or colours (default: red, green and blue where the file says which)"),
        ("-ref", "Ref (default: the same; where both files name the colours of their bands, those of LR's)"),
    ):
        parser.add_argument(f"--bands{name}", nargs="+", metavar="BAND", help=f"bands to {verb} of {what}")


def add_raster_values(rasters: argparse._ArgumentGroup | argparse.ArgumentParser) -> None:
    """What rasters have beside their pixels, and what becomes of bands that the model does not take."""
    for name, what in (("", "LR"), ("-ref", "Ref")):
        rasters.add_argument(
            f"--nodata{name}",
            type=float,
            metavar="X",
            help=f"value of {what}'s pixels without data (default: the file's)",
        )
    rasters.add_argument(
        "--clip", action="store_true", help="allow more than 1 %% of LR's values beyond a --range; they are cut off"
    )
    rasters.add_argument(
        "--other-bands",
        choices=("guided", "enlarge", "drop"),
        help="LR's bands that the model does not take: guided adds the detail of the restored ones, enlarge is bicubic "
        "(default: guided; drop for PNG)",
    )
    rasters.add_argument(
        "--resolution",
        type=float,
        metavar="METRES",
        help="pixel size of the result, between the network's and LR's (default: the network's)",
    )


def check_tiles(arguments: argparse.Namespace) -> None:
    """A UsageError for tiles that cannot be."""
    if arguments.tile is not None and arguments.tile < 1:
        raise UsageError(f"--tile {arguments.tile}: expected 1 or more")
    if arguments.overlap < 0:
        raise UsageError(f"--overlap {arguments.overlap}: expected 0 or more")


def read_range(words: Sequence[str] | None, option: str) -> tuple[float, float] | None:
    """The two numbers of a range; None for `auto`."""
    if words is None or list(words) == ["auto"]:
        return None
    try:
        low, high = (float(word) for word in words)
    except ValueError:
        raise UsageError(f"{option} {' '.join(words)}: expected two numbers, or auto") from None
    return low, high


def read_bands(words: Sequence[str] | None) -> list[int | str] | None:
    """Numbers, and names as they are."""
    return None if words is None else [int(word) if NUMBER.fullmatch(word) else word for word in words]


def restoring_keywords(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `add_restoring` and `add_values` say, as keywords of RestoreOptions."""
    return {
        "range": read_range(arguments.range, "--range"),
        "range_ref": read_range(arguments.range_ref, "--range-ref"),
        "bands": read_bands(arguments.bands),
        "bands_ref": read_bands(arguments.bands_ref),
        "tile": arguments.tile,
        "overlap": arguments.overlap,
        "register": arguments.register,
        "consistent": arguments.consistent,
        "response": arguments.response,
        "ref_strength": arguments.ref_strength,
        "guard": None if arguments.guard is None else arguments.guard == "on",
    }


def raster_keywords(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `add_raster_values` says, as keywords of RasterOptions."""
    names = ("nodata", "nodata_ref", "clip", "other_bands", "resolution")
    return {name: getattr(arguments, name) for name in names}
