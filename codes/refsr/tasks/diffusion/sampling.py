"""Restoring by sampling: what the options say, put together for one batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.core.options.sampling import SamplingOptions
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.ranges import rescale
from refsr.networks.refdiff.fast_convolution import fast_convolutions
from refsr.tasks.base import Batch, Tile
from refsr.tasks.diffusion.consistency import Consistency
from refsr.tasks.diffusion.denoiser import Denoiser
from refsr.tasks.diffusion.heun import heun
from refsr.tasks.diffusion.levels import Churn, Denoise, evaluations, noise_levels
from refsr.tasks.diffusion.multistep import dpm_solver_2m, dpm_solver_3m
from refsr.tasks.diffusion.noise_field import NoiseField
from refsr.tasks.diffusion.tiled import TiledDenoiser, WholeDenoiser, reaching
from refsr.tasks.diffusion.unipc import unipc
from refsr.tasks.inference import descriptor_of, fitted_inputs

DETERMINISTIC: dict[str, Callable[[Denoise, Tensor, Sequence[float]], Tensor]] = {
    "heun": heun,
    "dpm2m": dpm_solver_2m,
    "dpm3m": dpm_solver_3m,
    "unipc": unipc,
}


@dataclass(frozen=True)
class Sampler:
    """Restores with a denoiser as the options say: a network and a batch -> (B, C, s*H, s*W) in [0, 1]."""

    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    seed: int = 0
    """Taken where the options have none."""

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        return self.by_tiles(network, batch, ())

    def by_tiles(
        self, network: nn.Module, batch: Batch, tiles: Sequence[Tile], progress: ProgressFactory = no_progress
    ) -> Tensor:
        """The same where the network sees no more than a tile at a time; the noise is the whole image's.

        The state is in float64, whatever the network computes in. Samples of a batch share their noise, so that an
        image does not depend on its company.
        """
        if not isinstance(network, Denoiser):
            raise UsageError(f"{type(network).__name__} is no denoiser, so nothing can be sampled with it")
        descriptor = descriptor_of(network)
        height, width = (side * descriptor.scale for side in batch["lr"].shape[-2:])
        lr, ref, mask = fitted_inputs(descriptor, batch)
        low = rescale(lr, -1, 1)
        conditions = network.conditions(low, rescale(ref, -1, 1), mask)
        enlarged = conditions.lr_up.double()
        sampling = self.sampling
        consistent = None
        if sampling.consistency != "none":
            consistent = Consistency(low, enlarged.shape[-2], enlarged.shape[-1], sampling.reduction)
        asked = evaluations(sampling.sampler, sampling.steps)
        faster = fast_convolutions(network) if sampling.winograd else contextlib.nullcontext()
        with faster, progress("sampling", asked * max(1, len(tiles))) as bar:
            denoise: Denoise
            if len(tiles) > 1:
                padded = enlarged.shape[-2], enlarged.shape[-1]
                denoise = TiledDenoiser(network, conditions, reaching(tiles, (height, width), padded), bar)
            else:
                denoise = WholeDenoiser(network, conditions, sampling.cache_conditions, bar)
            found = run(denoise, enlarged, self._noise(enlarged), sampling, consistent)
        return ((found[..., :height, :width] + 1) / 2).clamp(0, 1).to(batch["lr"].dtype)

    def _noise(self, like: Tensor) -> Callable[[str | int], Tensor]:
        """Unit noise of a step for a batch of this shape."""
        field = NoiseField(self.sampling.seed if self.sampling.seed is not None else self.seed, like.shape[1])

        def noise(draw: str | int) -> Tensor:
            return field.window(draw, 0, 0, like.shape[-2], like.shape[-1]).to(like.device).expand_as(like)

        return noise


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
        churn = Churn(sampling.S_churn, sampling.S_min, sampling.S_max, sampling.S_noise)
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
