"""SpecGAN as published: pixel, perceptual and adversarial losses of images in [-1, 1], the bank trained or frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.core.options.schema import Options
from refsr.data.ranges import rescale
from refsr.networks.descriptor import descriptor_of
from refsr.tasks.base import Batch, IterationCache, Losses, Phase
from refsr.tasks.gan_instability import DRIFT
from refsr.tasks.latent.bank import KEY, LatentBank
from refsr.tasks.latent.patches import restore_in_patches
from refsr.tasks.optimisers import make_optimiser
from refsr.tasks.restore import network_inputs
from refsr.tasks.twin_gan import TwinGAN


class Bank(Protocol):
    """A module with a synthesis network."""

    synthesis: nn.Module


@runtime_checkable
class HasLatentBank(Protocol):
    """A network with a latent bank, and the range of its inputs."""

    bank: Bank
    input_range: tuple[float, float]


class SpectralGAN(TwinGAN):
    """One generator guided by spectra, and a discriminator with minibatch stddev."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        network = self.networks["G"]
        if not isinstance(network, HasLatentBank):
            raise UsageError(
                f"{options.model} needs a network with a latent bank such as SpecGAN, not {options.network_G.which}"
            )
        self._range = network.input_range
        side, crop = self._descriptor.side, options.datasets["train"].GT_size if "train" in options.datasets else None
        if side is not None and crop is not None and crop != side * options.scale:
            raise UsageError(
                f"datasets.train.GT_size is {crop}; network_G.side {side} at scale {options.scale} wants "
                f"{side * options.scale}"
            )
        upsample = options.network_G.parameters.get("upsample", "released")
        self.subnetworks = {**self.subnetworks, KEY: LatentBank(network.bank.synthesis, upsample)}
        if self.train.freeze_bank:
            network.bank.synthesis.requires_grad_(False)
            self.optimisers = {**self.optimisers, "G": make_optimiser("G", network, self.train)}

    def use_feature_network(self, features: nn.Module) -> None:
        """Sets the frozen network of the perceptual loss, which was trained on images in [0, 1]."""
        super().use_feature_network(
            features if self.train.feature_range == "released" else FeaturesOfSignedImages(features)
        )

    def phases(self, step: int) -> Sequence[Phase]:
        return [Phase(one.network, self._in_network_range(one.losses)) for one in super().phases(step)]

    def _in_network_range(self, losses: Callable[[nn.Module, Batch, IterationCache], Losses]) -> Callable[..., Losses]:
        """The same losses with every member of the batch in the network's range."""

        def scaled(network: nn.Module, batch: Batch, cache: IterationCache) -> Losses:
            found = losses(network, to_network_range(batch, self._range), cache)
            if DRIFT in cache.statistics:
                # The statistic is defined for images in [0, 1].
                cache.statistics[DRIFT] = cache.statistics[DRIFT] / 2
            return found

        return scaled

    def logits(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of targets and of restored images in separate passes: minibatch stddev depends on the whole batch."""
        return discriminator(real), discriminator(fake)

    @staticmethod
    def restore(network: nn.Module, batch: Batch) -> Tensor:
        if not isinstance(network, HasLatentBank):
            raise UsageError(f"{type(network).__name__} has no latent bank, so SpecGAN's task cannot restore with it")
        descriptor = descriptor_of(network)
        inputs = network_inputs(descriptor, to_network_range(batch, network.input_range))
        return to_unit_range(restore_in_patches(network, descriptor, inputs)).clamp(0, 1)


class FeaturesOfSignedImages(nn.Module):
    """Features of images in [-1, 1] by a network that takes them in [0, 1]."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, image: Tensor) -> Tensor:
        found: Tensor = self.features(to_unit_range(image))
        return found


def to_unit_range(image: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1]."""
    return (image + 1) / 2


def to_network_range(batch: Batch, limits: tuple[float, float]) -> Mapping[str, object]:
    """HR in [-1, 1], LR and spectra in the network's input range, spectra resized to LR's grid."""
    members = dict(batch)
    if "hsi" in members and members["hsi"].shape[-2:] != members["lr"].shape[-2:]:
        members["hsi"] = F.interpolate(
            members["hsi"], size=members["lr"].shape[-2:], mode="bilinear", align_corners=False, antialias=True
        )
    for name in ("lr", "hsi"):
        if name in members:
            members[name] = rescale(members[name], *limits)
    if "hr" in members:
        members["hr"] = rescale(members["hr"], -1, 1)
    return members
