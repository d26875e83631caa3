"""Lays one raster or image on another: refsr register --lr a.tif --ref b.tif -o b_on_a.tif

The result is Ref on LR's fine grid, in Ref's own type and bands: LR's pixels divided by --scale, which is the ratio of
the pixel sizes by default (for images the ratio of the sizes where it is a whole number, else 4). Each pixel is
interpolated once. Pixels that Ref does not cover hold no data. Rasters are written block by block; a repeated command
continues an interrupted one. Anything that GDAL opens may be --lr and --ref.

Rasters with a georeference are matched around it, up to 40 pixels of the fine grid away. Images, and rasters that lie
nowhere, are searched for: turns to 7.5 degrees, scales from 0.72 to 1.38.

Compared are the bands that a network would take: red, green and blue where both files say which these are, else all.

A Ref that shows other ground than LR is refused: one line with the reasons, exit code 1, and nothing is written.

--report writes one page: LR and Ref before and after, checkerboards, arrows of displacement, the weight map, numbers.
--points writes tie points as GeoJSON. Of each: the place on the ground, x and y on the fine grid, the offset right and
down in its pixels, Ref's pixel (ref_x, ref_y), the likeness, and whether it agrees with the others (kept).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from refsr.cli.console import console_progress
from refsr.cli.raster_arguments import add_bands, read_bands
from refsr.core.errors import UsageError
from refsr.core.foreign_files import resolved


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lr", required=True, metavar="PATH", help="raster or image on which Ref is laid")
    parser.add_argument("--ref", required=True, metavar="PATH", help="raster or image that is laid on it")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PATH", help="where to write Ref on LR")
    parser.add_argument(
        "--mode",
        choices=("auto", "global", "local", "none"),
        default="auto",
        help="global: an affine transform; local: a displacement at each pixel on top; auto: what makes both more "
        "alike, and nothing where Ref lies right; none: Ref where its grid says (default: auto)",
    )
    parser.add_argument("--scale", type=int, metavar="N", help="pixels of the result along the side of one of LR")
    add_bands(parser, "compare")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="also write a page with pictures and numbers")
    parser.add_argument("--points", type=Path, metavar="FILE.geojson", help="also write tie points as GeoJSON")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")


def run(arguments: argparse.Namespace) -> int:
    from refsr.core.atomic import write_text
    from refsr.geo.raster_sink import clear_finished, is_begun

    targets = [file for file in (arguments.output, arguments.report, arguments.points) if file is not None]
    sources = [resolved(Path(name)) for name in (arguments.lr, arguments.ref)]
    clear_finished(arguments.output)
    # What lies beside a result is written before it, by a run that was stopped, too.
    going_on = not arguments.output.exists() and is_begun(arguments.output)
    for file in targets:
        if resolved(file) in sources:
            raise UsageError(f"{file}: is LR or Ref itself; choose another name")
        if file.exists() and not (arguments.overwrite or going_on):
            raise UsageError(f"{file}: is there already (--overwrite replaces it)")
    if len({resolved(file) for file in targets}) < len(targets):
        raise UsageError("-o, --report and --points name one file twice; each needs a name of its own")

    from refsr.inference.register_files import points_geojson, registered_files, write_registered

    compared = (read_bands(words) for words in (arguments.bands, arguments.bands_ref))
    with registered_files(
        arguments.lr, arguments.ref, arguments.mode, arguments.scale, console_progress, print_line, *compared
    ) as found:

        def write_beside() -> None:
            if arguments.points is not None:
                write_text(arguments.points, json.dumps(points_geojson(found)) + "\n")
            if arguments.report is not None:
                from refsr.report.registration import write_page

                write_page(found, arguments.report)

        write_registered(found, arguments.output, arguments.overwrite, console_progress, write_beside)
        size = f"{found.pair.grid.height}x{found.pair.grid.width}"
        fine = "on the grid of" if found.pair.scale == 1 else f"{found.pair.scale} times as fine as"
        print(f"{arguments.output}: {size}, {fine} {arguments.lr}")
    return 0


def print_line(line: str) -> None:
    """A line about what was decided, on standard error."""
    import logging

    logging.getLogger(__name__).info(line)
