"""The published numbers of RRSNet, of the blocks it shares, and of the L1 stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refsr.interop.parity.case import Case
from refsr.interop.parity.run import Verdict, find_runner, run_case

CASES = Path(__file__).resolve().parents[1] / "parity"


@pytest.mark.parametrize(
    "name",
    [
        "rrsgan-align",
        "rrsgan-rrsnet",
        "rrsgan-rrsnet-small",
        "rrsgan-texture-transfer",
        "rrsgan-train-step",
        "rgtgan-content",
        "rgtgan-encoder",
        "rgtgan-ram",
        "rgtgan-schedules",
        "rgtgan-loss-l1",
    ],
)
def test_the_published_numbers(name):
    outcome = run_case(Case.load(CASES / name))
    assert outcome.verdict is Verdict.PASSED, outcome


def test_the_probes_are_answered_too():
    """Probes may be left out, so a case passes without them; ours are all there."""
    case = Case.load(CASES / "rrsgan-rrsnet-small")
    _, runner = find_runner(case)
    assert runner is not None
    assert set(case.expected()) == set(runner(case))


def test_a_spoilt_weight_is_noticed(monkeypatch):
    case = Case.load(CASES / "rrsgan-align")
    state = case.state()
    state["L2_dcnpack.conv_offset_mask.bias"] = np.roll(state["L2_dcnpack.conv_offset_mask.bias"], 1)
    monkeypatch.setattr(Case, "state", lambda self: state)
    assert run_case(case).verdict is Verdict.FAILED
