"""The stress page draws the means that were measured, and says how far each reference may go."""

from __future__ import annotations

import json

import pytest

from refsr.core.errors import DataError
from refsr.evaluation.results import ABLATION, Results, Score
from refsr.evaluation.stress import SWEEPS, all_perturbations
from refsr.report.stress import StressCurves, collect, numbers, write_stress

QUOTED = "rgb-uint8-border4"
FACTS = {"unit": "dB", "better": "higher", "library": "refsr"}
BY_KIND = {sweep.kind: sweep for sweep in SWEEPS}


def value(kind: str, amount: float) -> float:
    """28 dB with the right reference, 26 without; a moved one helps up to 4 pixels, a hazy one always."""
    ends = {"swap": 25.0, "blank": 26.0, "shift": 28 - 0.4 * amount, "haze": 28 - amount / 100}
    return ends.get(kind, 27.0)


def results(name: str, with_reference: bool = True, bicubic: float = 24.0) -> Results:
    means = {"bicubic": bicubic, name: 28.0}
    if with_reference:
        means |= {f"{name}{ABLATION}{perturb}": value(perturb.kind, perturb.amount) for perturb in all_perturbations()}
    made = Results(name, "drawn", 4, list(means), {QUOTED: "as said"}, {"psnr": FACTS})
    # Two images a decibel to both sides of the mean.
    made.scores = [
        Score(f"place {off}", method, QUOTED, "psnr", mean + off) for off in (-1, 1) for method, mean in means.items()
    ]
    return made


def test_curves_are_the_measured_means():
    (curves,) = collect([("a", results("a"))], "psnr").systems
    assert curves.along(BY_KIND["shift"]) == [(0, 28)] + [
        (amount, pytest.approx(28 - 0.4 * amount)) for amount in BY_KIND["shift"].amounts
    ]


def test_reach_is_as_far_as_the_reference_helps():
    curves, level = collect([("a", results("a")), ("b", results("b", with_reference=False))], "psnr").systems
    assert curves.reach(BY_KIND["shift"], 1) == 4, "8 pixels give 24.8, less than the 26 of none"
    assert curves.reach(BY_KIND["haze"], 1) == BY_KIND["haze"].amounts[-1]
    assert curves.reach(BY_KIND["shift"], -1) is None, "where less is better, this reference never helped"
    assert level.reach(BY_KIND["shift"], 1) is None
    assert {mean for _, mean in level.along(BY_KIND["clouds"])} == {28}


@pytest.mark.parametrize("better", [1, -1])
def test_a_reference_that_scores_as_a_blank_one_does_not_help(better):
    shift = BY_KIND["shift"]
    scores = {
        f"shift:{amount}": better * score for amount, score in zip(shift.amounts, (28, 27, 26, 26, 25, 25), strict=True)
    }
    curves = StressCurves("a", better * 29.0, {"blank": better * 26.0, **scores})
    assert curves.reach(shift, better) == shift.amounts[1]
    assert StressCurves("a", 26.0, {"blank": 26.0, **scores}).reach(shift, better) is None


def test_a_page_and_its_numbers_are_written(tmp_path):
    found = collect([("a <b>", results("a")), ("level", results("b", with_reference=False))], "psnr")
    text = write_stress(found, tmp_path).read_text()
    assert text.count('class="chart"') == len(SWEEPS)
    assert "a &lt;b&gt;" in text
    assert "up to 4" in text
    kept = json.loads((tmp_path / "stress.json").read_text())
    assert kept == numbers(found)
    assert kept["systems"]["a <b>"]["shift:4"] == 26.4
    assert (kept["bicubic"], kept["places"], kept["protocol"]) == (24.0, 2, QUOTED)


def test_runs_of_other_images_are_refused():
    with pytest.raises(DataError, match=r"not evaluated on the same images: bicubic has psnr a 24\.0000, b 23\.0000"):
        collect([("a", results("a")), ("b", results("b", bicubic=23.0))], "psnr")


def test_what_is_made_up_stands_beside_each_reference(tmp_path):
    measured = results("a")
    measured.metrics |= {"hallucination": {"unit": "", "better": "lower", "library": "refsr"}}
    for method, share in (("a", 0.21), (f"a{ABLATION}swap", 0.43), (f"a{ABLATION}blank", 0.1875)):
        measured.scores.append(Score("place", method, QUOTED, "hallucination", share))
    found = collect([("a", measured), ("level", results("b", with_reference=False))], "psnr")
    text = write_stress(found, tmp_path).read_text()
    section = text.partition('id="invention"')[2]
    for words, share in (("own", "0.2100"), ("another place&#x27;s", "0.4300"), ("blank", "0.1875")):
        assert f"<td>{words}</td><td>{share}</td>" in section
    assert section.count("level") == 0, "nothing was measured of it"
    kept = json.loads((tmp_path / "stress.json").read_text())["invention"]
    assert kept["a"]["hallucination"] == {"unperturbed": 0.21, "swap": 0.43, "blank": 0.1875}
    assert 'id="invention"' not in write_stress(collect([("a", results("a"))], "psnr"), tmp_path).read_text()
