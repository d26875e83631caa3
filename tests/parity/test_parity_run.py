"""Running cases: every way to fail is a verdict or a line, and nothing but published numbers passes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import harness.run
import numpy as np
import pytest
from harness.case import Case, filled_parameter, uniform
from harness.command import main
from harness.run import Verdict, compare, run_case

from refsr.core.errors import DataError

CASES = Path(__file__).resolve().parent
ROOT = CASES.parents[1]
META = {
    "system": "nobody",
    "kind": "example",
    "inputs": {"x": {"shape": [2, 3], "low": -1.0, "high": 1.0}},
    "outputs": {"y": "twice x", "probe_z": "only a help"},
    "tolerance": 1e-3,
    "tolerances": {"y": 1e-5},
    "state": [],
    "seed": 4,
}


@pytest.fixture
def case(tmp_path):
    folder = tmp_path / "a-case"
    folder.mkdir()
    (folder / "case.json").write_text(json.dumps(META))
    loaded = Case.load(folder)
    np.savez(folder / "expected.npz", y=loaded.inputs()["x"] * 2, probe_z=np.zeros(2))
    return loaded


def test_right_answers_pass_and_probes_may_be_missing(case):
    assert compare(case, {"y": case.inputs()["x"] * 2}, case.expected()).verdict is Verdict.PASSED


@pytest.mark.parametrize("perturb", [2e-5, np.nan, np.inf])
def test_one_wrong_number_fails(case, perturb):
    answer = case.inputs()["x"] * 2
    answer[1, 2] += perturb
    result = compare(case, {"y": answer}, case.expected())
    assert result.verdict is Verdict.FAILED
    assert result.output == "y"


def test_a_missing_or_misshapen_answer_fails(case):
    assert compare(case, {}, case.expected()).verdict is Verdict.FAILED
    assert compare(case, {"y": np.zeros((3, 2))}, case.expected()).verdict is Verdict.FAILED


def test_only_what_is_asked_for_is_computed(case, monkeypatch):
    def runner(case):
        return {"y": lambda: case.inputs()["x"] * 2, "other": lambda: pytest.fail("nobody asked")}

    monkeypatch.setattr(harness.run, "find_runner", lambda case: runner)
    assert run_case(case).verdict is Verdict.PASSED


@pytest.mark.parametrize(("error", "words"), [(DataError("two\nlines"), "two lines"), (KeyError("z"), "KeyError: 'z'")])
def test_a_runner_that_raises_fails_its_case_alone(case, monkeypatch, error, words):
    def runner(case):
        raise error

    monkeypatch.setattr(harness.run, "find_runner", lambda case: runner)
    monkeypatch.delenv("REFSR_TRACEBACK", raising=False)
    result = run_case(case)
    assert (result.verdict, result.remark) == (Verdict.FAILED, words)


@pytest.mark.parametrize(("system", "kind"), [("nobody", "denoiser"), ("refdiff", "no kind"), ("refdiff", "gtem")])
def test_an_unknown_kind_is_not_a_pass(case, monkeypatch, system, kind):
    monkeypatch.setitem(case.meta, "system", system)
    monkeypatch.setitem(case.meta, "kind", kind)
    assert run_case(case).verdict is Verdict.UNKNOWN


def test_the_fill_depends_on_name_seed_and_shape_alone():
    assert uniform("a", (3,), 1).tolist() == uniform("a", (3,), 1).tolist()
    assert uniform("a", (3,), 1).tolist() != uniform("b", (3,), 1).tolist()
    kernel = filled_parameter("c.weight", (64, 32, 3, 3), 0, 1.0)
    assert kernel.std() == pytest.approx(1 / np.sqrt(288), rel=0.02)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "lacks system, kind, inputs, tolerance"),
        (json.dumps({**META, "inputs": [], "config": 3}), "inputs, config of a wrong type"),
    ],
)
def test_a_damaged_case_is_one_line(case, capsys, text, words):
    (case.folder / "case.json").write_text(text)
    assert main([str(case.folder)]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_missing_or_damaged_numbers_are_one_line(case, capsys, monkeypatch, content):
    monkeypatch.setattr(harness.run, "find_runner", lambda case: lambda case: {})
    file = case.folder / "expected.npz"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert main([str(case.folder)]) == 1
    error = capsys.readouterr().err
    assert "expected.npz: " in error
    assert error.count("\n") == 1


def test_a_folder_without_a_case_is_named(tmp_path, capsys):
    with pytest.raises(DataError, match=r"case\.json is missing"):
        Case.load(tmp_path / "nothing")
    assert main([str(tmp_path / "nothing")]) == 1
    assert "no such folder" in capsys.readouterr().err
    assert main([str(tmp_path)]) == 1
    assert "neither a parity case nor a folder of cases" in capsys.readouterr().err


def test_wrong_words_are_a_usage_error(capsys):
    assert main([]) == 2
    assert main(["--fast", "x"]) == 2
    assert "sh scripts/parity.sh" in capsys.readouterr().err


def test_a_folder_of_cases_is_a_line_each_and_a_sum(case, capsys):
    assert main([str(case.folder.parent)]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first == "unknown   a-case  no runner for system 'nobody', kind 'example'"
    assert last == "1 unknown"


def test_the_script_runs_from_anywhere(tmp_path):
    environment = {**os.environ, "REFSR_VENV": sys.prefix}
    script, case = ROOT / "scripts" / "parity.sh", CASES / "refdiff-quantise"
    done = subprocess.run(
        ["sh", script, case], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "1 pass"
