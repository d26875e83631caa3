"""Writes one HTML page about one or more runs: refsr report RUN...

It shows the scores with their baselines, what the reference is worth, every image's gain, the worst and best cases to
look into, and the training's curves. The page is one file that opens from disk and fetches nothing. What is missing or
damaged is said on the page and here; the rest is shown.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from refsr.cli.console import console_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    a_run = "a run's folder (ROOT/experiments/NAME), or one of its results' folders"
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=a_run)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write (default: RUN/report.html)")
    parser.add_argument(
        "--cases", type=int, default=6, metavar="N", help="images to show, half worst, half best (default: 6)"
    )
    parser.add_argument(
        "--order",
        default="gain",
        metavar="gain|psnr",
        help="what worst and best go by: the gain over bicubic, or PSNR (default: gain)",
    )
    parser.add_argument("--protocol", metavar="NAME", help="protocol to quote first (default: the results' first)")
    parser.add_argument(
        "--max-mib", type=float, default=24.0, metavar="X", help="largest size of all pictures in MiB (default: 24)"
    )


def run(arguments: argparse.Namespace) -> int:
    from refsr.report.numbers import bytes_text
    from refsr.report.page import PageOptions, write_report

    wishes = PageOptions(arguments.cases, arguments.order, arguments.max_mib, arguments.protocol)
    written = write_report(arguments.runs, arguments.output, wishes, console_progress)
    for gap in written.gaps:
        print(f"note: {gap}", file=sys.stderr)
    print(f"{written.path}: {bytes_text(written.size)}")
    return 0
