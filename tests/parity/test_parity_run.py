"""The judge of parity cases must be able to say no."""

import json

import numpy as np
import pytest
from harness.case import Case, filled_parameter, uniform
from harness.run import Verdict, compare, run_case

from refsr.core.errors import DataError


@pytest.fixture
def case(tmp_path):
    meta = {
        "system": "nobody",
        "what": "an example",
        "inputs": {"x": {"shape": [2, 3], "low": -1.0, "high": 1.0}},
        "outputs": {"y": "twice x", "probe_z": "only a help"},
        "tolerance": 1e-3,
        "tolerances": {"y": 1e-5},
        "state": [],
        "seed": 4,
    }
    (tmp_path / "case.json").write_text(json.dumps(meta))
    loaded = Case.load(tmp_path)
    np.savez(tmp_path / "expected.npz", y=loaded.inputs()["x"] * 2, probe_z=np.zeros(2))
    return loaded


def test_right_answers_pass_and_helps_may_be_missing(case):
    assert compare(case, {"y": case.inputs()["x"] * 2}).verdict is Verdict.PASSED


@pytest.mark.parametrize("perturb", [2e-5, np.nan, np.inf])
def test_one_wrong_number_fails(case, perturb):
    answer = case.inputs()["x"] * 2
    answer[1, 2] += perturb
    outcome = compare(case, {"y": answer})
    assert outcome.verdict is Verdict.FAILED
    assert outcome.output == "y"


def test_a_missing_or_misshapen_answer_fails(case):
    assert compare(case, {}).verdict is Verdict.FAILED
    assert compare(case, {"y": np.zeros((3, 2))}).verdict is Verdict.FAILED


def test_an_unknown_kind_is_not_a_pass(case):
    assert run_case(case).verdict is Verdict.UNKNOWN


def test_a_folder_without_a_case_is_named(tmp_path):
    with pytest.raises(DataError, match=r"case\.json is missing"):
        Case.load(tmp_path / "nothing")


def test_the_fill_depends_on_name_seed_and_shape_alone():
    assert uniform("a", (3,), 1).tolist() == uniform("a", (3,), 1).tolist()
    assert uniform("a", (3,), 1).tolist() != uniform("b", (3,), 1).tolist()
    kernel = filled_parameter("c.weight", (64, 32, 3, 3), 0, 1.0)
    assert kernel.std() == pytest.approx(1 / np.sqrt(288), rel=0.02)
