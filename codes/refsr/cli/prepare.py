"""Derives LR, LR_UX<s> and Ref_DUX<s> from sharp images and their references.

SOURCE holds the folders HR and Ref (or those that --hr and --ref name), or is itself a folder of sharp images.
TARGET gets HR, LR, LR_UX<s>, Ref, Ref_DUX<s>, and prepare.json: the settings, and each image's draws and digests.
HR and Ref are cut at the bottom and right to a multiple of the scale. The same seed gives the same images, whatever
the number of workers. A rerun does only what is missing. Georeferences are not carried over.

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

from refsr.cli.console import begin


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE")
    parser.add_argument("target", type=Path, metavar="TARGET")
    parser.add_argument("--scale", type=int, required=True, help="2, 3, 4, 8, 16 or 32")
    parser.add_argument("--hr", metavar="FOLDER", help="sub-folder of sharp images (HR)")
    parser.add_argument("--ref", metavar="FOLDER", help="sub-folder of references (Ref, if it is there)")
    parser.add_argument("--degradation", default="bicubic", metavar="NAME", help="see above (bicubic)")
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn at random (0)")
    parser.add_argument("--workers", type=int, default=2, help="processes (2); 0 works in this one")
    parser.add_argument(
        "--lr-up-from",
        default="clean",
        metavar="clean|file",
        help="enlarge LR_UX from LR before it is rounded and compressed (clean), or from its file",
    )
    parser.add_argument("--jpeg", type=int, metavar="QUALITY", help="compress LR, LR_UX and Ref_DUX; else lossless")
    parser.add_argument("--suffix", help=".png, .tif, .tiff or .npy (.png where it can hold the image)")


def run(arguments: argparse.Namespace) -> int:
    from refsr.data.prepare.derive import Settings
    from refsr.data.prepare.run import prepare

    settings = Settings(
        scale=arguments.scale,
        degradation=arguments.degradation,
        seed=arguments.seed,
        lr_up_from=arguments.lr_up_from,
        jpeg=arguments.jpeg,
        suffix=arguments.suffix,
    )
    report = prepare(
        arguments.source, arguments.target, settings, arguments.hr, arguments.ref, arguments.workers, begin
    )
    ready = report.places - report.made
    print(f"{arguments.target}: {report.made} made, {ready} were ready, {report.places} in all")
    return 0
