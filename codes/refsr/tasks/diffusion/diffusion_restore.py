"""Restores a batch by sampling, as the option section `sampling` says: conditions, noise, tiles, sampler."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.core.options.sampling import SamplingOptions
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.ranges import rescale
from refsr.networks.descriptor import descriptor_of
from refsr.networks.refdiff.fast_convolution import fast_convolutions
from refsr.ops.consistency import Consistency
from refsr.tasks.base import Batch, Tile
from refsr.tasks.diffusion.denoiser import Denoiser
from refsr.tasks.diffusion.noise_field import NoiseField
from refsr.tasks.diffusion.samplers import network_evaluations, sample
from refsr.tasks.diffusion.sigmas import Denoise, Noise
from refsr.tasks.diffusion.tiled_denoiser import TiledDenoiser, WholeDenoiser, extend_to_padding
from refsr.tasks.restore import padded_inputs


@dataclass(frozen=True)
class DiffusionRestore:
    """A restore function: denoising network and batch -> (B, C, s*H, s*W) in [0, 1] by sampling."""

    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    seed: int = 0
    """The noise seed where the sampling options have none."""

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        return self.by_tiles(network, batch, ())

    def by_tiles(
        self, network: nn.Module, batch: Batch, tiles: Sequence[Tile], progress: ProgressFactory = no_progress
    ) -> Tensor:
        """The same, the network seeing one tile at a time; the noise is that of the whole image.

        The image is sampled in float64, whatever the network computes in. All samples of a batch get the same noise,
        so that a result does not depend on the rest of the batch.
        """
        if not isinstance(network, Denoiser):
            raise UsageError(f"{type(network).__name__} is no denoiser, so it cannot restore by sampling")
        descriptor = descriptor_of(network)
        height, width = (side * descriptor.scale for side in batch["lr"].shape[-2:])
        lr, ref, mask = padded_inputs(descriptor, batch)
        low = rescale(lr, -1, 1)
        conditions = network.conditions(low, rescale(ref, -1, 1), mask)
        lr_up = conditions.lr_up.double()
        sampling = self.sampling
        consistent = None
        if sampling.consistency != "none":
            consistent = Consistency(low, lr_up.shape[-2], lr_up.shape[-1], sampling.reduction)
        nfe = network_evaluations(sampling)
        faster = fast_convolutions(network) if sampling.winograd else contextlib.nullcontext()
        with faster, progress("sampling", nfe * max(1, len(tiles))) as bar:
            denoise: Denoise
            if len(tiles) > 1:
                padded = lr_up.shape[-2], lr_up.shape[-1]
                denoise = TiledDenoiser(network, conditions, extend_to_padding(tiles, (height, width), padded), bar)
            else:
                denoise = WholeDenoiser(network, conditions, sampling.cache_conditions, bar)
            found = sample(denoise, lr_up, self._noise(lr_up), sampling, consistent)
        return ((found[..., :height, :width] + 1) / 2).clamp(0, 1).to(batch["lr"].dtype)

    def _noise(self, like: Tensor) -> Noise:
        """Unit noise by step, for a batch of this shape."""
        field = NoiseField(self.sampling.seed if self.sampling.seed is not None else self.seed, like.shape[1])

        def noise(draw: str | int) -> Tensor:
            return field.window(draw, 0, 0, like.shape[-2], like.shape[-1]).to(like.device).expand_as(like)

        return noise
