"""Adversarial losses: of a generator and of a discriminator on the discriminator's logits, and the R1 penalty."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.core.errors import UsageError, suggestion

GANType = Literal["gan", "ragan", "lsgan", "hinge"]
GAN_TYPES = ("gan", "ragan", "lsgan", "hinge")


def generator_loss(gan_type: GANType, restored: Tensor, target: Tensor | None = None) -> Tensor:
    """Logits (B, ...) of restored images, and of targets where the loss is relativistic -> a scalar.

    `ragan`: restored images should look more real than the average target, and targets less than the average restored.
    """
    _check(gan_type)
    restored = restored.float()
    if gan_type == "ragan":
        if target is None:
            raise UsageError("generator_loss: ragan compares with the targets' logits, which are missing")
        real = target.detach().float()
        return (_cross_entropy(real - restored.mean(), 0.0) + _cross_entropy(restored - real.mean(), 1.0)) / 2
    if gan_type == "lsgan":
        return (restored - 1).square().mean()
    if gan_type == "hinge":
        return -restored.mean()
    return _cross_entropy(restored, 1.0)


def discriminator_losses(gan_type: GANType, target: Tensor, restored: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, ...) of targets and of restored images -> the two terms of the discriminator's loss.

    `gan` is their sum as published, `ragan` their mean: the halves are inside the terms.
    """
    _check(gan_type)
    real, fake = target.float(), restored.float()
    if gan_type == "ragan":
        return _cross_entropy(real - fake.mean(), 1.0) / 2, _cross_entropy(fake - real.mean(), 0.0) / 2
    if gan_type == "lsgan":
        return (real - 1).square().mean() / 2, fake.square().mean() / 2
    if gan_type == "hinge":
        return F.relu(1 - real).mean(), F.relu(1 + fake).mean()
    return _cross_entropy(real, 1.0), _cross_entropy(fake, 0.0)


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """R1: half the mean squared gradient norm of the logits at real images (B, C, H, W), which require gradients."""
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.float().square().flatten(1).sum(dim=1).mean() / 2


def _cross_entropy(logits: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def _check(gan_type: str) -> None:
    if gan_type not in GAN_TYPES:
        raise UsageError(
            f"adversarial loss {gan_type!r} is not known{suggestion(gan_type, GAN_TYPES)} "
            f"(known: {', '.join(GAN_TYPES)})"
        )
