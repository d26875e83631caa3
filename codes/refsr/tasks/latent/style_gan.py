"""StyleGAN2 as published: images from latent draws, trained on any folder of images; its synthesis is a latent bank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.distributed
from torch import Tensor, nn
from torch.optim import Optimizer

from refsr.core.errors import DataError, UsageError
from refsr.core.options.schema import Options
from refsr.core.seeding import torch_generator
from refsr.data.ranges import rescale
from refsr.losses.adversarial import discriminator_losses, generator_loss, gradient_penalty
from refsr.losses.path_length import path_lengths, path_penalty
from refsr.networks.descriptor import NetworkSpec, descriptor_of
from refsr.tasks.base import Batch, IterationCache, Losses, Phase
from refsr.tasks.gan_instability import discriminator_instabilities
from refsr.tasks.instability import Instability
from refsr.tasks.latent.spectral_gan import to_unit_range
from refsr.tasks.optimisers import make_optimiser
from refsr.tasks.regression import required_train

PATH_DECAY = 0.01
"""Weight of the newest value in the running mean of path lengths, as published."""


class StyleGAN:
    """A generator and its discriminator; lazy regularisation: penalties every few iterations, with larger weight."""

    def __init__(self, options: Options) -> None:
        self.train = required_train(options)
        self.seed = options.run_seed
        if options.network_D is None:
            raise UsageError(f"{options.model} has a discriminator, but the options have no section network_D")
        if self.train.compile and (self.train.r1_weight or self.train.path_weight):
            raise UsageError(
                "train.compile: compiled networks have no second derivatives, which r1_weight and path_weight need"
            )
        sections = {"G": options.network_G, "D": options.network_D}
        self.specs: Mapping[str, NetworkSpec] = {
            key: NetworkSpec.of(section, options.scale) for key, section in sections.items()
        }
        self.networks: Mapping[str, nn.Module] = {key: one.build() for key, one in self.specs.items()}
        self.optimisers: Mapping[str, Optimizer] = {
            key: make_optimiser(key, network, self.train) for key, network in self.networks.items()
        }
        self.frozen: Sequence[nn.Module] = ()
        self.notes: Sequence[str] = (
            "images are made from latent draws, so metrics against the images of a set mean nothing",
        )
        descriptor = descriptor_of(self.networks["G"])
        if not descriptor.latent_size or descriptor.side is None:
            raise UsageError(f"{options.model} needs a generator such as StyleGAN2, not {options.network_G.which}")
        self._draws, self._side = descriptor.latent_size, descriptor.side
        self._layers: int = self.networks["G"].codes  # type: ignore[assignment]
        self._require_sizes(options)

    def _require_sizes(self, options: Options) -> None:
        """A UsageError unless generator, discriminator and crops have one size."""
        side = options.datasets["train"].GT_size if "train" in options.datasets else None
        other = getattr(self.networks["D"], "side", self._side)
        if options.scale != 1:
            raise UsageError(f"scale is {options.scale}; {options.model} does not upsample, it needs scale: 1")
        if other != self._side or side not in (None, self._side):
            crops = "" if side is None else f", datasets.train.GT_size is {side}"
            raise UsageError(f"network_G.side is {self._side}, network_D.side is {other}{crops}: they must be equal")

    def phases(self, step: int) -> Sequence[Phase]:
        path_due = bool(self.train.path_weight) and step % self.train.path_every == 0
        r1_due = bool(self.train.r1_weight) and step % self.train.r1_every == 0

        def generator_phase(network: nn.Module, batch: Batch, cache: IterationCache) -> Losses:
            return self.weighted_generator_losses(network, batch, path_due)

        def discriminator_phase(network: nn.Module, batch: Batch, cache: IterationCache) -> Losses:
            return self.weighted_discriminator_losses(network, batch, cache, r1_due)

        return Phase("G", generator_phase), Phase("D", discriminator_phase)

    def instabilities(self) -> Sequence[Instability]:
        """Those of the discriminator."""
        return discriminator_instabilities(["D"], self.train.gan_type)

    def weighted_generator_losses(self, network: nn.Module, batch: Batch, path_due: bool) -> Losses:
        """The generator's terms, weighted, under their published names."""
        draws, second, crossing = self.draws(batch, "G")
        images, codes = network(draws, second, crossing, with_codes=True)
        logits = self.networks["D"](images)
        losses = {"l_g_gan": self.train.gan_weight * generator_loss(self.train.gan_type, logits)}
        if path_due:
            lengths = path_lengths(images, codes, self._noise(batch, images))
            mean = self._mean_path_length(lengths.detach().mean())
            weight = self.train.path_weight * self.train.path_every
            losses["l_g_path"] = weight * path_penalty(lengths, mean)
        return losses

    def _mean_path_length(self, now: Tensor) -> Tensor:
        """The running mean of path lengths, updated by the mean over all processes."""
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(now)
            now = now / torch.distributed.get_world_size()
        mean = self.networks["G"].get_buffer("path_mean")
        mean.lerp_(now.to(mean.dtype), PATH_DECAY)
        return mean.clone()

    def weighted_discriminator_losses(
        self, discriminator: nn.Module, batch: Batch, cache: IterationCache, r1_due: bool
    ) -> Losses:
        """The discriminator's terms, weighted, under their published names; its mean logits become statistics."""
        with torch.no_grad():
            fake = self.networks["G"](*self.draws(batch, "D"))
        real = rescale(batch["hr"], -1, 1).requires_grad_(r1_due)
        # Separate passes: minibatch stddev depends on the whole batch.
        on_real, on_fake = discriminator(real), discriminator(fake)
        terms = discriminator_losses(self.train.gan_type, on_real, on_fake)
        losses = dict(zip(("l_d_real", "l_d_fake"), terms, strict=True))
        if r1_due:
            weight = self.train.r1_weight * self.train.r1_every
            losses["l_d_r1"] = weight * gradient_penalty(on_real, real)
        cache.statistics |= {"D_real": on_real.detach().mean(), "D_fake": on_fake.detach().mean()}
        return losses

    def draws(self, batch: Batch, phase: str) -> tuple[Tensor, Tensor, Tensor]:
        """Two latent draws (B, S), and the first layer (B,) that takes the second one (style mixing)."""
        firsts, seconds, crossings = [], [], []
        for draw in batch["draw"]:
            generator = torch_generator(self.seed, "codes", phase, draw)
            firsts.append(torch.randn(self._draws, generator=generator))
            seconds.append(torch.randn(self._draws, generator=generator))
            layer = int(torch.randint(1, self._layers, (), generator=generator))
            mixed = float(torch.rand((), generator=generator)) < self.train.style_mixing
            crossings.append(layer if mixed else self._layers)
        device = batch["hr"].device
        return torch.stack(firsts).to(device), torch.stack(seconds).to(device), torch.tensor(crossings, device=device)

    def _noise(self, batch: Batch, images: Tensor) -> Tensor:
        noises = [
            torch.randn(images.shape[1:], generator=torch_generator(self.seed, "path", draw)) for draw in batch["draw"]
        ]
        return torch.stack(noises).to(images)

    @staticmethod
    def restore(network: nn.Module, batch: Batch) -> Tensor:
        """One image for each name in the batch, always the same for the same name."""
        descriptor = descriptor_of(network)
        lr = batch["lr"]
        if descriptor.side != lr.shape[-1] or descriptor.side != lr.shape[-2]:
            size = " x ".join(map(str, lr.shape[-2:]))
            raise DataError(f"images of {size} in the set, the generator makes {descriptor.side} x {descriptor.side}")
        draws = [
            torch.randn(descriptor.latent_size, generator=torch_generator(0, "image", name)) for name in batch["name"]
        ]
        images: Tensor = network(torch.stack(draws).to(lr))
        return to_unit_range(images).clamp(0, 1)
