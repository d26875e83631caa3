"""Restores images: refsr restore --lr a.tif --ref b.tif -o out.tif

The result has the resolution of LR times the model's scale, 4 for the bundled weights. --model W takes another model: W
is a model file, a run's folder (its best checkpoint, else its newest), one checkpoint's folder, the name of bundled
weights, such as refsr-x4-fast, which is three times faster, or an ONNX file of refsr export, computed on the CPU.

Rasters: --lr and --ref may be anything that GDAL opens (GeoTIFF, COG, JP2, VRT, /vsizip/..., https://..., s3://...), on
any grids: each reference is warped onto LR's grid, made finer by the model's scale. --ref may be repeated, or name a
folder of rasters; at each pixel the first reference with data counts. Where none counts, LR is restored without one.
Pixels of LR without data stay so. A line on standard error says how each raster was read: its grid, bands and values.
The result is a COG in LR's type; it is written block by block, so memory does not grow with the scene, and the same
command continues an interrupted one. --dry-run prints what would be done and how long it would take.

Bands of LR that the model does not take get the detail of the restored ones (--other-bands guided), so the result has
all bands in LR's order. --bbox and --aoi restore a part of LR; the result is that of the whole scene there.
--resolution resamples after the network, to a pixel size between its own and LR's. --gcps and --gcps-lr place a raster
without a grid by ground control points; the residuals are printed.

Images: PNG, JPEG and .npy files, and networks that take a change mask, a cube or noise, are restored in memory. --lr,
--ref, --mask and --hsi may each name a folder whose images pair by name; then -o is a folder, existing images are
skipped, and a repeated command does the rest. A cube may be a GeoTIFF, an ENVI header, a .mat or a .npy. It is read as
in training: the same wavelengths, scaling and treatment of holes.

Ref is registered to LR first. It need not be of the scale's multiple of LR's size. Where it shows other ground, LR is
restored without it. A Ref that shows none of LR's ground is refused: LR is restored without a reference. A line says
what was found. --register none pairs Ref with LR as it lies.

Large images are restored in tiles, each with some pixels of context around it. A network's halo is the radius of its
receptive field in LR pixels. If the context is at least the halo, tiles change the result by rounding only. Otherwise
the result is approximate, and a warning is logged. A network without a halo has the whole image as its receptive
field: tiles change its result. To avoid that, choose --tile as large as the image.

A model that takes Ref's weight map, such as GatedTransfer, restores without --ref too. --bits 16 keeps what rounding to
8 bits would lose, such as for dataroot_Base.

Networks that take a change mask need no mask file with --mask estimate or none. estimate detects changes from LR and
Ref, for networks trained with mask_encoding: changed. none means that nothing changed. The last line of the output
says which mask was used.

Diffusion models sample as their run's options said; --sampling steps=8 seed=1 changes that (docs/options.md has all
keys). --spread also writes the standard deviation over several seeds, in LR's units: high where LR and Ref leave the
image open; of calibrated models, half the width of the 90 % interval is its second band.

--evidence FILE.tif writes beside the result, band by band, what the reference brought (borrowed), where it counted
(coverage), what changed since (change), and of calibrated models how sure each pixel is (uncertainty): docs/trust.md
says how to read them. --consistent, --ref-strength and --guard decide how far the result follows LR and the reference.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refsr.cli.arguments import add_imports, add_max_pixels, flag
from refsr.cli.console import console_progress
from refsr.cli.raster_arguments import (
    add_raster_values,
    add_restoring,
    add_values,
    check_tiles,
    raster_keywords,
    read_range,
    restoring_keywords,
)
from refsr.core.errors import UsageError
from refsr.core.memory import keep_freed_memory
from refsr.core.registry import DEFAULT_MODEL

if TYPE_CHECKING:
    from refsr.data.masks import MadeMask
    from refsr.inference.inputs import RestoreOptions
    from refsr.inference.restorer import Restorer

RASTER_FOLDERS = (".safe", ".zarr")
"""Suffixes of folders that GDAL opens as one raster."""
MADE = ("estimate", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=Path,
        default=Path(DEFAULT_MODEL),
        metavar="W",
        help=f"model or ONNX file, folder of a run or a checkpoint, or a name (refsr info; default: {DEFAULT_MODEL})",
    )
    parser.add_argument("--lr", required=True, metavar="PATH", help="raster or image to make sharp, or a folder")
    parser.add_argument(
        "--ref",
        action="append",
        default=[],
        metavar="PATH",
        help="reference: an older sharp raster or image of the same place; may be repeated",
    )
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
    add_restoring(parser)
    parser.add_argument(
        "--bits",
        type=int,
        choices=(16,),
        help="of images made of 8-bit LR (default: 8, as LR has; not for rasters)",
    )
    parser.add_argument("--sampling", nargs="+", default=[], metavar="key=value", help="how a diffusion model samples")
    parser.add_argument(
        "--evidence",
        type=Path,
        metavar="FILE.tif",
        help="also write what the result rests on: bands borrowed, coverage, change and, of calibrated models, "
        "uncertainty",
    )
    parser.add_argument("--spread", type=Path, metavar="FILE", help="also write the std over seeds as a TIFF")
    parser.add_argument("--samples", type=int, metavar="N", help="samples for --spread (default: 8)")
    add_values(parser)
    parser.add_argument(
        "--range-hsi",
        nargs="+",
        metavar=("LOW", "HIGH"),
        help="raw values that are 0 and 1 in cubes (default: as in training)",
    )
    parser.add_argument(
        "--bands-hsi", nargs="+", metavar="BAND", help="bands to take of cubes (default: as in training)"
    )
    rasters = parser.add_argument_group("rasters")
    rasters.add_argument("--dry-run", action="store_true", help="print what would be done, with the time of one block")
    rasters.add_argument(
        "--ref-grid",
        choices=("auto", "as-is"),
        default="auto",
        help="as-is pairs Ref with LR pixel by pixel, whatever their grids say (default: auto)",
    )
    add_raster_values(rasters)
    for name, what in (("", "Ref without a grid"), ("-lr", "LR without a grid")):
        rasters.add_argument(
            f"--gcps{name}",
            metavar="FILE.csv",
            help=f"ground control points of {what}: columns column, row, x, y; `# EPSG:32612` names their CRS",
        )
    rasters.add_argument("--gcps-crs", metavar="CRS", help="CRS of control points (default: the file's, else LR's)")
    rasters.add_argument(
        "--bbox",
        type=float,
        nargs=4,
        metavar=("LEFT", "BOTTOM", "RIGHT", "TOP"),
        help="restore the pixels of LR in this box only",
    )
    rasters.add_argument("--bbox-crs", metavar="CRS", help="the box's CRS, such as EPSG:4326 (default: LR's)")
    rasters.add_argument(
        "--aoi", metavar="FILE.geojson", help="restore the area of these polygons only; outside the result is empty"
    )
    rasters.add_argument("--format", choices=("cog", "gtiff", "png", "zarr"), help="default: by -o; .tif is a COG")
    add_max_pixels(parser)
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    made: MadeMask | None = arguments.mask if arguments.mask in MADE else None
    images = _images(arguments, made)
    folder = _is_folder(images["lr"])
    if not (folder or arguments.overwrite or arguments.dry_run) and arguments.output.exists():
        from refsr.geo.raster_sink import clear_finished

        if clear_finished(arguments.output):
            print(f"{arguments.output}: was complete; the blocks that a stopped run left are removed")
            return 0
    _check(arguments, images, folder)

    from refsr.inference.files import SpreadOptions, restore_file, restore_folder
    from refsr.inference.inputs import describe_mask
    from refsr.inference.restorer import load

    restorer = load(arguments.model, arguments.device)
    if restorer.device.type == "cpu":
        keep_freed_memory()
    if (arguments.sampling or arguments.spread is not None) and not restorer.samples:
        raise UsageError(f"{arguments.model}: {restorer.card.spec.network} restores in one pass and samples nothing")
    options = _options(arguments, made)
    named = f"{restorer.card.spec.network} x{restorer.scale}"
    held = f"; {restorer.trust(options).held}" if restorer.trust(options).held else ""
    mask = f"; {describe_mask(made, restorer.scale)}" if restorer.takes_mask else ""
    if arguments.dry_run:
        return _plan(restorer, images, arguments.output, options)
    if folder:
        report = restore_folder(restorer, images, arguments.output, options, arguments.overwrite, console_progress)
        ready = report.images - report.restored
        refused = f" ({report.refused} references refused)" if report.refused else ""
        counts = f"{report.restored} restored by {named}{refused}, {ready} already there, {report.images} in all"
        print(f"{arguments.output}: {counts}{held}{mask}")
        return 0
    samples = () if arguments.samples is None else (arguments.samples,)
    spread = None if arguments.spread is None else SpreadOptions(arguments.spread, *samples)
    info = restore_file(
        restorer,
        images,
        arguments.output,
        options,
        arguments.overwrite,
        console_progress,
        spread,
        evidence=arguments.evidence,
    )
    print(f"{arguments.output}: {info}, by {named}{held}{mask}")
    if arguments.evidence is not None:
        from refsr.inference.evidence import bands_of

        print(f"{arguments.evidence}: evidence: {', '.join(bands_of(restorer.trust(options)))}")
    return 0


def _images(arguments: argparse.Namespace, made: MadeMask | None) -> dict[str, Any]:
    """The inputs by role: paths, names that only GDAL knows, and a list where there are several references."""
    images: dict[str, Any] = {"lr": _named(arguments.lr)}
    if arguments.ref:
        refs = [_named(ref) for ref in arguments.ref]
        images["ref"] = refs[0] if len(refs) == 1 else refs
    if arguments.mask is not None and made is None:
        images["mask"] = Path(arguments.mask)
    if arguments.hsi is not None:
        images["hsi"] = arguments.hsi
    return images


def _named(text: str) -> Path | str:
    """A path; a name of GDAL's, such as an address, as it was typed."""
    if not text:
        raise UsageError("--lr or --ref is an empty name; expected a raster or an image, or a folder of them")
    return text if ":" in text or text.startswith("/vsi") else Path(text)


