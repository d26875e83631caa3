"""Restoring by sampling: what the options say, put together for one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.core.options.sampling import SamplingOptions
from refsr.data.ranges import rescale
from refsr.tasks.base import Batch
from refsr.tasks.diffusion.consistency import Consistency
from refsr.tasks.diffusion.heun import heun
from refsr.tasks.diffusion.levels import Churn, Denoise, noise_levels
from refsr.tasks.diffusion.multistep import dpm_solver_2m, dpm_solver_3m
from refsr.tasks.diffusion.noise_field import NoiseField
from refsr.tasks.diffusion.unipc import unipc
from refsr.tasks.restoring import descriptor_of, fitted_inputs

DETERMINISTIC: dict[str, Callable[[Denoise, Tensor, Sequence[float]], Tensor]] = {
    "heun": heun,
    "dpm2m": dpm_solver_2m,
    "dpm3m": dpm_solver_3m,
    "unipc": unipc,
}
CORNER = "corner"
"""Where a batch is cut from: rows and columns of HR above and left of it."""


@runtime_checkable
class Denoiser(Protocol):
    """A network that cleans images, and prepares conditions for doing it many times."""

    sigma_data: float
    """Deviation of clean images in [-1, 1], as its preconditioning has it."""

    def prepare(self, lr: Tensor, ref: Tensor, mask: Tensor, convolved: bool = True) -> Any:
        """What depends on LR, Ref and mask alone; its `conditions` hold the enlarged LR."""

    def denoise(self, noisy: Tensor, sigma: Tensor | float, prepared: Any) -> Tensor:
        """The clean image in [-1, 1]."""


def sample(network: nn.Module, batch: Batch, sampling: SamplingOptions, seed: int = 0) -> Tensor:
    """The members of a batch -> (B, C, s*h, s*w) in [0, 1].

    The state is in float64, whatever the network computes in. Samples of a batch share their noise, so that an image
    does not depend on its company.
    """
    if not isinstance(network, Denoiser):
        raise UsageError(f"{type(network).__name__} is no denoiser, so nothing can be sampled with it")
    descriptor = descriptor_of(network)
    height, width = (side * descriptor.scale for side in batch["lr"].shape[-2:])
    lr, ref, mask = fitted_inputs(descriptor, batch)
    low = rescale(lr, -1, 1)
    prepared = network.prepare(low, rescale(ref, -1, 1), mask, sampling.convolved)
    enlarged = prepared.conditions.lr_up.double()

    def denoise(image: Tensor, level: float) -> Tensor:
        return network.denoise(image, level, prepared).to(image.dtype)

    noise = _noise(sampling, seed, batch, enlarged)
    consistent = None
    if sampling.consistency != "none":
        consistent = Consistency(low, enlarged.shape[-2], enlarged.shape[-1], sampling.reduction)
    found = run(denoise, enlarged, noise, sampling, consistent)
    return rescaled(found[..., :height, :width]).to(lr.dtype)


def run(
    denoise: Denoise,
    enlarged: Tensor,
    noise: Callable[[str | int], Tensor],
    sampling: SamplingOptions,
    consistent: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """The sampler of the options around any denoiser: the enlarged LR in [-1, 1] -> the image, in float64."""
    levels = noise_levels(sampling.steps, sampling.sigma_min, sampling.sigma_max, sampling.rho)
    asked = denoise
    if consistent is not None and sampling.consistency == "every":

        def asked(image: Tensor, level: float) -> Tensor:
            return consistent(denoise(image, level))

    begin = start(enlarged, levels[0], sampling.start, noise)
    if sampling.sampler == "published":
        churn = Churn(sampling.churn, sampling.churn_min, sampling.churn_max, sampling.churn_noise)
        found = heun(asked, begin, levels, churn, noise)
    else:
        found = DETERMINISTIC[sampling.sampler](asked, begin, levels)
    return consistent(found) if consistent is not None else found


def start(enlarged: Tensor, level: float, how: str, noise: Callable[[str | int], Tensor]) -> Tensor:
    """The image at the first noise level, in float64."""
    if how == "released":
        return enlarged.double() * level
    around = enlarged.double() if how == "enlarged" else 0
    return around + level * noise("start")


def rescaled(image: Tensor) -> Tensor:
    """[-1, 1] and what lies beyond -> [0, 1]."""
    return ((image + 1) / 2).clamp(0, 1)


def _noise(sampling: SamplingOptions, seed: int, batch: Batch, like: Tensor) -> Callable[[str | int], Tensor]:
    """Unit noise of a step for a batch, by its place in the whole image."""
    field = NoiseField(sampling.seed if sampling.seed is not None else seed, like.shape[1])
    top, left = batch.get(CORNER, (0, 0))

    def noise(draw: str | int) -> Tensor:
        return field.window(draw, top, left, like.shape[-2], like.shape[-1]).to(like.device).expand_as(like)

    return noise
