"""Runs parity cases: computes what a case asks for, compares it, and says by how much it differs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from harness.case import Case, NotCoveredError
from harness.runners import find_runner
from refsr.core.errors import RefsrError

Answer = npt.ArrayLike | Callable[[], npt.ArrayLike]
"""An output, or a function without arguments that computes it where the case asks for it."""
Answers = Mapping[str, Answer]

DIAGNOSTIC = ("probe_", "tap_")
"""Beginnings of outputs that only help to find a difference; compared where we have them."""


class Verdict(Enum):
    PASSED = "pass"
    FAILED = "FAIL"
    NOT_BUILT = "not built"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CaseResult:
    """How a case went: its verdict, the output that came nearest to its tolerance, and a remark."""

    case: Case
    verdict: Verdict
    output: str = ""
    difference: float = 0.0
    tolerance: float = 0.0
    remark: str = ""


def run_case(case: Case) -> CaseResult:
    """Computes and compares one case; an error of its runner is a failure of this case alone."""
    runner = find_runner(case)
    if runner is None:
        return CaseResult(case, Verdict.UNKNOWN, remark=f"no runner for system {case.system!r}, kind {case.kind!r}")
    expected = case.expected()
    try:
        return compare(case, answers_of(case, runner, expected), expected)
    except NotCoveredError as error:
        return CaseResult(case, Verdict.NOT_BUILT, remark=str(error))
    except Exception as error:
        if os.environ.get("REFSR_TRACEBACK"):
            raise
        words = str(error) if isinstance(error, RefsrError) else f"{type(error).__name__}: {error}"
        return CaseResult(case, Verdict.FAILED, remark=" ".join(words.split()))


def answers_of(
    case: Case, runner: Callable[[Case], Answers], asked: Mapping[str, object]
) -> dict[str, npt.NDArray[np.generic]]:
    """The outputs that are asked for, no others."""
    answers = runner(case)
    found = {name: answers[name] for name in asked if name in answers}
    return {name: np.asarray(answer() if callable(answer) else answer) for name, answer in found.items()}


def compare(
    case: Case, answers: Mapping[str, npt.ArrayLike], expected: Mapping[str, npt.NDArray[np.generic]]
) -> CaseResult:
    """Every expected output against our answer; the worst by difference over tolerance decides."""
    worst = CaseResult(case, Verdict.PASSED)
    worst_ratio = -1.0
    for name, published in expected.items():
        tolerance = case.tolerance(name)
        if name not in answers:
            if name.startswith(DIAGNOSTIC):
                continue
            return CaseResult(case, Verdict.FAILED, name, float("inf"), tolerance, f"no answer for {name!r}")
        answer = np.asarray(answers[name])
        if answer.shape != published.shape:
            remark = f"{name!r} has shape {answer.shape}, expected {published.shape}"
            return CaseResult(case, Verdict.FAILED, name, float("inf"), tolerance, remark)
        difference = largest_difference(answer, published)
        ratio = difference / tolerance if tolerance > 0 else (0.0 if difference == 0 else float("inf"))
        if ratio > worst_ratio or np.isnan(ratio):
            verdict = Verdict.PASSED if difference <= tolerance else Verdict.FAILED
            worst, worst_ratio = CaseResult(case, verdict, name, difference, tolerance), ratio
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
