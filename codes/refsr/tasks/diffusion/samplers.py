"""The table of samplers, and one run of the sampler that the options name.

To add one: write a function (denoise, image, sigmas) -> image, add it to `SAMPLERS` below, and add its name to
`sampler` in core/options/sampling.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from refsr.core.options.sampling import SamplingOptions
from refsr.tasks.diffusion.dpm_solver import dpm_solver_2m, dpm_solver_3m
from refsr.tasks.diffusion.heun import heun
from refsr.tasks.diffusion.sigmas import Churn, Denoise, Noise, karras_sigmas
from refsr.tasks.diffusion.unipc import unipc


@dataclass(frozen=True)
class Sampler:
    """A sampler and its cost."""

    sample: Callable[[Denoise, Tensor, Sequence[float], SamplingOptions, Noise], Tensor]
    """Denoiser, image at the first sigma, sigmas, options, noise -> the image at the last sigma."""
    nfe: Callable[[int], int]
    """Number of steps -> network evaluations (NFE)."""


def deterministic(function: Callable[[Denoise, Tensor, Sequence[float]], Tensor], nfe: Callable[[int], int]) -> Sampler:
    """A sampler that needs neither noise nor options of its own."""
    return Sampler(lambda denoise, image, sigmas, options, noise: function(denoise, image, sigmas), nfe)


def _heun_with_churn(
    denoise: Denoise, image: Tensor, sigmas: Sequence[float], options: SamplingOptions, noise: Noise
) -> Tensor:
    churn = Churn(options.S_churn, options.S_min, options.S_max, options.S_noise)
    return heun(denoise, image, sigmas, churn, noise)


SAMPLERS: Mapping[str, Sampler] = {
    "published": Sampler(_heun_with_churn, nfe=lambda steps: 2 * steps - 1),
    "heun": deterministic(heun, nfe=lambda steps: 2 * steps - 1),
    "dpm2m": deterministic(dpm_solver_2m, nfe=lambda steps: steps),
    "dpm3m": deterministic(dpm_solver_3m, nfe=lambda steps: steps + (steps > 1)),
    "unipc": deterministic(unipc, nfe=lambda steps: steps),
}
"""By the values of `sampling.sampler`."""


def network_evaluations(options: SamplingOptions) -> int:
    """How often the sampler of the options evaluates the network for one image."""
    return SAMPLERS[options.sampler].nfe(options.steps)


def sample(
    denoise: Denoise,
    lr_up: Tensor,
    noise: Noise,
    options: SamplingOptions,
    consistent: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Runs the sampler of the options with any denoiser: upsampled LR in [-1, 1] -> the image, in float64.

    `consistent` projects an image onto those that reduce to LR: every denoised image or only the result, as
    `sampling.consistency` says.
    """
    sigmas = karras_sigmas(options.steps, options.sigma_min, options.sigma_max, options.rho)
    evaluate = denoise
    if consistent is not None and options.consistency == "every":

        def evaluate(image: Tensor, sigma: float) -> Tensor:
            return consistent(denoise(image, sigma))

    image = initial_image(lr_up, sigmas[0], options.start, noise)
    found = SAMPLERS[options.sampler].sample(evaluate, image, sigmas, options, noise)
    return consistent(found) if consistent is not None else found


def initial_image(lr_up: Tensor, sigma: float, start: str, noise: Noise) -> Tensor:
    """The image at the first sigma, in float64, by the value of `sampling.start`."""
    if start == "released":
        return lr_up.double() * sigma
    mean = lr_up.double() if start == "enlarged" else 0
    return mean + sigma * noise("start")
