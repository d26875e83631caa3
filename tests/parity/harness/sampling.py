"""Answers for Ref-Diff's sampler."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from harness.case import Case
from harness.refdiff_networks import denoiser_of, prepared_conditions
from harness.run import Answers
from refsr.core.options.sampling import SamplingOptions
from refsr.tasks.diffusion.samplers import sample
from refsr.tasks.diffusion.sigmas import Churn, Denoise, karras_sigmas


def published(given: Mapping[str, Any]) -> SamplingOptions:
    """The published sampler; what a case leaves out has its published default."""
    named = {"steps" if name == "num_steps" else name: value for name, value in given.items()}
    # Published as infinity where it does not limit anything; options are finite.
    named["S_max"] = min(named.get("S_max", 50.0), sys.float_info.max)
    return SamplingOptions(**{"sampler": "published", "start": "released", "steps": 256, **named})


def schedules(case: Case) -> Answers:
    """Levels after churn, the sigmas below, and the factors of the noise."""
    answers: dict[str, npt.ArrayLike] = {}
    for name, given in case.config["runs"].items():
        options = published(given)
        sigmas = karras_sigmas(options.steps, options.sigma_min, options.sigma_max, options.rho)
        churn = Churn(options.S_churn, options.S_min, options.S_max, options.S_noise)
        raised = [churn.raised(level, options.steps) for level in sigmas[:-1]]
        answers[f"{name}_t_hat"] = [level for level, _ in raised]
        answers[f"{name}_t_next"] = sigmas[1:-1]
        answers[f"{name}_noise_factor"] = [factor for _, factor in raised]
    return answers


def analytic(case: Case) -> Answers:
    """Images and the sigmas asked for, around a denoiser in closed form."""
    given = {name: one.double() for name, one in case.given().items()}
    mean = given["mask"] * given["lr"] + (1 - given["mask"]) * given["ref"]
    variance = case.config.get("sigma_data", 0.5) ** 2
    answers: dict[str, npt.ArrayLike] = {}
    for name, options in case.config["runs"].items():
        asked: list[float] = []

        def denoise(image: Tensor, level: float, asked: list[float] = asked) -> Tensor:
            asked.append(level)
            clean: Tensor = (variance * image + level**2 * mean) / (level**2 + variance) + 0.05 * (3 * image).sin()
            return clean

        answers[name] = _run(denoise, given, options)
        answers[f"{name}_sigmas"] = asked
    return answers


def with_network(case: Case) -> Answers:
    """Images made with the network, whose conditions are prepared once."""
    network = denoiser_of(case)
    given = {name: one.double() for name, one in case.given().items()}
    with torch.no_grad():
        prepared = prepared_conditions(network, given)

        def denoise(image: Tensor, level: float) -> Tensor:
            return network.denoise(image, level, prepared).to(image.dtype)

        return {name: _run(denoise, given, options) for name, options in case.config["runs"].items()}


def _run(denoise: Denoise, given: Mapping[str, Tensor], options: Mapping[str, Any]) -> Tensor:
    noises = given["noises"]
    return sample(denoise, given["lr"], lambda step: noises[int(step)], published(options))
