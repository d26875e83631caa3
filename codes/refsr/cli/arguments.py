"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from refsr.core.foreign_files import MOST_PIXELS, OPTION


def add_option_file(parser: argparse.ArgumentParser, what: str = "option file") -> None:
    """An option file as `file`, and the values that override it as `overrides`."""
    parser.add_argument("file", type=Path, metavar="OPTIONS.yml", help=what)
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="override of a value, such as train.lr_G=1e-4"
    )


def add_trust(parser: argparse.ArgumentParser, consistent: str | None, guard: str | None) -> None:
    """How results are held to LR and to their references, with the defaults of two of them."""
    parser.add_argument(
        "--consistent",
        choices=("off", "soft", "hard"),
        default=consistent,
        help="hold the result to LR: reduced by the sensor's response it is LR again (hard), or nearer to it (soft) "
        f"(default: {consistent or 'by the model'})",
    )
    parser.add_argument(
        "--response",
        metavar="bicubic|box|mtf:X",
        help="how LR's sensor reduces what it sees; X is its transfer function at Nyquist (default: by the model)",
    )
    parser.add_argument(
        "--ref-strength",
        type=float,
        default=1.0,
        metavar="X",
        help="how much of what the reference brings is added, 0 to 1 (default: 1)",
    )
    parser.add_argument(
        "--guard",
        choices=("on", "off"),
        default=guard,
        help="leave out of what the reference brings what contradicts LR, by a second pass without it "
        f"(default: {guard or 'on, but for models that sample'})",
    )


def add_imports(parser: argparse.ArgumentParser) -> None:
    """`--import MODULE`, which `main` carries out before the command."""
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module (or a .py file) that registers a network, task or metric; may be repeated",
    )


def add_max_pixels(parser: argparse.ArgumentParser) -> None:
    """`--max-pixels N`, which `main` carries out before the command."""
    parser.add_argument(
        OPTION,
        type=int,
        metavar="N",
        help="most pixels of an image that is decoded as a whole; rasters are read by windows, and may be larger "
        f"(default: {MOST_PIXELS:,})",
    )


def flag(keyword: str) -> str:
    """A Python keyword as a flag: `range_ref` is `--range-ref`."""
    return f"--{keyword.replace('_', '-')}"
