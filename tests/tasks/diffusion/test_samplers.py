"""Samplers around denoisers in closed form: order of accuracy, exactness where it must be, starts, evaluations."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from refsr.core.errors import UsageError
from refsr.core.options.sampling import SamplingOptions
from refsr.tasks.diffusion.heun import heun
from refsr.tasks.diffusion.levels import Churn, evaluations, noise_levels
from refsr.tasks.diffusion.multistep import dpm_solver_2m, dpm_solver_3m
from refsr.tasks.diffusion.sampling import DETERMINISTIC, run, start
from refsr.tasks.diffusion.unipc import unipc


class Gaussian:
    """Independent pixels with means and variances of their own: the best denoiser, and where its paths lead."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.mean = torch.randn(1, 1, 4, 4, generator=generator, dtype=torch.float64)
        self.variance = 0.05 + 0.5 * torch.rand(1, 1, 4, 4, generator=generator, dtype=torch.float64)
        self.unit = torch.randn(1, 1, 4, 4, generator=generator, dtype=torch.float64)
        self.asked: list[float] = []

    def __call__(self, image: Tensor, level: float) -> Tensor:
        self.asked.append(level)
        clean: Tensor = (self.variance * image + level**2 * self.mean) / (self.variance + level**2)
        return clean

    def at(self, level: float) -> Tensor:
        """A path's point, exactly."""
        point: Tensor = self.mean + self.unit * (self.variance + level**2).sqrt()
        return point


@pytest.mark.parametrize(
    ("sampler", "order"),
    [
        (heun, 2),
        (dpm_solver_2m, 2),
        (dpm_solver_3m, 3),
        (unipc, 3),
        (partial(unipc, order=1), 2),
        (partial(unipc, order=3), 4),
    ],
    ids=["heun", "dpm2m", "dpm3m", "unipc", "unipc1", "unipc3"],
)
def test_the_error_falls_with_the_steps_at_the_order(sampler, order):
    truth = Gaussian()
    errors = []
    for steps in (40, 80, 160):
        levels = noise_levels(steps + 1, 0.05, 10.0)[:-1]
        errors.append(float((sampler(truth, truth.at(10.0), levels) - truth.at(0.05)).abs().max()))
    slopes = [math.log2(errors[at] / errors[at + 1]) for at in range(2)]
    assert slopes == pytest.approx([order] * 2, abs=0.15)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_down_to_zero_noise(name):
    truth = Gaussian()
    levels = noise_levels(80)
    found = DETERMINISTIC[name](truth, truth.at(80.0), levels)
    # What is left is the first-order step from the last level.
    assert torch.allclose(found, truth.at(0.0), atol=6e-3)
    assert len(truth.asked) == evaluations(name, 80)


@pytest.mark.parametrize("name", [*DETERMINISTIC, "published"])
def test_one_step_is_the_denoiser_s_answer(name):
    truth = Gaussian()
    options = SamplingOptions(sampler=name, steps=1, start="released", S_churn=0.0)
    lr = torch.rand(1, 1, 4, 4)
    found = run(truth, lr, lambda draw: torch.zeros(1, 1, 4, 4), options)
    assert torch.allclose(found, Gaussian()(80.0 * lr.double(), 80.0), atol=1e-12)


def test_the_published_sampler_is_heun_where_nothing_is_added():
    levels = noise_levels(7)
    truth = Gaussian()
    plain = heun(truth, truth.at(80.0), levels)
    assert torch.equal(heun(truth, truth.at(80.0), levels, Churn(0.0), lambda step: torch.ones(1, 1, 4, 4)), plain)
    assert not torch.allclose(heun(truth, truth.at(80.0), levels, Churn(), lambda step: torch.ones(1, 1, 4, 4)), plain)


def test_churn_keeps_the_distribution():
    """Many pixels of one Gaussian come out with its mean and deviation."""
    generator = torch.Generator().manual_seed(1)
    mean, deviation = 0.3, 0.5

    def denoise(image: Tensor, level: float) -> Tensor:
        return (deviation**2 * image + level**2 * mean) / (deviation**2 + level**2)

    def noise(step: int) -> Tensor:
        return torch.randn(1, 1, 150, 150, generator=generator, dtype=torch.float64)

    found = heun(denoise, mean + 80 * noise(-1), noise_levels(192), Churn(size=1.0), noise)
    assert float(found.mean()) == pytest.approx(mean, abs=0.01)
    assert float(found.std()) == pytest.approx(deviation, rel=0.02)


def test_the_published_count_and_spans():
    levels = noise_levels(256)
    assert 2 * 256 - 1 == evaluations("published", 256) == 511
    churn = Churn()
    raised = [churn.raised(level, 256)[0] / level - 1 for level in levels[:-1]]
    assert sum(level > 50 for level in levels) == 22
    assert sum(share > 0 for share in raised) == 191
    assert max(raised) == pytest.approx(0.15625)


def test_starts():
    lr, unit = torch.rand(1, 3, 2, 2), torch.randn(1, 3, 2, 2, dtype=torch.float64)
    assert torch.equal(start(lr, 80.0, "released", lambda draw: unit), 80.0 * lr.double())
    assert torch.equal(start(lr, 80.0, "noise", lambda draw: unit), 80.0 * unit)
    assert torch.equal(start(lr, 0.5, "enlarged", lambda draw: unit), lr.double() + 0.5 * unit)


def test_levels():
    levels = noise_levels(5, 0.1, 10.0, 3.0)
    assert levels[0] == pytest.approx(10.0)
    assert levels[-2:] == [pytest.approx(0.1), 0.0]
    assert levels == sorted(levels, reverse=True)
    assert noise_levels(1, highest=3.0) == [pytest.approx(3.0), 0.0]
    with pytest.raises(UsageError, match="0 steps"):
        noise_levels(0)
    with pytest.raises(UsageError, match="from 1 down to 2"):
        noise_levels(3, 2.0, 1.0)
