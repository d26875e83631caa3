"""Restores images with a model file: refsr restore --model W --lr a.png --ref b.png -o out.png

W is a model file, a run's folder (its best checkpoint, else its newest), one checkpoint's folder, or the name of
bundled weights, such as rrsnet-small-x4. --lr, --ref, --mask and --hsi name a file each, or a folder each whose images
pair by name; then -o is a folder, existing images are skipped, and a repeated command does the rest. LR_UX and Ref_DUX
are made from LR and Ref.

A cube may be a GeoTIFF, an ENVI header, a .mat or a .npy. It is read as in training: the same wavelengths, scaling and
treatment of holes.

Where LR and Ref are GeoTIFFs on different grids, Ref is warped onto LR's grid, and the result is written block by
block; a repeated command continues an interrupted one.

Ref must have the scale's multiple of LR's size. The result has LR's type and range of values. A GeoTIFF keeps LR's
place on the ground, or Ref's where LR has none.

Large images are restored in tiles, each with some pixels of context around it. A network's halo is the radius of its
receptive field in LR pixels. If the context is at least the halo, tiles change the result by rounding only. Otherwise
the result is approximate, and a warning is logged. A network without a halo has the whole image as its receptive
field: tiles change its result. To avoid that, choose --tile as large as the image.

Networks that take a change mask need no mask file with --mask estimate or none. estimate detects changes from LR and
Ref, for networks trained with mask_encoding: changed. none means that nothing changed. The last line of the output
says which mask was used.

Diffusion models sample as their run's options said; --sampling steps=8 seed=1 changes that (docs/options.md has all
keys). --spread also writes the standard deviation over several seeds, in LR's units: high where LR and Ref leave the
image open.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from refsr.cli.arguments import add_imports, flag
from refsr.cli.console import console_progress
from refsr.core.errors import UsageError

if TYPE_CHECKING:
    from refsr.data.masks import MadeMask
    from refsr.inference.inputs import RestoreOptions

ROLES = ("lr", "ref", "mask", "hsi")
MADE = ("estimate", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="W",
        help="model file, folder of a run or a checkpoint, or a name (refsr info)",
    )
    parser.add_argument("--lr", type=Path, required=True, metavar="PATH", help="image to make sharp, or a folder")
    parser.add_argument("--ref", type=Path, metavar="PATH", help="reference: an older sharp image of the same place")
    parser.add_argument(
        "--mask",
        metavar="PATH|estimate|none",
        help="change mask, for networks that take one; no mask file is needed with estimate or none (write "
        "./none for a file named none)",
    )
    parser.add_argument("--hsi", type=Path, metavar="PATH", help="hyperspectral cube, for networks that take one")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="PATH", help="where to write: a file, or a folder"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument("--device", metavar="cpu|cuda", help="where to compute (default: the GPU, where there is one)")
    parser.add_argument(
        "--tile", type=int, metavar="N", help="side of tiles in LR pixels (default: by the image's size)"
    )
    parser.add_argument("--sampling", nargs="+", default=[], metavar="key=value", help="how a diffusion model samples")
    parser.add_argument("--spread", type=Path, metavar="FILE", help="also write the std over seeds as a TIFF")
    parser.add_argument("--samples", type=int, metavar="N", help="samples for --spread (default: 8)")
    parser.add_argument(
        "--overlap",
        type=int,
        default=0,
        metavar="N",
        help="LR pixels of context around each tile; 0: the network's halo (radius of the receptive field in LR "
        "pixels) and a margin of 8 (default: 0)",
    )
    for name, what in (("", "LR"), ("-ref", "Ref (default: LR's)"), ("-hsi", "cubes (default: as in training)")):
        parser.add_argument(
            f"--range{name}",
            type=float,
            nargs=2,
            metavar=("LOW", "HIGH"),
            help=f"raw values that are 0 and 1 in {what}",
        )
    for name, what in (
        ("", "LR, counted from 1"),
        ("-ref", "Ref (default: LR's)"),
        ("-hsi", "cubes (default: as in training)"),
    ):
        parser.add_argument(f"--bands{name}", type=int, nargs="+", metavar="N", help=f"bands to take of {what}")
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    made: MadeMask | None = arguments.mask if arguments.mask in MADE else None
    images = {role: Path(getattr(arguments, role)) for role in ROLES if getattr(arguments, role) is not None}
    if made is not None:
        del images["mask"]
    folders = {role: path.is_dir() for role, path in images.items()}
    if len(set(folders.values())) > 1:
        one, other = (next(images[role] for role in images if folders[role] is kind) for kind in (True, False))
        raise UsageError(f"{one} is a folder and {other} is not; expected files only, or folders only")
    if arguments.tile is not None and arguments.tile < 1:
        raise UsageError(f"--tile {arguments.tile}: expected 1 or more")
    if arguments.overlap < 0:
        raise UsageError(f"--overlap {arguments.overlap}: expected 0 or more")
    if not folders["lr"] and arguments.output.exists() and not arguments.overwrite:
        inside = f"is a folder; a file in it would do, such as {arguments.output / images['lr'].name}"
        what = inside if arguments.output.is_dir() else "is there already (--overwrite replaces it)"
        raise UsageError(f"{arguments.output}: {what}")

    if arguments.spread is not None and folders["lr"]:
        raise UsageError("--spread goes with one image, not with folders")
    if arguments.samples is not None and arguments.spread is None:
        raise UsageError(f"--samples {arguments.samples}: counts the images of --spread FILE, which is not given")

    from refsr.inference.files import SpreadOptions, restore_file, restore_folder
    from refsr.inference.inputs import describe_mask
    from refsr.inference.restorer import load

    restorer = load(arguments.model, arguments.device)
    if (arguments.sampling or arguments.spread is not None) and not restorer.samples:
        raise UsageError(f"{arguments.model}: {restorer.card.spec.network} restores in one pass and samples nothing")
    options = _options(arguments, made)
    named = f"{restorer.card.spec.network} x{restorer.scale}"
    mask = f"; {describe_mask(made, restorer.scale)}" if restorer.takes_mask else ""
    if folders["lr"]:
        report = restore_folder(restorer, images, arguments.output, options, arguments.overwrite, console_progress)
        ready = report.images - report.restored
        counts = f"{report.restored} restored by {named}, {ready} already there, {report.images} in all"
        print(f"{arguments.output}: {counts}{mask}")
        return 0
    samples = () if arguments.samples is None else (arguments.samples,)
    spread = None if arguments.spread is None else SpreadOptions(arguments.spread, *samples)
    info = restore_file(restorer, images, arguments.output, options, arguments.overwrite, console_progress, spread)
    print(f"{arguments.output}: {info}, by {named}{mask}")
    return 0


def _options(arguments: argparse.Namespace, made: MadeMask | None) -> RestoreOptions:
    from refsr.inference.inputs import RestoreOptions

    sampling = None
    if arguments.sampling:
        from refsr.core.options.overrides import override_values

        sampling = override_values(arguments.sampling, "steps=12")
    return RestoreOptions(
        range=arguments.range,
        range_ref=arguments.range_ref,
        range_hsi=arguments.range_hsi,
        bands=arguments.bands,
        bands_ref=arguments.bands_ref,
        bands_hsi=arguments.bands_hsi,
        made_mask=made,
        tile=arguments.tile,
        overlap=arguments.overlap,
        sampling=sampling,
        spelling=flag,
    )
