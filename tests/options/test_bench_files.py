"""Shipped bench files with and without registration: the two arms of a system differ in nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from refsr.core.options.bench import load_bench
from refsr.core.options.show import plain
from refsr.training.bench import plan_systems

FOLDER = Path(__file__).resolve().parents[2] / "options" / "bench"
REGISTERED = ("registered-x4", "registered-x8")


@pytest.mark.parametrize("name", REGISTERED)
def test_the_two_arms_differ_in_registration_alone(name, tmp_path):
    systems = {one.name: plain(one.options) for one in plan_systems(load_bench([FOLDER / f"{name}.yml"]), [], tmp_path)}
    pairs = [(one, one.replace("-registered", "-as-it-lies")) for one in systems if one.endswith("-registered")]
    with_references = {name for name, one in systems.items() if one["datasets"]["train"]["mode"] != "single"}
    assert {one for pair in pairs for one in pair} == with_references
    for first, second in pairs:
        with_it, without = systems[first], systems[second]
        for dataset in ("train", "val", "test"):
            assert with_it["datasets"][dataset].pop("register") == "auto"
            assert without["datasets"][dataset].pop("register") == "none"
        assert with_it["datasets"] == without["datasets"]
        train = with_it["datasets"]["train"]
        assert train["ref_wrong"] + train["ref_missing"] == pytest.approx(0.3)
        for one in (with_it, without):
            one["path"].pop("pretrain_model_G")
            one.pop("name")
        assert with_it == without