def _is_folder(image: object) -> bool:
    """Whether it is a folder of images, and not a raster that is kept as one."""
    return isinstance(image, Path) and image.is_dir() and image.suffix.lower() not in RASTER_FOLDERS


def _check(arguments: argparse.Namespace, images: Mapping[str, Any], folder: bool) -> None:
    """A UsageError for arguments that do not go together."""
    # A folder of references of one raster is a mosaic.
    others = {role: image for role, image in images.items() if isinstance(image, Path) and (folder or role != "ref")}
    for image in others.values():
        if _is_folder(image) != folder:
            one, other = (images["lr"], image) if folder else (image, images["lr"])
            raise UsageError(f"{one} is a folder and {other} is not; expected files only, or folders only")
    if folder and isinstance(images.get("ref"), (list, str)):
        raise UsageError(f"{images['lr']} is a folder; expected one folder of references too")
    check_tiles(arguments)
    if not folder and arguments.output.exists() and not arguments.overwrite and not arguments.dry_run:
        name = Path(str(images["lr"])).name
        inside = f"is a folder; a file in it would do, such as {arguments.output / name}"
        what = inside if _is_folder(arguments.output) else "is there already (--overwrite replaces it)"
        raise UsageError(f"{arguments.output}: {what}")
    if arguments.dry_run and folder:
        raise UsageError("--dry-run goes with one raster, not with folders")
    if arguments.spread is not None and folder:
        raise UsageError("--spread goes with one image, not with folders")
    if arguments.evidence is not None and (folder or arguments.spread is not None or arguments.dry_run):
        raise UsageError("--evidence goes with one image or raster, without --spread and --dry-run")
    if arguments.samples is not None and arguments.spread is None:
        raise UsageError(f"--samples {arguments.samples}: counts the images of --spread FILE, which is not given")


