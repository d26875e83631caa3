"""Packs image folders into LMDB stores, which load faster and can be verified: refsr pack SOURCE TARGET

SOURCE is a data set with a folder for each kind of image (HR, LR, LR_UX4, Ref, Ref_DUX4, any others), or one folder of
images. A data set becomes TARGET/<kind>.lmdb for each kind; the names in its folders must pair. Running the command
again packs only what is missing or has changed, so an interrupted command is completed by repeating it.

With --all-below instead of SOURCE and TARGET, every data set in the named folders and below them is packed: the kinds
right in DIR to DIR/<kind>.lmdb, those of a set DIR/<set> to DIR/<set>_lmdb/<kind>.lmdb. python create_lmdb.py without
arguments does so for dataset/train and dataset/val.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from refsr.cli.arguments import add_max_pixels
from refsr.cli.console import console_progress
from refsr.core.errors import DataError, UsageError
from refsr.data.cubes.cube_file import CubeHints
from refsr.data.cubes.envi import ORDERS
from refsr.data.stores.sets import KINDS, LAYOUTS, pack_set, published_sets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, nargs="?", metavar="SOURCE", help="data set, or folder of images")
    parser.add_argument("target", type=Path, nargs="?", metavar="TARGET", help="folder of stores, or NAME.lmdb for one")
    parser.add_argument(
        "--all-below", type=Path, nargs="+", default=[], metavar="DIR", help="pack every data set below these folders"
    )
    parser.add_argument("--kinds", nargs="+", default=[], metavar="KIND", help="pack only these folders of SOURCE")
    parser.add_argument("--compress", action="store_true", help="lossless deflate: smaller files, slower reading")
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="refsr",
        metavar="|".join(LAYOUTS),
        help="published: for the loaders of the published code, 8 bits only (default: refsr)",
    )
    parser.add_argument("--variable", metavar="NAME", help="array with the cube in MATLAB files that contain several")
    parser.add_argument(
        "--interleave",
        choices=ORDERS,
        metavar="|".join(ORDERS),
        help="order of values in ENVI files (default: from their headers)",
    )
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="threads (default: 2)")
    add_max_pixels(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.all_below:
        if arguments.source is not None:
            raise UsageError("pack: SOURCE and TARGET exclude --all-below, which finds both by itself")
        return _pack_all(arguments)
    if arguments.target is None:
        lacking = "TARGET" if arguments.source is not None else "SOURCE, TARGET"
        raise UsageError(f"pack: the following arguments are required: {lacking} (or --all-below DIR)")
    for line in _packed(arguments, arguments.source, arguments.target, arguments.kinds):
        print(line)
    return 0


def _packed(arguments: argparse.Namespace, source: Path, target: Path, kinds: Sequence[str]) -> list[str]:
    """Packs a data set and says of each store what was done."""
    reports = pack_set(
        source,
        target,
        kinds=kinds,
        codec="deflate" if arguments.compress else "raw",
        layout=arguments.layout,
        workers=max(1, arguments.workers),
        hints=CubeHints(arguments.variable, interleave=arguments.interleave),
        progress=console_progress,
    )
    lines = []
    for place, report in reports.items():
        kept = f", {report.kept} already packed" if report.kept else ""
        lines.append(f"{place}: {report.written} packed{kept}")
    return lines


def _pack_all(arguments: argparse.Namespace) -> int:
    """Every data set below the folders; one that cannot be packed does not stop the others."""
    sets = [found for folder in arguments.all_below for found in published_sets(folder)]
    if arguments.kinds:
        raise UsageError("pack: --kinds belongs to SOURCE and TARGET, not to --all-below")
    if not sets:
        folders = " and ".join(map(str, arguments.all_below))
        raise DataError(
            f"nothing to pack: no folders {', '.join(KINDS)} with images in {folders}, nor in folders below them"
        )
    broken: list[str] = []
    for found in sets:
        try:
            lines = _packed(arguments, found.source, found.target, found.kinds)
        except DataError as error:
            broken.append(f"{found.source}: {error}")
            print(f"{found.source}: not packed, see below")
            continue
        print("\n".join(lines))
        if found.missing:
            print(f"{found.source}: has no {', '.join(found.missing)}")
        if found.others:
            print(f"{found.source}: left {', '.join(found.others)}, no kind of a published set")
    if broken:
        raise DataError("\nrefsr: ".join(broken))
    return 0
