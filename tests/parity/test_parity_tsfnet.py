"""The published numbers of TSFNet's parts, steps, scans and scores, and its network in small cases."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from harness.case import Case
from harness.run import Verdict, run_case
from parity_contract import CASES, check_passes

from refsr.interop.weights.tsfnet import import_tsfnet


@pytest.mark.parametrize(
    "name",
    [
        "agpf",
        "augment",
        "cross-fuse",
        "fourier-unit",
        "freq-block",
        "gradients",
        "metrics",
        "resample",
        "schedule",
        "self-fuse",
        "spatial-block",
        "spectral-split",
        "tiling",
        "train-step",
    ],
)
def test_the_published_numbers(name):
    check_passes(f"tsfnet-{name}")


@pytest.mark.parametrize("name", ["net-x8-small", "net-x16-small"])
def test_float32_gives_them_too(name):
    """Cases are answered in float64; a network is used in float32."""
    case = Case.load(CASES / f"tsfnet-{name}")
    state, inputs = (
        {key: torch.from_numpy(one) for key, one in part.items()} for part in (case.state(), case.inputs())
    )
    network, _ = import_tsfnet(state, case.config["scale"])
    with torch.no_grad():
        images = network(inputs["lr"], every_stage=True)
    for key, image in zip(("output", "output1"), images, strict=True):
        assert np.abs(image.numpy() - case.expected()[key]).max() < case.tolerance(key)


def test_a_network_that_its_case_does_not_describe_is_not_answered_for(tmp_path):
    meta = json.loads((CASES / "tsfnet-net-x4-small" / "case.json").read_text())
    meta["config"]["num_features"] = 32
    (tmp_path / "case.json").write_text(json.dumps(meta))
    outcome = run_case(Case.load(tmp_path))
    assert outcome.verdict is Verdict.NOT_BUILT
    assert "num_features 32 with weights of num_features 16" in outcome.remark
