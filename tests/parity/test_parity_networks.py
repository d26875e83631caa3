"""The published numbers of RRSNet and RGTNet, of their blocks and discriminator, and of the L1 stage."""

from __future__ import annotations

import pytest
from harness.case import Case
from harness.run import Verdict, run_case
from parity_contract import CASES, check_answers_all, check_passes, check_weight_counts


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
        "rgtgan-loss-gan",
        "rgtgan-loss-ragan",
        "rgtgan-train-step",
        "rgtgan-vgg-feature",
        "rgtgan-align",
        "rgtgan-align-dense",
        "rgtgan-dense-offset",
        "rgtgan-discriminator",
        "rgtgan-drr",
        "rgtgan-gtem",
        "rgtgan-rgtnet",
        "rgtgan-rgtnet-dense",
        "rgtgan-rgtnet-small",
        "rgtgan-texture-transfer",
    ],
)
def test_the_published_numbers(name):
    check_passes(name)


@pytest.mark.parametrize("name", ["rrsgan-rrsnet-small", "rgtgan-rgtnet-small", "rgtgan-discriminator"])
def test_the_probes_are_answered_too(name):
    check_answers_all(name)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("rrsgan-align", "L2_dcnpack.conv_offset_mask.bias"),
        ("rgtgan-align", "L2_offset_conv2.weight"),
        ("rgtgan-align-dense", "DenseRes.conv7.weight"),
        ("rgtgan-drr", "dconv_ud4.0.weight"),
        ("rgtgan-gtem", "dconv_d4.0.weight"),
        ("rgtgan-texture-transfer", "t.dconv_ud2.0.weight"),
    ],
)
def test_a_spoilt_weight_is_noticed(monkeypatch, name, key):
    check_weight_counts(monkeypatch, name, key)


@pytest.mark.parametrize(
    ("name", "key"),
    [("rgtgan-align", "DenseRes.conv7.weight"), ("rgtgan-align-dense", "cas_offset_conv2.weight")],
)
def test_what_a_reading_leaves_does_not_matter(monkeypatch, name, key):
    case = Case.load(CASES / name)
    state = case.state()
    state[key] = state[key] + 1
    monkeypatch.setattr(Case, "state", lambda self: state)
    assert run_case(case).verdict is Verdict.PASSED


def test_another_reading_is_noticed(monkeypatch):
    case = Case.load(CASES / "rgtgan-align")
    monkeypatch.setitem(case.meta, "config", {**case.config, "variant": "dense"})
    assert run_case(case).verdict is Verdict.FAILED
    monkeypatch.setitem(case.meta, "config", {**case.config, "variant": "other"})
    assert run_case(case).verdict is Verdict.NOT_BUILT
