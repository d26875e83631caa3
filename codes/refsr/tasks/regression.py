"""Training by pixel, gradient and frequency losses alone: one network, no discriminator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.optim import Optimizer

from refsr.core.errors import UsageError
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.losses.frequency import frequency_loss
from refsr.losses.gradient import gradient_loss
from refsr.losses.pixel import pixel_loss
from refsr.networks.descriptor import NetworkSpec, descriptor_of
from refsr.ops.gradient import Padding
from refsr.tasks.base import Batch, IterationCache, Losses, Phase, SubNetwork
from refsr.tasks.optimisers import make_optimiser
from refsr.tasks.parts import freeze_parts, starting_parts
from refsr.tasks.restore import network_output, single_pass

WEIGHTS = ("pixel_weight", "gradient_pixel_weight", "frequency_weight")
"""Option keys of the weights of the reconstruction losses."""


class Regression:
    """The task of RRSNet, RGTNet, TSFNet and other networks with reconstruction losses only."""

    def __init__(self, options: Options) -> None:
        self.train = required_train(options)
        if not any(getattr(self.train, weight) for weight in WEIGHTS):
            raise UsageError(f"train: {', '.join(WEIGHTS)} are all 0, so there is no loss")
        self.specs: Mapping[str, NetworkSpec] = {"G": NetworkSpec.of(options.network_G, options.scale)}
        self.networks: Mapping[str, nn.Module] = {"G": self.specs["G"].build()}
        self.subnetworks: Mapping[str, SubNetwork] = starting_parts(self.networks["G"], options)
        freeze_parts(self.networks["G"], self.train.freeze)
        self.optimisers: Mapping[str, Optimizer] = {"G": make_optimiser("G", self.networks["G"], self.train)}
        self.frozen: Sequence[nn.Module] = ()
        self.notes: Sequence[str] = ()
        self._descriptor = descriptor_of(self.networks["G"])

    def phases(self, step: int) -> Sequence[Phase]:
        return (Phase("G", self._losses),)

    def _losses(self, network: nn.Module, batch: Batch, cache: IterationCache) -> Losses:
        if self._descriptor.stages == 1 or not self.train.stage_weight:
            return reconstruction_losses(self.train, network_output(network, self._descriptor, batch), batch["hr"])
        images = network_output(network, self._descriptor, batch, every_stage=True)
        return stage_losses(self.train, images, batch["hr"])

    restore = staticmethod(single_pass)


def required_train(options: Options) -> TrainOptions:
    """The option section `train`; a UsageError if it is missing."""
    if options.train is None:
        raise UsageError("the options have no section train, so nothing can be trained")
    return options.train


def stage_losses(train: TrainOptions, images: Sequence[Tensor], target: Tensor) -> Losses:
    """Weighted losses of each stage's image; the last stage comes first in `images` and its losses have no suffix."""
    losses = reconstruction_losses(train, images[0], target)
    for before, image in enumerate(images[1:], 1):
        found = reconstruction_losses(train, image, target)
        losses |= {f"{name}_stage{len(images) - before}": train.stage_weight * term for name, term in found.items()}
    return losses


def reconstruction_losses(train: TrainOptions, restored: Tensor, target: Tensor) -> Losses:
    """Weighted pixel, gradient and frequency losses, under their published names where they have one."""
    losses: Losses = {}
    if train.pixel_weight:
        losses["l_g_pix"] = train.pixel_weight * pixel_loss(restored, target, train.pixel_criterion)
    if train.gradient_pixel_weight:
        distance = gradient_loss(restored, target, gradient_padding(train))
        losses["l_g_pix_grad"] = train.gradient_pixel_weight * distance
    if train.frequency_weight:
        losses["l_g_freq"] = train.frequency_weight * frequency_loss(restored, target)
    return losses


def gradient_padding(train: TrainOptions) -> Padding:
    """`train.gradient_padding` as the padding mode of `gradient_magnitude`."""
    return "full" if train.gradient_padding == 2 else "same"
