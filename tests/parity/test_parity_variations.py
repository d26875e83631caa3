"""Cases of every kind with another seed, other sizes and options, fewer outputs and other words are answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness.case import Case
from harness.run import DIAGNOSTIC, answers_of
from harness.runners import SYSTEMS, find_runner
from test_parity_cases import LARGE, NAMES
from variations import VARIATIONS
from variations.base import CASES, Variation


def varied(variation: Variation, folder: Path) -> Case:
    """The varied case in a folder of another name, with expected numbers that are all zero."""
    meta = json.loads((CASES / variation.base / "case.json").read_text())
    asked = variation.asked
    if asked is None:
        asked = [name for name in Case.load(CASES / variation.base).asked if not name.startswith(DIAGNOSTIC)]
    meta |= {"seed": meta.get("seed", 0) + 1000, "what": "another sentence", **variation.meta}
    config = meta["config"] | variation.config
    meta["config"] = {key: value for key, value in config.items() if value is not None}
    for name, shape in variation.inputs.items():
        if shape is None:
            del meta["inputs"][name]
        else:
            meta["inputs"][name] = {"low": -1, "high": 1, **meta["inputs"].get(name, {}), "shape": list(shape)}
    if variation.state is not None:
        meta["state"], meta["constants"] = variation.state(), variation.meta.get("constants", {})
    (folder / "case.json").write_text(json.dumps(meta))
    np.savez(folder / "expected.npz", **{name: np.zeros(1) for name in asked})
    return Case.load(folder)


def check_answers(case: Case) -> dict[str, Any]:
    """Everything that is asked for is answered with numbers, and nothing else is."""
    runner = find_runner(case)
    assert runner is not None
    answers = answers_of(case, runner, case.asked)
    assert answers.keys() == case.asked
    for name, answer in answers.items():
        assert answer.dtype.kind in "fiu", name
        assert np.isfinite(answer.astype(np.float64)).all() or "psnr" in name or "log10" in name, name
    return answers


GAN_STEPS = {"rgtgan-loss-gan", "rgtgan-loss-ragan"}
"""Seconds each; `variations` has smaller ones."""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LARGE | GAN_STEPS])
def test_another_seed_other_words_and_fewer_outputs(name, tmp_path):
    shipped = Case.load(CASES / name).expected()
    asked = sorted(one for one in shipped if not one.startswith(DIAGNOSTIC))[::2]
    answers = check_answers(varied(Variation(name, asked=asked), tmp_path))
    assert {key: one.shape for key, one in answers.items()} == {key: shipped[key].shape for key in asked}


@pytest.mark.parametrize("number", range(len(VARIATIONS)), ids=lambda at: f"{at}-{VARIATIONS[at].base}")
def test_other_options_and_sizes(number, tmp_path):
    check_answers(varied(VARIATIONS[number], tmp_path))


def test_each_kind_is_varied():
    cases = [Case.load(CASES / variation.base) for variation in VARIATIONS]
    covered = {(system, case.kind) for case in cases for system in (case.system, *case.meta.get("also", []))}
    assert covered == {(system, kind) for system, kinds in SYSTEMS.items() for kind in kinds}
