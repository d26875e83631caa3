"""StyleGAN2 as published: images from nothing but draws, on any folder of images; what it learns is a latent bank."""

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
from refsr.tasks.balance import discriminator_instabilities
from refsr.tasks.base import Batch, Losses, Memory, Phase
from refsr.tasks.blueprint import NetworkSpec
from refsr.tasks.inference import descriptor_of
from refsr.tasks.latent.spectral_gan import rescale_back
from refsr.tasks.optimisers import make_optimiser
from refsr.tasks.regression import required_train
from refsr.tasks.watching import Instability

PATH_DECAY = 0.01
"""How fast the usual path length follows, as published."""


class StyleGAN:
    """A generator and its judge; the penalties of both are due every few iterations and weigh so much more."""

    def __init__(self, options: Options) -> None:
        self.train = required_train(options)
        self.seed = options.run_seed
        if options.network_D is None:
            raise UsageError(f"{options.model} has a discriminator, but the options have no section network_D")
        if self.train.compile and (self.train.r1_weight or self.train.path_weight):
            raise UsageError(
                "train.compile: compiled networks have no slopes of slopes; r1_weight and path_weight ask so"
            )
        sections = {"G": options.network_G, "D": options.network_D}
        self.blueprints: Mapping[str, NetworkSpec] = {
            key: NetworkSpec.of(section, options.scale) for key, section in sections.items()
        }
        self.networks: Mapping[str, nn.Module] = {key: one.build() for key, one in self.blueprints.items()}
        self.optimisers: Mapping[str, Optimizer] = {
            key: make_optimiser(key, network, self.train) for key, network in self.networks.items()
        }
        self.frozen: Sequence[nn.Module] = ()
        self.notes: Sequence[str] = ("images are made from draws, so scores against the images of a set mean nothing",)
        descriptor = descriptor_of(self.networks["G"])
        if not descriptor.latent_size or descriptor.side is None:
            raise UsageError(f"{options.model} needs a generator such as StyleGAN2, not {options.network_G.which}")
        self._draws, self._side = descriptor.latent_size, descriptor.side
        self._layers: int = self.networks["G"].codes  # type: ignore[assignment]
        self._require_sizes(options)

    def _require_sizes(self, options: Options) -> None:
        """What is made, judged and shown must be of one size."""
        side = options.datasets["train"].GT_size if "train" in options.datasets else None
        judged = getattr(self.networks["D"], "side", self._side)
        if options.scale != 1:
            raise UsageError(f"scale is {options.scale}; {options.model} enlarges nothing, it wants scale: 1")
        if judged != self._side or side not in (None, self._side):
            shown = "" if side is None else f", datasets.train.GT_size is {side}"
            raise UsageError(f"network_G.side is {self._side}, network_D.side is {judged}{shown}: they must be equal")

    def phases(self, step: int) -> Sequence[Phase]:
        path = bool(self.train.path_weight) and step % self.train.path_every == 0
        penalised = bool(self.train.r1_weight) and step % self.train.r1_every == 0

        def fooling(network: nn.Module, batch: Batch, memory: Memory) -> Losses:
            return self._fooling(network, batch, path)

        def discriminator_step(network: nn.Module, batch: Batch, memory: Memory) -> Losses:
            return self._discriminator_losses(network, batch, memory, penalised)

        return Phase("G", fooling), Phase("D", discriminator_step)

    def signs(self) -> Sequence[Instability]:
        """A judge that wins or loses."""
        return discriminator_instabilities(["D"], self.train.gan_type)

    def _fooling(self, network: nn.Module, batch: Batch, path: bool) -> Losses:
        draws, second, crossing = self.draws(batch, "G")
        images, codes = network(draws, second, crossing, with_codes=True)
        logits = self.networks["D"](images)
        losses = {"l_g_gan": self.train.gan_weight * generator_loss(self.train.gan_type, logits)}
        if path:
            lengths = path_lengths(images, codes, self._noise(batch, images))
            usual = self._usual_length(lengths.detach().mean())
            weight = self.train.path_weight * self.train.path_every
            losses["l_g_path"] = weight * path_penalty(lengths, usual)
        return losses

    def _usual_length(self, now: Tensor) -> Tensor:
        """The running mean of path lengths, moved by what all processes found."""
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(now)
            now = now / torch.distributed.get_world_size()
        usual = self.networks["G"].get_buffer("path_mean")
        usual.lerp_(now.to(usual.dtype), PATH_DECAY)
        return usual.clone()

    def _discriminator_losses(self, judge: nn.Module, batch: Batch, memory: Memory, penalised: bool) -> Losses:
        with torch.no_grad():
            fake = self.networks["G"](*self.draws(batch, "D"))
        real = rescale(batch["hr"], -1, 1).requires_grad_(penalised)
        # Passes of their own: the judge looks at how much a batch differs.
        on_real, on_fake = judge(real), judge(fake)
        terms = discriminator_losses(self.train.gan_type, on_real, on_fake)
        losses = dict(zip(("l_d_real", "l_d_fake"), terms, strict=True))
        if penalised:
            weight = self.train.r1_weight * self.train.r1_every
            losses["l_d_r1"] = weight * gradient_penalty(on_real, real)
        memory.shown |= {"D_real": on_real.detach().mean(), "D_fake": on_fake.detach().mean()}
        return losses

    def draws(self, batch: Batch, phase: str) -> tuple[Tensor, Tensor, Tensor]:
        """Two draws (B, S) a sample, and the layer from which the second counts (B,), past all if it never does."""
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
        """An image for each name in the batch, always the same one."""
        descriptor = descriptor_of(network)
        lr = batch["lr"]
        if descriptor.side != lr.shape[-1] or descriptor.side != lr.shape[-2]:
            size = " x ".join(map(str, lr.shape[-2:]))
            raise DataError(f"images of {size} in the set, the generator makes {descriptor.side} x {descriptor.side}")
        draws = [
            torch.randn(descriptor.latent_size, generator=torch_generator(0, "image", name)) for name in batch["name"]
        ]
        images: Tensor = network(torch.stack(draws).to(lr))
        return rescale_back(images).clamp(0, 1)
