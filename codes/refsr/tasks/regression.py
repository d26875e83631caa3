"""Learning by comparison with the target alone: pixel, gradient and frequency losses of one network."""

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
from refsr.ops.gradient import Padding
from refsr.tasks.base import Batch, Losses, Memory, Phase
from refsr.tasks.blueprint import NetworkSpec
from refsr.tasks.inference import descriptor_of, direct, network_inputs
from refsr.tasks.optimisers import make_optimiser

WEIGHTS = ("pixel_weight", "gradient_pixel_weight", "frequency_weight")
"""What a restored image is compared by."""


class Regression:
    """RRSNet, RGTNet and TSFNet as published: one generator, no discriminator."""

    def __init__(self, options: Options) -> None:
        self.train = required_train(options)
        if not any(getattr(self.train, weight) for weight in WEIGHTS):
            raise UsageError(f"train: {', '.join(WEIGHTS)} are all 0: there is nothing to learn")
        self.blueprints: Mapping[str, NetworkSpec] = {"G": NetworkSpec.of(options.network_G, options.scale)}
        self.networks: Mapping[str, nn.Module] = {"G": self.blueprints["G"].build()}
        self.optimisers: Mapping[str, Optimizer] = {"G": make_optimiser("G", self.networks["G"], self.train)}
        self.frozen: Sequence[nn.Module] = ()
        self.notes: Sequence[str] = ()
        self._descriptor = descriptor_of(self.networks["G"])

    def phases(self, step: int) -> Sequence[Phase]:
        return (Phase("G", self._losses),)

    def _losses(self, network: nn.Module, batch: Batch, memory: Memory) -> Losses:
        inputs = network_inputs(self._descriptor, batch)
        if self._descriptor.stages == 1 or not self.train.stage_weight:
            return comparison_losses(self.train, network(*inputs), batch["hr"])
        images = network(*inputs, every_stage=True)
        return stage_losses(self.train, images, batch["hr"])

    restore = staticmethod(direct)


def required_train(options: Options) -> TrainOptions:
    """The train section, without which nothing learns."""
    if options.train is None:
        raise UsageError("the options have no section train, so nothing can be trained")
    return options.train


def stage_losses(train: TrainOptions, images: Sequence[Tensor], target: Tensor) -> Losses:
    """The losses of each stage's image, the last stage first, whose losses have no suffix."""
    losses = comparison_losses(train, images[0], target)
    for before, image in enumerate(images[1:], 1):
        found = comparison_losses(train, image, target)
        losses |= {f"{name}_stage{len(images) - before}": train.stage_weight * term for name, term in found.items()}
    return losses


def comparison_losses(train: TrainOptions, restored: Tensor, target: Tensor) -> Losses:
    """The weighted pixel, gradient and frequency losses, under their published names where they have one."""
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
    """How image gradients of losses are padded, in the operator's words."""
    return "full" if train.gradient_padding == 2 else "same"
