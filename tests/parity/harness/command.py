"""Runs parity cases against published numbers: refsr parity CASE...

A line a case tells the largest difference and the tolerance it must keep. A case passes when every output is within its
tolerance. The exit code is 1 if any case fails, is unknown, or belongs to a system that is not built.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.case import Case
from harness.run import Outcome, Verdict, run_case
from refsr.core.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cases", nargs="+", type=Path, metavar="CASE", help="a case's folder, or a folder of such")


def run(arguments: argparse.Namespace) -> int:
    folders = [folder for given in arguments.cases for folder in case_folders(given)]
    counts = dict.fromkeys(Verdict, 0)
    width = max(len(folder.name) for folder in folders)
    for folder in folders:
        outcome = run_case(Case.load(folder))
        counts[outcome.verdict] += 1
        print(f"{outcome.verdict.value:<10}{folder.name:<{width}}  {_figures(outcome)}".rstrip(), flush=True)
    print(", ".join(f"{count} {verdict.value.lower()}" for verdict, count in counts.items() if count))
    return 0 if counts[Verdict.PASSED] == len(folders) else 1


def case_folders(given: Path) -> list[Path]:
    """The folder itself if it is a case, else the cases right below it, by name."""
    if not given.exists():
        raise DataError(f"{given}: no such folder")
    if (given / "case.json").is_file():
        return [given]
    found = sorted(file.parent for file in given.glob("*/case.json"))
    if not found:
        raise DataError(f"{given}: neither a parity case nor a folder of cases")
    return found


def _figures(outcome: Outcome) -> str:
    if outcome.remark:
        return outcome.remark
    if outcome.verdict is Verdict.NOT_BUILT:
        return ""
    return f"{outcome.difference:.2e} of {outcome.tolerance:.0e} allowed ({outcome.output})"