def _plan(restorer: Restorer, images: Mapping[str, Any], output: Path, options: RestoreOptions) -> int:
    """Prints what would be done."""
    from refsr.inference.raster_inputs import as_rasters, raster_list
    from refsr.inference.raster_plan import plan_raster

    if not as_rasters(restorer, images, options, output):
        raise UsageError(f"--dry-run goes with rasters; {images['lr']} is restored in memory")
    lr, *refs = raster_list(images)
    for line in plan_raster(restorer, lr, refs, output, options).lines:
        print(line)
    return 0


def _cube_bands(words: Sequence[str] | None) -> list[int] | None:
    try:
        return None if words is None else [int(word) for word in words]
    except ValueError:
        raise UsageError(f"--bands-hsi {' '.join(words or ())}: expected numbers from 1") from None


def _options(arguments: argparse.Namespace, made: MadeMask | None) -> RestoreOptions:
    from refsr.inference.inputs import RestoreOptions
    from refsr.inference.raster_options import RasterOptions

    sampling = None
    if arguments.sampling:
        from refsr.core.options.overrides import override_values

        sampling = override_values(arguments.sampling, "steps=12")
    return RestoreOptions(
        **restoring_keywords(arguments),
        range_hsi=read_range(arguments.range_hsi, "--range-hsi"),
        bands_hsi=_cube_bands(arguments.bands_hsi),
        made_mask=made,
        sampling=sampling,
        bits=arguments.bits,
        raster=RasterOptions(
            **raster_keywords(arguments),
            ref_grid=arguments.ref_grid,
            gcps=arguments.gcps,
            gcps_lr=arguments.gcps_lr,
            gcps_crs=arguments.gcps_crs,
            bbox=None if arguments.bbox is None else tuple(arguments.bbox),
            bbox_crs=arguments.bbox_crs,
            aoi=arguments.aoi,
            format=arguments.format,
        ),
        spelling=flag,
    )
