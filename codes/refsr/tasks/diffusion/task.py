"""The diffusion task of Ref-Diff: trains a denoiser at all noise levels, restores by sampling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from refsr.core.errors import UsageError
from refsr.core.options.sampling import SamplingOptions
from refsr.core.options.schema import Options
from refsr.core.seeding import torch_generator
from refsr.data.ranges import rescale
from refsr.losses.diffusion import denoising_errors, training_sigma
from refsr.networks.descriptor import NetworkSpec, descriptor_of
from refsr.tasks.base import Batch, IterationCache, Losses, Phase, Restore
from refsr.tasks.diffusion.denoiser import Denoiser
from refsr.tasks.diffusion.diffusion_restore import DiffusionRestore
from refsr.tasks.optimisers import make_optimiser
from refsr.tasks.regression import required_train
from refsr.tasks.restore import network_inputs


class Diffusion:
    """A denoiser with the conditions LR, Ref and mask."""

    def __init__(self, options: Options) -> None:
        self.train = required_train(options)
        self.seed = options.run_seed
        self.specs: Mapping[str, NetworkSpec] = {"G": NetworkSpec.of(options.network_G, options.scale)}
        network = self.specs["G"].build()
        if not isinstance(network, Denoiser):
            raise UsageError(f"{options.model} needs a denoiser such as RefDiff, {options.network_G.which} is none")
        self.sigma_data = network.sigma_data
        self.networks: Mapping[str, nn.Module] = {"G": network}
        self.optimisers: Mapping[str, Optimizer] = {"G": make_optimiser("G", network, self.train)}
        self.frozen: Sequence[nn.Module] = ()
        self.notes: Sequence[str] = ()
        self._descriptor = descriptor_of(network)

    def phases(self, step: int) -> Sequence[Phase]:
        return (Phase("G", self._losses),)

    def _losses(self, network: nn.Module, batch: Batch, cache: IterationCache) -> Losses:
        """The sum over each image, as published, and the mean over the batch, as gradient accumulation needs it."""
        clean = rescale(batch["hr"], -1, 1)
        draws, noise = self.draws(batch)
        sigma = training_sigma(draws, self.train.P_mean, self.train.P_std)
        noisy = clean + sigma[:, None, None, None] * noise
        denoised = network(noisy, sigma, *self._conditions(batch))
        errors = denoising_errors(denoised, clean, sigma, self.sigma_data)
        cache.statistics["error"] = (denoised.detach().float() - clean).square().mean()
        return {"l_g_denoise": errors.sum() / len(errors) / self.train.loss_divisor}

    def draws(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Unit normal draws of each sample: one (B,) for its sigma, and its noise (B, C, H, W)."""
        hr = batch["hr"]
        sigma_draws, noises = [], []
        for draw in batch["draw"]:
            generator = torch_generator(self.seed, "diffusion", draw)
            sigma_draws.append(torch.randn((), generator=generator))
            noises.append(torch.randn(hr.shape[1:], generator=generator))
        return torch.stack(sigma_draws).to(hr.device), torch.stack(noises).to(hr.device)

    def _conditions(self, batch: Batch) -> list[Tensor]:
        """The network's inputs in the ranges that it takes."""
        members = zip(self._descriptor.inputs, network_inputs(self._descriptor, batch), strict=True)
        return [member if name in ("mask", "ref_weight") else rescale(member, -1, 1) for name, member in members]

    @staticmethod
    def restore(network: nn.Module, batch: Batch) -> Tensor:
        return DiffusionRestore()(network, batch)

    @staticmethod
    def restore_function(sampling: SamplingOptions, seed: int) -> Restore:
        """The same with the sampling options and a seed."""
        return DiffusionRestore(sampling, seed)
