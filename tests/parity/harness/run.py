"""Runs parity cases: finds who answers a case, compares every output, and says by how much it differs."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from harness.case import Case, NotCoveredError

# Outputs that only help to find a difference; compared where we have them.
DIAGNOSTIC = ("probe_", "tap_")

Answers = Mapping[str, npt.ArrayLike]
Runner = Callable[[Case], Answers]

# System: module with RUNNERS, a list of (pattern that `what` starts with, function or None where it is not built).
SYSTEMS = {
    "rgtgan": "harness.rgtgan",
    "rrsgan": "harness.rrsgan",
    "tsfnet": "harness.tsfnet",
    "refdiff": "harness.refdiff",
    "specgan": "harness.specgan",
}


class Verdict(Enum):
    PASSED = "pass"
    FAILED = "FAIL"
    NOT_BUILT = "not built"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """How a case went: its verdict, the output that came nearest to its tolerance, and what to say of it."""

    case: Case
    verdict: Verdict
    output: str = ""
    difference: float = 0.0
    tolerance: float = 0.0
    remark: str = ""


def run_case(case: Case) -> Outcome:
    """Computes and compares one case."""
    found, runner = find_runner(case)
    if not found:
        return Outcome(case, Verdict.UNKNOWN, remark=f"nobody answers {case.system!r}: {case.what!r}")
    if runner is None:
        return Outcome(case, Verdict.NOT_BUILT)
    try:
        answers = runner(case)
    except NotCoveredError as error:
        return Outcome(case, Verdict.NOT_BUILT, remark=str(error))
    return compare(case, answers)


def find_runner(case: Case) -> tuple[bool, Runner | None]:
    """Whether the case's kind is known, and the function that answers it if it is built."""
    if case.system not in SYSTEMS:
        return False, None
    module = importlib.import_module(SYSTEMS[case.system])
    for pattern, runner in module.RUNNERS:
        if re.match(pattern, case.what):
            return True, runner
    return False, None


def compare(case: Case, answers: Answers) -> Outcome:
    """Every expected output against our answer; the worst by difference over tolerance decides."""
    worst = Outcome(case, Verdict.PASSED)
    worst_ratio = -1.0
    for name, expected in case.expected().items():
        tolerance = case.tolerance(name)
        if name not in answers:
            if name.startswith(DIAGNOSTIC):
                continue
            return Outcome(case, Verdict.FAILED, name, float("inf"), tolerance, f"no answer for {name!r}")
        answer = np.asarray(answers[name])
        if answer.shape != expected.shape:
            remark = f"{name!r} has shape {answer.shape}, expected {expected.shape}"
            return Outcome(case, Verdict.FAILED, name, float("inf"), tolerance, remark)
        difference = largest_difference(answer, expected)
        ratio = difference / tolerance if tolerance > 0 else (0.0 if difference == 0 else float("inf"))
        if ratio > worst_ratio or np.isnan(ratio):
            verdict = Verdict.PASSED if difference <= tolerance else Verdict.FAILED
            worst, worst_ratio = Outcome(case, verdict, name, difference, tolerance), ratio
        if worst.verdict is Verdict.FAILED and np.isnan(worst.difference):
            break
    return worst


def largest_difference(answer: npt.NDArray[np.generic], expected: npt.NDArray[np.generic]) -> float:
    """The largest absolute difference in float64; equal infinities agree, a NaN on one side only is NaN."""
    if answer.size == 0:
        return 0.0
    a, b = answer.astype(np.float64), expected.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        return float(np.where(same, 0.0, np.abs(a - b)).max())
