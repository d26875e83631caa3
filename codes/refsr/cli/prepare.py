"""Makes LR, LR_UX<s> and Ref_DUX<s> from HR and reference images: refsr prepare SOURCE TARGET --scale 4

SOURCE contains the folders HR and Ref (or those named by --hr and --ref), or is itself a folder of HR images. Written
to TARGET: HR, LR, LR_UX<s>, Ref, Ref_DUX<s>, and prepare.json with the settings and the random parameters and digests
of each image. HR and Ref are cropped at the bottom and right to a multiple of the scale. The same seed gives the same
images for any number of workers. Running the same command again makes only what is missing. Georeferences are lost.

With --register, references are laid on LR: also written are Ref_reg, Ref_reg_DUX<s> and Ref_weight, which says how far
Ref can be trusted at each pixel. Several --ref give each place several references: Ref_reg has at each pixel the one
that can be trusted most, and Ref_used says which. With --lr, LR is taken from SOURCE and nothing but these is made.

With --self-reference, SOURCE holds HR images alone, and Ref is made from them; with --register it is registered too.

With --dataset, SOURCE is UCMerced, AID or NWPU-RESISC45 as distributed: a folder for each class. Written to TARGET:
train, val and test, each with HR and LR by class (defaults: --degradation bicubic-uint8, --lr-up-from none), and the
split as train.txt, val.txt and test.txt. dataset/README.md describes how the split is drawn.

degradations:
  bicubic               MATLAB's antialiased bicubic, rounded once (used for the published data sets)
  bicubic-uint8         the same, rounded after each axis as MATLAB does with integers
  blur                  Gaussian blur with std 1.6 pixels, then every s-th pixel (BD)
  noise                 bicubic, then Gaussian noise with std 30 of 255 (DN)
  real-esrgan           random blur, resizing, noise and JPEG, twice
  real-esrgan-lossless  the same without JPEG, for 16 bits and many bands
  mtf                   a sensor model: optical MTF, square detectors, shot and read noise
  sensors               bicubic, square detectors, or optics before them; noise and JPEG 60 to 95 in some images
  sensors-lossless      the same without JPEG
  compressed            as sensors, with more noise, then JPEG 60 to 98 in four of five images
  compressed-lossless   what compressed is before JPEG, if --seed is the same
  refdiff-real          our choice of a "real-world degradation": blur, motion blur, resizing, noise, JPEG
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from refsr.cli.arguments import add_max_pixels
from refsr.cli.console import console_progress
from refsr.core.errors import UsageError

if TYPE_CHECKING:
    from refsr.data.prepare.derive import PrepareSettings
    from refsr.data.prepare.run import PrepareReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder with HR and Ref, or folder of HR images")
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder of the prepared data set")
    parser.add_argument("--scale", type=int, required=True, metavar="N", help="scale factor: 2, 3, 4, 8, 16 or 32")
    parser.add_argument("--dataset", metavar="ucmerced|aid|nwpu", help="published data set, split as published")
    parser.add_argument(
        "--split",
        type=Path,
        metavar="DIR",
        help="with --dataset: folder of train.txt, val.txt, test.txt, or of folders with these names",
    )
    parser.add_argument("--incomplete", action="store_true", help="with --dataset: allow missing classes or images")
    parser.add_argument("--hr", metavar="NAME", help="sub-folder of HR images (default: HR)")
    parser.add_argument(
        "--ref",
        action="append",
        metavar="NAME",
        help="sub-folder of references (default: Ref, if it exists); with --register it may be repeated",
    )
    parser.add_argument(
        "--register",
        default="none",
        metavar="none|auto|global|local",
        help="lay references on LR: by an affine transform (global), a displacement field on top (local), or whichever "
        "makes them more alike (auto) (default: none)",
    )
    parser.add_argument(
        "--self-reference",
        type=float,
        metavar="HARDNESS",
        help="make Ref from HR: a displaced, re-coloured copy, made harder by 0 to 1 as refsr world --hardness does",
    )
    parser.add_argument(
        "--lr", metavar="NAME", help="with --register: sub-folder of LR; make only registered references"
    )
    parser.add_argument(
        "--range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="with --register or --self-reference: raw values that become 0 and 1; needed for 16 bits",
    )
    parser.add_argument("--degradation", metavar="NAME", help="degradation from HR to LR, see above (default: bicubic)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of all random draws (default: 0)")
    parser.add_argument(
        "--workers", type=int, default=2, metavar="N", help="worker processes; 0 uses none (default: 2)"
    )
    parser.add_argument(
        "--lr-up-from",
        metavar="clean|file|none",
        help="upsample LR_UX from LR before rounding and compression, from its file, or not at all (default: clean)",
    )
    parser.add_argument("--jpeg", type=int, metavar="N", help="store LR, LR_UX and Ref_DUX as JPEG of this quality")
    parser.add_argument(
        "--suffix", metavar=".SUFFIX", help="file type: .png, .tif, .tiff or .npy (default: .png where possible)"
    )
    add_max_pixels(parser)


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
        register=arguments.register,
        self_reference=arguments.self_reference,
        range=None if arguments.range is None else (arguments.range[0], arguments.range[1]),
    )
    report = (_scenes if published else _folders)(arguments, settings)
    ready = report.images - report.made
    print(f"{arguments.target}: {report.made} made, {ready} already there, {report.images} in all")
    for note in report.notes:
        print(note)
    return 0


def _scenes(arguments: argparse.Namespace, settings: PrepareSettings) -> PrepareReport:
    from refsr.data.scenes.prepare import prepare_scenes

    for name in ("hr", "ref", "lr", "range", "self_reference"):
        if getattr(arguments, name) is not None:
            option = name.replace("_", "-")
            raise UsageError(f"--{option}: {arguments.dataset} has class folders, not folders of HR and Ref")
    if settings.register != "none":
        raise UsageError(f"--register: {arguments.dataset} has no references")
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
            raise UsageError(f"--{name} needs --dataset")
    return prepare(
        arguments.source,
        arguments.target,
        settings,
        arguments.hr,
        arguments.ref or (),
        arguments.lr,
        arguments.workers,
        console_progress,
    )
