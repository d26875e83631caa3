"""Runs parity cases against published numbers: sh scripts/parity.sh CASE...

One line a case: the verdict, and the output that came nearest to its tolerance. A case passes when every output is
within its tolerance. The exit code is 1 if any case fails, is of an unknown kind, or belongs to a part that is not
built.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.case import Case
from harness.run import CaseResult, Verdict, run_case
from refsr.cli.main import Parser, guarded
from refsr.core.errors import DataError


def main(words: list[str]) -> int:
    """Runs one command line and returns its exit code."""
    return guarded(lambda: run(arguments(words).cases))


def arguments(words: list[str]) -> argparse.Namespace:
    """The parsed command line."""
    parser = Parser(prog="sh scripts/parity.sh", description=__doc__)
    parser.add_argument("cases", nargs="+", type=Path, metavar="CASE", help="a case's folder, or a folder of such")
    return parser.parse_args(words)


def run(given: list[Path]) -> int:
    """Runs the cases one after the other and prints them."""
    cases = [Case.load(folder) for place in given for folder in case_folders(place)]
    counts = dict.fromkeys(Verdict, 0)
    width = max(len(case.name) for case in cases)
    for case in cases:
        result = run_case(case)
        counts[result.verdict] += 1
        print(f"{result.verdict.value:<10}{case.name:<{width}}  {_figures(result)}".rstrip(), flush=True)
    print(", ".join(f"{count} {verdict.value.lower()}" for verdict, count in counts.items() if count))
    return 0 if counts[Verdict.PASSED] == len(cases) else 1


def case_folders(given: Path) -> list[Path]:
    """The folder itself if it is a case, else the cases right below it, by name."""
    if not given.exists():
        raise DataError(f"{given}: no such folder")
    if (given / "case.json").is_file():
        return [given.resolve()]
    found = sorted(file.parent for file in given.glob("*/case.json"))
    if not found:
        raise DataError(f"{given}: neither a parity case nor a folder of cases")
    return found


def _figures(result: CaseResult) -> str:
    if result.remark:
        return result.remark
    return f"{result.difference:.2e} of {result.tolerance:.0e} allowed ({result.output})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
