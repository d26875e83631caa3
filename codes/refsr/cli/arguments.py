"""Arguments that several commands take, in the same words."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_option_file(parser: argparse.ArgumentParser, what: str = "option file") -> None:
    """An option file as `file`, and the words put over it as `overrides`."""
    parser.add_argument("file", type=Path, metavar="OPTIONS.yml", help=what)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="put over the file, such as train.lr_G=1e-4")


def flag(keyword: str) -> str:
    """A keyword of Python as a flag: `range_ref` is `--range-ref`."""
    return f"--{keyword.replace('_', '-')}"
