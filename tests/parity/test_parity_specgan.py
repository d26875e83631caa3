"""The published numbers of SpecGAN and StyleGAN2: every part, the losses, the schedule and the training step."""

from __future__ import annotations

import pytest
from harness.case import Case
from harness.run import find_runner
from parity_contract import CASES, check_passes

HEAVY = {"specgan-generator-x16", "specgan-generator-x32", "specgan-fusion", "specgan-training-model"}
"""Of published widths, gigabytes and many seconds each; `refsr parity` runs them."""
HEAVY |= {"specgan-generator-8-64", "specgan-discriminator-256", "specgan-adversarial-losses"}


@pytest.mark.parametrize("name", sorted({path.name for path in CASES.glob("specgan-*")} - HEAVY))
def test_the_published_numbers(name):
    check_passes(name)


@pytest.mark.parametrize("name", sorted(HEAVY))
def test_somebody_answers_the_heavy_ones(name):
    found, runner = find_runner(Case.load(CASES / name))
    assert found
    assert runner is not None
