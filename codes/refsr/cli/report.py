"""Writes one HTML page about one or more runs: refsr report RUN...

The page shows scores beside their baselines, what perturbed references cost, the gain of each image, the worst and best
images with error maps, and the training curves. It is one file that opens from disk and fetches nothing. What is
missing or damaged is listed on the page and printed; the rest is shown.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from refsr.cli.arguments import add_max_pixels
from refsr.cli.console import console_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    a_run = "folder of a run (ROOT/experiments/NAME), or one of its results folders"
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=a_run)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write (default: RUN/report.html)")
    parser.add_argument(
        "--examples", type=int, default=6, metavar="N", help="example images, half worst, half best (default: 6)"
    )
    parser.add_argument(
        "--order",
        default="gain",
        metavar="gain|psnr",
        help="what images are ranked by: gain over bicubic, or PSNR (default: gain)",
    )
    parser.add_argument("--protocol", metavar="NAME", help="protocol to show first (default: the first of the results)")
    add_max_pixels(parser)
    parser.add_argument(
        "--max-mib", type=float, default=24.0, metavar="X", help="largest size of all pictures in MiB (default: 24)"
    )


def run(arguments: argparse.Namespace) -> int:
    from refsr.report.numbers import bytes_text
    from refsr.report.page import PageOptions, write_report

    options = PageOptions(arguments.examples, arguments.order, arguments.max_mib, arguments.protocol)
    written = write_report(arguments.runs, arguments.output, options, console_progress)
    for problem in written.problems:
        print(f"note: {problem}", file=sys.stderr)
    print(f"{written.path}: {bytes_text(written.size)}")
    return 0
