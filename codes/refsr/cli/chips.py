"""Cuts scenes into training tuples: refsr chips HR.tif --ref REF.tif -o my_set --size 480 --scale 4

HR, --ref and --lr take one or more rasters of any grids, or folders of rasters. Chips are squares of HR's own pixels.
Ref is warped onto HR's grid; of several references the first that holds data counts at each pixel. LR is made from HR
by MATLAB's bicubic, or --lr is warped onto HR's grid coarser by the scale (interpolated once; an LR raster that lies on
that grid is taken as it is). Kept are chips where HR and LR hold data at every pixel and Ref covers --min-cover.

Ground is split in blocks by longitude and latitude, at random by the seed, so that scenes of one ground agree on what
trains and what tests. Chips of different splits are --gap metres apart.

Written to -o: train, val and test with folders HR, LR and Ref (PNG for 8 bits, else GeoTIFF), or with LMDB stores;
datasets.yml, the part of an option file that reads them; footprints.geojson (EPSG:4326); contact_sheet.png; and
chips.json with settings, digests, dates and licences of the sources. An interrupted command is completed by repeating
it. LR_UX and Ref_DUX are derived when they are read; other degradations: refsr prepare my_set/train TARGET.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from refsr.cli.console import console_progress
from refsr.data.chips.run import cut_chips, reasons
from refsr.data.chips.settings import SPLITS, ChipSettings

ROLES = (("", "HR"), ("-ref", "Ref"), ("-lr", "LR"))
COLOURS = "; where both files name the colours of their bands, those of HR's"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("hr", nargs="+", metavar="HR", help="high-resolution rasters, or folders of rasters")
    for name, what in (("ref", "references, the preferred first"), ("lr", "low-resolution rasters (default: from HR)")):
        parser.add_argument(f"--{name}", nargs="+", action="extend", default=[], metavar="RASTER", help=what)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the chips")
    parser.add_argument("--size", type=int, default=480, metavar="N", help="side of a chip in HR pixels (default: 480)")
    parser.add_argument("--scale", type=int, default=4, metavar="N", help="scale factor (default: 4)")
    parser.add_argument("--stride", type=int, metavar="N", help="HR pixels from chip to chip (default: the size)")
    parser.add_argument(
        "--split",
        type=float,
        nargs=3,
        default=[0.8, 0.1, 0.1],
        metavar=("TRAIN", "VAL", "TEST"),
        help="shares of the ground (default: 0.8 0.1 0.1)",
    )
    parser.add_argument("--block", type=float, metavar="METRES", help="side of blocks of ground (default: six chips)")
    parser.add_argument("--gap", type=float, metavar="METRES", help="between splits (default: a chip's side)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the split (default: 0)")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N chips, drawn by the seed, shared as --split")
    parser.add_argument(
        "--min-cover",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="part of a chip that references must cover; upsampled LR fills the rest (default: 1)",
    )
    parser.add_argument(
        "--min-std",
        type=float,
        default=0.0,
        metavar="STD",
        help="leave out chips of a lower standard deviation, in units of the range (default: 0)",
    )
    parser.add_argument("--lmdb", action="store_true", help="write LMDB stores in place of folders of images")
    parser.add_argument("--overwrite", action="store_true", help="begin anew where other chips are")
    for name, what in ROLES:
        parser.add_argument(
            f"--range{name}",
            type=float,
            nargs=2,
            metavar=("LOW", "HIGH"),
            help=f"raw values that are 0 and 1 in {what} (default: by type, tags, percentiles)",
        )
    for name, what in ROLES:
        more = "red, green, blue where the file says so" if not name else f"as HR's{COLOURS}"
        parser.add_argument(
            f"--bands{name}",
            nargs="+",
            default=[],
            metavar="BAND",
            help=f"bands of {what} by number, description or colour (default: {more})",
        )
    for name, what in ROLES:
        parser.add_argument(f"--nodata{name}", type=float, metavar="VALUE", help=f"{what}'s value of empty pixels")


def run(arguments: argparse.Namespace) -> int:
    values: dict[str, Any] = {}
    for name in ChipSettings.__dataclass_fields__:
        value = getattr(arguments, name)
        values[name] = tuple(value) if isinstance(value, list) else value
    settings = ChipSettings(**values)
    report = cut_chips(settings, arguments.output, arguments.overwrite, console_progress, print)
    counts = ", ".join(f"{report.splits[split]} {split}" for split in SPLITS)
    print(f"{arguments.output}: {report.total} chips ({counts}), {report.made} cut now")
    if report.left_out:
        print(reasons(report.left_out))
    for split, share in zip(SPLITS, settings.split, strict=True):
        if share and not report.splits[split]:
            print(f"{split} has no chip: its ground holds none; try a smaller --block or --gap, or another --seed")
    return 0
