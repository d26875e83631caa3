"""Makes a synthetic data set with known ground truth: refsr world TARGET --places 64 --scale 4

Written to train, val and test of TARGET: HR, LR, LR_UX<s>, Ref, Ref_DUX<s>, cover and mask (land cover and change, in
SECOND's classes 0 to 6), flow and flow_valid (displacement of each HR pixel in Ref, rows and columns), and on request
hsi, light, Ref_cloud, cover_RGB, mask_RGB. TARGET/world.json records the parameters and all random draws. Equal
parameters give equal files. Running the same command again makes only what is missing; --places may be raised.

--hardness makes Ref harder, as real references are: another place's texture or ground in parts, other tones, an
elastic displacement, blur, noise and JPEG, each with an option of its own (--ref-texture and the next). The truth
(flow, flow_valid, mask) goes along, and Ref_foreign says where Ref shows another place.

With --geo the images are GeoTIFFs at a drawn place in a UTM zone. --ref-crs, --ref-pixel, --ref-extent,
--ref-grid-rotation and --ref-south-up give Ref a grid of its own, taken from the same scene; Ref_on_HR is then Ref on
HR's grid, with which Ref_DUX and flow go. Ref's georeference is exact with --misregistration 0 --rotation 0
--scale-difference 0.

With --layout refdiff the folders are those of SECOND and CNAM-CD as distributed for Ref-Diff: HR_512, Ref, CD_mask
(grey values, listed in CLASS_Table.txt), CD_mask_RGB, and LR at x8 and x16 (degraded for training, else bicubic).
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

from refsr.cli.console import console_progress
from refsr.worlds.knobs import LIKE, Knobs, knobs_like

TYPES = {"int": (int, "N"), "float": (float, "X"), "str": (str, "NAME")}
"""Type of a parameter, and its placeholder in the help text."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder of the data set")
    parser.add_argument(
        "--like", metavar="NAME", help=f"parameters that imitate a published data set: {', '.join(LIKE)}"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="worker processes (default: all cores)",
    )
    knobs = parser.add_argument_group("parameters")
    for entry in dataclasses.fields(Knobs):
        option = "--" + entry.name.replace("_", "-")
        says = entry.metadata["help"].replace("%", "%%")
        kind = str(entry.type).split(" ")[0]
        # Suppressed, to distinguish a parameter that was not given from one given as its default.
        if kind == "bool":
            knobs.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=says)
        else:
            known = "" if entry.default is None else f" (default: {entry.default})"
            read, metavar = TYPES[kind]
            knobs.add_argument(option, type=read, default=argparse.SUPPRESS, metavar=metavar, help=says + known)


def run(arguments: argparse.Namespace) -> int:
    from refsr.worlds.world_folder import make_world

    names = {entry.name for entry in dataclasses.fields(Knobs)}
    knobs = knobs_like(arguments.like, {name: value for name, value in vars(arguments).items() if name in names})
    report = make_world(arguments.target, knobs, arguments.workers, console_progress)
    kept = f", {report.kept} already there" if report.kept else ""
    print(f"{arguments.target}: {report.made} places made{kept}")
    return 0
