"""Packs image folders into LMDB stores, which load faster and can be verified: refsr pack SOURCE TARGET

SOURCE is a data set with a folder for each kind of image (HR, LR, LR_UX4, Ref, Ref_DUX4, any others), or one folder of
images. A data set becomes TARGET/<kind>.lmdb for each kind; the names in its folders must pair. Running the command
again packs only what is missing or has changed, so an interrupted command is completed by repeating it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from refsr.cli.console import console_progress
from refsr.data.cubes.cube_file import CubeHints
from refsr.data.cubes.envi import ORDERS
from refsr.data.stores.sets import LAYOUTS, pack_set


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="data set, or folder of images")
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder of the stores, or NAME.lmdb for one")
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


def run(arguments: argparse.Namespace) -> int:
    reports = pack_set(
        arguments.source,
        arguments.target,
        kinds=arguments.kinds,
        codec="deflate" if arguments.compress else "raw",
        layout=arguments.layout,
        workers=max(1, arguments.workers),
        hints=CubeHints(arguments.variable, interleave=arguments.interleave),
        progress=console_progress,
    )
    for place, report in reports.items():
        kept = f", {report.kept} already packed" if report.kept else ""
        print(f"{place}: {report.written} packed{kept}")
    return 0
