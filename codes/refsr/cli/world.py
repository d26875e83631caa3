"""Makes synthetic scenes with known truth: refsr world TARGET --places 64 --scale 4

TARGET gets train, val and test with a folder a kind: HR, LR, LR_UX<s>, Ref, Ref_DUX<s>, cover and mask (land cover and
change, SECOND's classes 0 to 6), flow and flow_valid (where Ref shows each pixel of HR: row and column to add), and by
option hsi, light, Ref_cloud, cover_RGB, mask_RGB. TARGET/world.json holds the knobs and all that was drawn. Equal knobs
give equal files. Running the same command again makes only what is missing; --places may grow.

With --layout refdiff the folders are instead those in which SECOND and CNAM-CD are distributed for Ref-Diff: HR_512,
Ref, CD_mask (grey values, named in CLASS_Table.txt), CD_mask_RGB, and LR at x8 and at x16, degraded for training, else
bicubic.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

from refsr.cli.console import console_progress
from refsr.worlds.knobs import LIKE, Knobs, knobs_like

TYPES = {"int": (int, "N"), "float": (float, "X"), "str": (str, "NAME")}
"""What a knob's value is, and how a help text calls it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder of the world")
    parser.add_argument(
        "--like", metavar="NAME", help=f"knobs that differ as a published set's pairs do: {', '.join(LIKE)}"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: one a core)"
    )
    knobs = parser.add_argument_group("knobs")
    for entry in dataclasses.fields(Knobs):
        option = "--" + entry.name.replace("_", "-")
        says = entry.metadata["says"].replace("%", "%%")
        kind = str(entry.type).split(" ")[0]
        # Suppressed, so that what was not given can be told from what was given as the default.
        if kind == "bool":
            knobs.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=says)
        else:
            known = "" if entry.default is None else f" (default: {entry.default})"
            read, metavar = TYPES[kind]
            knobs.add_argument(option, type=read, default=argparse.SUPPRESS, metavar=metavar, help=says + known)


def run(arguments: argparse.Namespace) -> int:
    from refsr.worlds.make import make_world

    names = {entry.name for entry in dataclasses.fields(Knobs)}
    knobs = knobs_like(arguments.like, {name: value for name, value in vars(arguments).items() if name in names})
    report = make_world(arguments.target, knobs, arguments.workers, console_progress)
    kept = f", {report.kept} were there" if report.kept else ""
    print(f"{arguments.target}: {report.made} places made{kept}")
    return 0
