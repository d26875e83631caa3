"""Samplers on denoisers in closed form: order of accuracy, exactness, initial images, network evaluations."""

from __future__ import annotations

import math
from functools import partial
from typing import get_args

import pytest
import torch
from torch import Tensor

from refsr.core.errors import UsageError
from refsr.core.options.sampling import SamplingOptions
from refsr.tasks.diffusion.dpm_solver import dpm_solver_2m, dpm_solver_3m
from refsr.tasks.diffusion.heun import heun
from refsr.tasks.diffusion.samplers import SAMPLERS, initial_image, sample
from refsr.tasks.diffusion.sigmas import Churn, karras_sigmas
from refsr.tasks.diffusion.unipc import unipc

DETERMINISTIC = [name for name in SAMPLERS if name != "published"]


def no_noise(draw: str | int) -> Tensor:
    return torch.zeros(1, 1, 4, 4)


def test_the_options_name_the_samplers_of_the_table():
    assert set(get_args(SamplingOptions.model_fields["sampler"].annotation)) == set(SAMPLERS)


class Gaussian:
    """Independent pixels with means and variances of their own: the best denoiser, and where its paths lead."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.mean = torch.randn(1, 1, 4, 4, generator=generator, dtype=torch.float64)
        self.variance = 0.05 + 0.5 * torch.rand(1, 1, 4, 4, generator=generator, dtype=torch.float64)
        self.unit = torch.randn(1, 1, 4, 4, generator=generator, dtype=torch.float64)
        self.asked: list[float] = []

    def __call__(self, image: Tensor, sigma: float) -> Tensor:
        self.asked.append(sigma)
        clean: Tensor = (self.variance * image + sigma**2 * self.mean) / (self.variance + sigma**2)
        return clean

    def at(self, sigma: float) -> Tensor:
        """A path's point, exactly."""
        point: Tensor = self.mean + self.unit * (self.variance + sigma**2).sqrt()
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
        sigmas = karras_sigmas(steps + 1, 0.05, 10.0)[:-1]
        errors.append(float((sampler(truth, truth.at(10.0), sigmas) - truth.at(0.05)).abs().max()))
    slopes = [math.log2(errors[at] / errors[at + 1]) for at in range(2)]
    assert slopes == pytest.approx([order] * 2, abs=0.15)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_down_to_zero_noise(name):
    truth = Gaussian()
    sigmas = karras_sigmas(80)
    found = SAMPLERS[name].sample(truth, truth.at(80.0), sigmas, SamplingOptions(), no_noise)
    # What is left is the first-order step from the last sigma.
    assert torch.allclose(found, truth.at(0.0), atol=6e-3)
    assert len(truth.asked) == SAMPLERS[name].nfe(80)


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_step_is_the_denoiser_s_answer(name):
    truth = Gaussian()
    options = SamplingOptions(sampler=name, steps=1, start="released", S_churn=0.0)
    lr = torch.rand(1, 1, 4, 4)
    found = sample(truth, lr, no_noise, options)
    assert torch.allclose(found, Gaussian()(80.0 * lr.double(), 80.0), atol=1e-12)


def test_the_published_sampler_is_heun_where_nothing_is_added():
    sigmas = karras_sigmas(7)
    truth = Gaussian()
    plain = heun(truth, truth.at(80.0), sigmas)
    assert torch.equal(heun(truth, truth.at(80.0), sigmas, Churn(0.0), lambda step: torch.ones(1, 1, 4, 4)), plain)
    assert not torch.allclose(heun(truth, truth.at(80.0), sigmas, Churn(), lambda step: torch.ones(1, 1, 4, 4)), plain)


def test_churn_keeps_the_distribution():
    """Many pixels of one Gaussian come out with its mean and standard deviation."""
    generator = torch.Generator().manual_seed(1)
    mean, std = 0.3, 0.5

    def denoise(image: Tensor, sigma: float) -> Tensor:
        return (std**2 * image + sigma**2 * mean) / (std**2 + sigma**2)

    def noise(step: int) -> Tensor:
        return torch.randn(1, 1, 150, 150, generator=generator, dtype=torch.float64)

    found = heun(denoise, mean + 80 * noise(-1), karras_sigmas(192), Churn(S_noise=1.0), noise)
    assert float(found.mean()) == pytest.approx(mean, abs=0.01)
    assert float(found.std()) == pytest.approx(std, rel=0.02)


