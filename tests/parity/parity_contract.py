"""What is asked of the answers to parity cases, by the cases' names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness.case import Case
from harness.run import Verdict, find_runner, run_case

CASES = Path(__file__).resolve().parents[1] / "parity"


def check_passes(name: str) -> None:
    """Every output is within its tolerance."""
    outcome = run_case(Case.load(CASES / name))
    assert outcome.verdict is Verdict.PASSED, outcome


def check_answers_all(name: str) -> None:
    """Probes may be left out, so a case passes without them; ours are all there."""
    case = Case.load(CASES / name)
    _, runner = find_runner(case)
    assert runner is not None
    assert set(case.expected()) <= set(runner(case))


def check_weight_counts(monkeypatch: pytest.MonkeyPatch, name: str, key: str) -> None:
    """With its numbers in another order the case fails."""
    case = Case.load(CASES / name)
    state = case.state()
    state[key] = np.roll(state[key], 1)
    monkeypatch.setattr(Case, "state", lambda self: state)
    assert run_case(case).verdict is Verdict.FAILED
