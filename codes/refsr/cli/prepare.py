"""Derives LR, LR_UX<s> and Ref_DUX<s> from sharp images and their references: refsr prepare SOURCE TARGET --scale 4

SOURCE holds the folders HR and Ref (or those that --hr and --ref name), or is itself a folder of sharp images.
TARGET gets HR, LR, LR_UX<s>, Ref, Ref_DUX<s>, and prepare.json: the settings, and each image's draws and digests.
HR and Ref are cut at the bottom and right to a multiple of the scale. The same seed gives the same images, whatever
the number of workers. A rerun does only what is missing. Georeferences are not carried over.

With --dataset, SOURCE is UCMerced, AID or NWPU-RESISC45 as distributed: a folder a class. TARGET gets train, val and
test, each with HR and LR by class (--degradation bicubic-uint8 and --lr-up-from none, unless given), and the split as
train.txt, val.txt and test.txt; dataset/README.md tells how it is drawn.

degradations:
  bicubic               MATLAB's antialiased bicubic, rounded once (how the published sets were made)
  bicubic-uint8         the same, rounded after each axis as MATLAB does with integers
  blur                  Gaussian of 1.6 pixels, then every s-th pixel (BD)
  noise                 bicubic, then noise of deviation 30 of 255 (DN)
  real-esrgan           blur, resize, noise and JPEG, drawn at random, twice
  real-esrgan-lossless  the same without JPEG: for 16 bits and many bands
  mtf                   a sensor: optics by contrast at Nyquist, square detectors, shot and read noise
  refdiff-real          our own choice for a "real-world degradation": blur, motion, resize, noise, JPEG
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from refsr.cli.console import console_progress
from refsr.core.errors import UsageError

if TYPE_CHECKING:
    from refsr.data.prepare.derive import PrepareSettings
    from refsr.data.prepare.run import PrepareReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder of HR and Ref, or of sharp images")
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder of the prepared set")
    parser.add_argument(
        "--scale", type=int, required=True, metavar="N", help="how many times LR is smaller: 2, 3, 4, 8, 16, 32"
    )
    parser.add_argument("--dataset", metavar="ucmerced|aid|nwpu", help="a published set, split as published")
    parser.add_argument(
        "--split",
        type=Path,
        metavar="DIR",
        help="with --dataset: its train.txt, val.txt, test.txt, or folders so called",
    )
    parser.add_argument("--incomplete", action="store_true", help="with --dataset: take fewer classes or images, too")
    parser.add_argument("--hr", metavar="NAME", help="sub-folder of sharp images (default: HR)")
    parser.add_argument("--ref", metavar="NAME", help="sub-folder of references (default: Ref, if it is there)")
    parser.add_argument("--degradation", metavar="NAME", help="how LR is made from HR, see above (default: bicubic)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another number, other draws (default: 0)")
    parser.add_argument(
        "--workers", type=int, default=2, metavar="N", help="processes; 0 works in this one (default: 2)"
    )
    parser.add_argument(
        "--lr-up-from",
        metavar="clean|file|none",
        help="enlarge LR_UX from LR before it is rounded and compressed, from its file, or make none (default: clean)",
    )
    parser.add_argument("--jpeg", type=int, metavar="N", help="store LR, LR_UX and Ref_DUX as JPEG of this quality")
    parser.add_argument(
        "--suffix", metavar=".SUFFIX", help=".png, .tif, .tiff or .npy (default: .png where it holds the image)"
    )


def run(arguments: argparse.Namespace) -> int:
    from refsr.data.prepare.derive import PrepareSettings

    published = arguments.dataset is not None
    settings = PrepareSettings(
        scale=arguments.scale,
        degradation=arguments.degradation or ("bicubic-uint8" if published else "bicubic"),
        seed=arguments.seed,
        lr_up_from=arguments.lr_up_from or ("none" if published else "clean"),
        jpeg=arguments.jpeg,
        suffix=arguments.suffix,
    )
    report = (_scenes if published else _folders)(arguments, settings)
    ready = report.images - report.made
    print(f"{arguments.target}: {report.made} made, {ready} were ready, {report.images} in all")
    for note in report.notes:
        print(note)
    return 0


def _scenes(arguments: argparse.Namespace, settings: PrepareSettings) -> PrepareReport:
    from refsr.data.scenes.prepare import prepare_scenes

    for name in ("hr", "ref"):
        if getattr(arguments, name) is not None:
            raise UsageError(f"--{name}: {arguments.dataset} has class folders, not folders of HR and Ref")
    return prepare_scenes(
        arguments.source,
        arguments.target,
        settings,
        arguments.dataset,
        arguments.split,
        arguments.incomplete,
        arguments.workers,
        console_progress,
    )


def _folders(arguments: argparse.Namespace, settings: PrepareSettings) -> PrepareReport:
    from refsr.data.prepare.run import prepare

    for name in ("split", "incomplete"):
        if getattr(arguments, name):
            raise UsageError(f"--{name} belongs to --dataset, which is not given")
    return prepare(
        arguments.source, arguments.target, settings, arguments.hr, arguments.ref, arguments.workers, console_progress
    )