def test_the_published_count_and_spans():
    sigmas = karras_sigmas(256)
    assert 2 * 256 - 1 == SAMPLERS["published"].nfe(256) == 511
    churn = Churn()
    raised = [churn.raised(sigma, 256)[0] / sigma - 1 for sigma in sigmas[:-1]]
    assert sum(sigma > 50 for sigma in sigmas) == 22
    assert sum(share > 0 for share in raised) == 191
    assert max(raised) == pytest.approx(0.15625)


def test_initial_images():
    lr, unit = torch.rand(1, 3, 2, 2), torch.randn(1, 3, 2, 2, dtype=torch.float64)
    assert torch.equal(initial_image(lr, 80.0, "released", lambda draw: unit), 80.0 * lr.double())
    assert torch.equal(initial_image(lr, 80.0, "noise", lambda draw: unit), 80.0 * unit)
    assert torch.equal(initial_image(lr, 0.5, "enlarged", lambda draw: unit), lr.double() + 0.5 * unit)


def test_sigmas_fall_to_zero():
    sigmas = karras_sigmas(5, 0.1, 10.0, 3.0)
    assert sigmas[0] == pytest.approx(10.0)
    assert sigmas[-2:] == [pytest.approx(0.1), 0.0]
    assert sigmas == sorted(sigmas, reverse=True)
    assert karras_sigmas(1, sigma_max=3.0) == [pytest.approx(3.0), 0.0]
    with pytest.raises(UsageError, match="0 steps"):
        karras_sigmas(0)
    with pytest.raises(UsageError, match="from 1 down to 2"):
        karras_sigmas(3, 2.0, 1.0)


def test_churn_is_that_of_the_paper_at_both_ends_of_its_range():
    """Karras et al. 2022, algorithm 2: gamma = min(S_churn / N, sqrt(2) - 1) for S_min <= sigma <= S_max, else 0."""
    churn = Churn(S_churn=40, S_min=0.05, S_max=50, S_noise=1.003)
    for sigma, inside in ((0.049, False), (0.05, True), (3.0, True), (50.0, True), (50.1, False)):
        for steps, gamma in ((256, 40 / 256), (8, math.sqrt(2) - 1)):
            raised = sigma * (1 + gamma) if inside else sigma
            assert churn.raised(sigma, steps) == pytest.approx((raised, 1.003 * math.sqrt(raised**2 - sigma**2)))


def test_dpm_solver_2m_is_the_published_formula_for_uneven_steps():
    """Lu et al. 2022: D = (1 + 1 / 2r) D_i - 1 / 2r D_(i-1), r the last step in log sigma over this one."""
    answers = {8.0: 3.0, 4.0: 5.0, 1.0: 2.0}
    seen = {}

    def denoise(image, sigma):
        seen[sigma] = float(image)
        return torch.tensor(answers[sigma], dtype=torch.float64)

    dpm_solver_2m(denoise, torch.tensor(9.0, dtype=torch.float64), [8.0, 4.0, 1.0, 0.0])
    first = 0.5 * 9 + 0.5 * 3
    half_over_r = math.log(4) / math.log(2) / 2
    aim = (1 + half_over_r) * 5 - half_over_r * 3
    assert seen[4.0] == pytest.approx(first)
    assert seen[1.0] == pytest.approx(0.25 * first + 0.75 * aim)


def test_defaults_are_those_of_the_published_sampler():
    """What EDM's sampler and Ref-Diff's have in common."""
    published = {
        "sigma_min": 0.002,
        "sigma_max": 80.0,
        "rho": 7.0,
        "S_churn": 40.0,
        "S_min": 0.05,
        "S_max": 50.0,
        "S_noise": 1.003,
    }
    defaults = SamplingOptions().model_dump()
    assert {name: defaults[name] for name in published} == published


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("consistency", ["end", "every"])
def test_the_result_is_projected_onto_the_images_that_agree_with_lr(sampler, consistency):
    """A projection onto images of mean 0.25: the denoiser draws to other means."""
    projected = []

    def consistent(image: Tensor) -> Tensor:
        projected.append(image)
        return image - image.mean() + 0.25

    options = SamplingOptions(sampler=sampler, steps=4, consistency=consistency)
    denoise = Gaussian()
    found = sample(denoise, torch.zeros(1, 1, 4, 4), no_noise, options, consistent)
    assert float(found.mean()) == pytest.approx(0.25, abs=1e-12)
    assert torch.equal(found, projected[-1] - projected[-1].mean() + 0.25)
    assert len(projected) == 1 + (len(denoise.asked) if consistency == "every" else 0)
