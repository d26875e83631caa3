"""The published numbers of every case, and that weights and options reach them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from harness.case import Case
from harness.run import Verdict, answers_of, run_case
from harness.runners import SYSTEMS, find_runner

from refsr.interop.weights.tsfnet import import_tsfnet

CASES = Path(__file__).resolve().parent
NAMES = sorted(file.parent.name for file in CASES.glob("*/case.json"))

LARGE = {
    "refdiff-denoiser-published",
    "specgan-discriminator-256",
    "specgan-fusion",
    "specgan-generator-8-64",
    "specgan-generator-x16",
    "specgan-generator-x32",
    "specgan-training-model",
    "tsfnet-net-x4-published",
    "tsfnet-net-x8-published",
}
"""Of published sizes: gigabytes, and many seconds each."""


def changed(monkeypatch: pytest.MonkeyPatch, name: str, **config: object) -> Case:
    """A shipped case with other entries in its configuration."""
    case = Case.load(CASES / name)
    monkeypatch.setitem(case.meta, "config", {**case.config, **config})
    return case


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in NAMES]
)
def test_the_published_numbers(name):
    result = run_case(Case.load(CASES / name))
    assert result.verdict is Verdict.PASSED, result


@pytest.mark.parametrize("name", NAMES)
def test_a_runner_is_known(name):
    assert callable(find_runner(Case.load(CASES / name)))


def test_each_runner_has_a_case():
    """Also for the systems that a case names beside its own."""
    cases = [Case.load(CASES / name) for name in NAMES]
    covered = {(system, case.kind) for case in cases for system in (case.system, *case.meta.get("also", []))}
    assert covered == {(system, kind) for system, kinds in SYSTEMS.items() for kind in kinds}


@pytest.mark.parametrize(
    "name",
    [
        "rrsgan-rrsnet-small",
        "rgtgan-rgtnet-small",
        "rgtgan-discriminator",
        "refdiff-denoiser-min",
        "refdiff-train-step",
        "refdiff-sampler-churn",
    ],
)
def test_the_probes_are_answered_too(name):
    case = Case.load(CASES / name)
    runner = find_runner(case)
    assert runner is not None
    assert answers_of(case, runner, case.asked).keys() == case.asked


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("rrsgan-align", "L2_dcnpack.conv_offset_mask.bias"),
        ("rgtgan-align", "L2_offset_conv2.weight"),
        ("rgtgan-align-dense", "DenseRes.conv7.weight"),
        ("rgtgan-drr", "dconv_ud4.0.weight"),
        ("rgtgan-gtem", "dconv_d4.0.weight"),
        ("rgtgan-texture-transfer", "t.dconv_ud2.0.weight"),
        ("refdiff-block-decoder", "attn.sft1.add_conv1.weight"),
        ("refdiff-block-decoder", "up.conv0.weight"),
        ("refdiff-block-encoder", "attn.qkv.weight"),
        ("refdiff-denoiser-min", "model.dec.16x16_in0.sft0.mul_conv1.bias"),
        ("refdiff-sampler-churn", "model.enc.16x16_conv.weight"),
        ("refdiff-train-step", "model.map_layer1.bias"),
    ],
)
def test_a_changed_weight_is_noticed(monkeypatch, name, key):
    case = Case.load(CASES / name)
    state = case.state()
    state[key] = np.roll(state[key], 1)
    monkeypatch.setattr(Case, "state", lambda self: state)
    assert run_case(case).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("name", "key"),
    [("rgtgan-align", "DenseRes.conv7.weight"), ("rgtgan-align-dense", "cas_offset_conv2.weight")],
)
def test_what_a_variant_does_not_use_does_not_matter(monkeypatch, name, key):
    case = Case.load(CASES / name)
    state = case.state()
    state[key] = state[key] + 1
    monkeypatch.setattr(Case, "state", lambda self: state)
    assert run_case(case).verdict is Verdict.PASSED


def test_another_variant_is_noticed(monkeypatch):
    assert run_case(changed(monkeypatch, "rgtgan-align", variant="dense")).verdict is Verdict.FAILED
    assert run_case(changed(monkeypatch, "rgtgan-align", variant="other")).verdict is Verdict.NOT_BUILT


@pytest.mark.parametrize(
    ("name", "run", "change"),
    [
        ("refdiff-sampler-analytic", "default", {"S_noise": 1.0}),
        ("refdiff-sampler-schedule", "steps18", {"S_noise": 1.0}),
        ("refdiff-sampler-nochurn", "steps6", {"rho": 6}),
    ],
)
def test_another_option_is_noticed(monkeypatch, name, run, change):
    runs = Case.load(CASES / name).config["runs"]
    case = changed(monkeypatch, name, runs={**runs, run: {**runs[run], **change}})
    assert run_case(case).verdict is Verdict.FAILED


@pytest.mark.parametrize("name", ["net-x8-small", "net-x16-small"])
def test_float32_gives_tsfnets_images_too(name):
    """Cases are answered in float64; a network is used in float32."""
    case = Case.load(CASES / f"tsfnet-{name}")
    network, _ = import_tsfnet(case.weights(), case.config["scale"])
    with torch.no_grad():
        images = network(case.given()["lr"], every_stage=True)
    for key, image in zip(("output", "output1"), images, strict=True):
        assert np.abs(image.numpy() - case.expected()[key]).max() < case.tolerance(key)


def test_a_network_that_its_case_does_not_describe_is_not_answered_for(monkeypatch):
    result = run_case(changed(monkeypatch, "tsfnet-net-x4-small", num_features=32))
    assert result.verdict is Verdict.NOT_BUILT
    assert "num_features 32 with weights of num_features 16" in result.remark
