"""Ref-Diff's way to learn: the clean image from one under noise, at every noise level."""

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
from refsr.losses.diffusion import denoising_errors, noise_level
from refsr.tasks.base import Batch, Losses, Memory, Phase, Restore
from refsr.tasks.blueprint import NetworkSpec
from refsr.tasks.diffusion.denoiser import Denoiser
from refsr.tasks.diffusion.sampling import Sampler
from refsr.tasks.inference import descriptor_of, network_inputs
from refsr.tasks.optimisers import make_optimiser
from refsr.tasks.regression import required_train


class Diffusion:
    """A denoiser under the conditions LR, Ref and mask; restoring is sampling."""

    def __init__(self, options: Options) -> None:
        self.train = required_train(options)
        self.seed = options.run_seed
        self.blueprints: Mapping[str, NetworkSpec] = {"G": NetworkSpec.of(options.network_G, options.scale)}
        network = self.blueprints["G"].build()
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

    def _losses(self, network: nn.Module, batch: Batch, memory: Memory) -> Losses:
        """The sum over each image, as published, and the mean over the batch, so that its parts do not matter."""
        clean = rescale(batch["hr"], -1, 1)
        draws, noise = self.draws(batch)
        sigma = noise_level(draws, self.train.P_mean, self.train.P_std)
        noisy = clean + sigma[:, None, None, None] * noise
        denoised = network(noisy, sigma, *self._conditions(batch))
        errors = denoising_errors(denoised, clean, sigma, self.sigma_data)
        memory.shown["error"] = (denoised.detach().float() - clean).square().mean()
        return {"l_g_denoise": errors.sum() / len(errors) / self.train.loss_divisor}

    def draws(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Unit normal numbers of each sample: one (B,) for its noise level, and its noise, of the image's shape."""
        hr = batch["hr"]
        levels, noises = [], []
        for draw in batch["draw"]:
            generator = torch_generator(self.seed, "diffusion", draw)
            levels.append(torch.randn((), generator=generator))
            noises.append(torch.randn(hr.shape[1:], generator=generator))
        return torch.stack(levels).to(hr.device), torch.stack(noises).to(hr.device)

    def _conditions(self, batch: Batch) -> list[Tensor]:
        """What the network asks for in the ranges that it wants."""
        members = zip(self._descriptor.inputs, network_inputs(self._descriptor, batch), strict=True)
        return [member if name == "mask" else rescale(member, -1, 1) for name, member in members]

    @staticmethod
    def restore(network: nn.Module, batch: Batch) -> Tensor:
        return Sampler()(network, batch)

    @staticmethod
    def restore_function(sampling: SamplingOptions, seed: int) -> Restore:
        """The same with the sampler of the options."""
        return Sampler(sampling, seed)
