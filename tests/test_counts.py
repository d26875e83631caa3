"""What the systems do has not grown: counts that do not depend on the machine, against the stored ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.append(str(BENCHMARKS))
import counts  # noqa: E402

PARTS = [(part, name) for part, (_, names) in counts.parts().items() for name in names]


@pytest.mark.parametrize(("part", "name"), PARTS, ids=[f"{part}-{name}" for part, name in PARTS])
def test_nothing_grew(part: str, name: str) -> None:
    assert counts.check(part, name) == [], "what is meant to change is stored by python benchmarks/counts.py"


STORED = {
    "convolutions": 10,
    "operators": 100,
    "step": {"peak_mb": 50.0},
    "packages": ["numpy"],
    "opened": {"lr.png": 1},
}
SLIDES = [
    ({"convolutions": 11}, "convolutions: 11, stored 10"),
    ({"operators": 104}, "operators: 104, stored 100"),
    ({"step": {"peak_mb": 52.0}}, "step.peak_mb: 52.0, stored 50.0"),
    ({"packages": ["numpy", "torch"]}, "packages: ['numpy', 'torch'], stored ['numpy']"),
    ({"opened": {"lr.png": 2}}, "opened.lr.png: 2, stored 1"),
    ({"opened": {"lr.png": 1, "ref.png": 1}}, "opened.ref.png: 1, stored None"),
]


@pytest.mark.parametrize(("slide", "line"), SLIDES)
def test_a_slide_is_seen(slide: dict[str, object], line: str) -> None:
    assert list(counts.differences(STORED, STORED | slide, same_torch=True)) == [line]


def test_another_torch_may_take_other_operators() -> None:
    assert not list(counts.differences(STORED, STORED | {"operators": 120}, same_torch=False))
    assert list(counts.differences(STORED, STORED | {"convolutions": 11}, same_torch=False))
