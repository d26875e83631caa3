"""The published numbers of Ref-Diff: parts, denoisers, preconditioning, loss, ramps, steps and the sampler."""

from __future__ import annotations

import pytest
from harness.case import Case
from harness.run import Verdict, run_case
from parity_contract import CASES, check_answers_all, check_passes, check_weight_counts

NAMES = sorted(folder.name for folder in CASES.glob("refdiff-*"))
LARGE = "refdiff-denoiser-published"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == LARGE else name for name in NAMES]
)
def test_the_published_numbers(name):
    check_passes(name)


@pytest.mark.parametrize("name", ["refdiff-denoiser-min", "refdiff-train-step", "refdiff-sampler-churn"])
def test_everything_is_answered(name):
    check_answers_all(name)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("refdiff-block-decoder", "attn.sft1.add_conv1.weight"),
        ("refdiff-block-decoder", "up.conv0.weight"),
        ("refdiff-block-encoder", "attn.qkv.weight"),
        ("refdiff-denoiser-min", "model.dec.16x16_in0.sft0.mul_conv1.bias"),
        ("refdiff-sampler-churn", "model.enc.16x16_conv.weight"),
        ("refdiff-train-step", "model.map_layer1.bias"),
    ],
)
def test_a_spoilt_weight_is_noticed(monkeypatch, name, key):
    check_weight_counts(monkeypatch, name, key)


@pytest.mark.parametrize(
    ("name", "run", "change"),
    [
        ("refdiff-sampler-analytic", "default", {"S_noise": 1.0}),
        ("refdiff-sampler-schedule", "steps18", {"S_noise": 1.0}),
        ("refdiff-sampler-nochurn", "steps6", {"rho": 6}),
    ],
)
def test_another_option_is_noticed(monkeypatch, name, run, change):
    case = Case.load(CASES / name)
    runs = case.config["runs"]
    monkeypatch.setitem(case.meta, "config", {**case.config, "runs": {**runs, run: {**runs[run], **change}}})
    assert run_case(case).verdict is Verdict.FAILED
