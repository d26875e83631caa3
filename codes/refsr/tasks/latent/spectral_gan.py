"""SpecGAN as published: pixel, perceptual and adversarial losses of images in [-1, 1], the bank tuned or frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.core.options.schema import Options
from refsr.data.ranges import rescale
from refsr.tasks.balance import DRIFT
from refsr.tasks.base import Batch, Losses, Memory, Part, Phase
from refsr.tasks.inference import descriptor_of, network_inputs
from refsr.tasks.latent.bank import KEY, LatentBank
from refsr.tasks.latent.patches import in_patches
from refsr.tasks.optimisers import make_optimiser
from refsr.tasks.twin_gan import TwinGAN


class Bank(Protocol):
    """What holds a synthesis network."""

    synthesis: nn.Module


@runtime_checkable
class Banked(Protocol):
    """A network with a latent bank, and the range that its inputs are scaled to."""

    bank: Bank
    input_range: tuple[float, float]


class SpectralGAN(TwinGAN):
    """One generator led by spectra, and a judge that compares the images of a batch with each other."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        network = self.networks["G"]
        if not isinstance(network, Banked):
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
        self.parts: Mapping[str, Part] = {KEY: LatentBank(network.bank.synthesis, upsample)}
        if self.train.freeze_bank:
            network.bank.synthesis.requires_grad_(False)
            self.optimisers = {**self.optimisers, "G": make_optimiser("G", network, self.train)}

    def look_with(self, features: nn.Module) -> None:
        """Compares images in the features of this frozen network, which was trained on images in [0, 1]."""
        super().look_with(features if self.train.feature_range == "released" else Unsigned(features))

    def phases(self, step: int) -> Sequence[Phase]:
        return [Phase(one.network, self._ranged(one.losses)) for one in super().phases(step)]

    def _ranged(self, losses: Callable[[nn.Module, Batch, Memory], Losses]) -> Callable[..., Losses]:
        """The same losses with every member in the network's range."""

        def in_range(network: nn.Module, batch: Batch, memory: Memory) -> Losses:
            found = losses(network, ranged(batch, self._range), memory)
            if DRIFT in memory.shown:
                # Told of images from 0 to 1.
                memory.shown[DRIFT] = memory.shown[DRIFT] / 2
            return found

        return in_range

    def scores(self, judge: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of real and made images by passes of their own: the judge looks at how much a batch differs."""
        return judge(real), judge(fake)

    @staticmethod
    def restore(network: nn.Module, batch: Batch) -> Tensor:
        if not isinstance(network, Banked):
            raise UsageError(f"{type(network).__name__} has no latent bank, so SpecGAN's task cannot restore with it")
        descriptor = descriptor_of(network)
        inputs = network_inputs(descriptor, ranged(batch, network.input_range))
        return rescale_back(in_patches(network, descriptor, inputs)).clamp(0, 1)


class Unsigned(nn.Module):
    """Features of images in [-1, 1] by a network that wants them in [0, 1]."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, image: Tensor) -> Tensor:
        found: Tensor = self.features(rescale_back(image))
        return found


def rescale_back(image: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1]."""
    return (image + 1) / 2


def ranged(batch: Batch, limits: tuple[float, float]) -> Mapping[str, object]:
    """HR in [-1, 1], LR and spectra in the network's range of inputs, and spectra on LR's grid."""
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
