"""Adversarial losses: what a generator and a discriminator each want of the discriminator's logits."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.core.errors import UsageError, suggestion

Kind = Literal["gan", "ragan", "lsgan", "hinge"]
KINDS = ("gan", "ragan", "lsgan", "hinge")


def generator_loss(kind: Kind, restored: Tensor, target: Tensor | None = None) -> Tensor:
    """Logits (B, ...) of restored images, and of targets where `kind` is relative to them -> a scalar.

    `ragan`: restored images should look more real than the average target, and targets less than the average restored.
    """
    _check(kind)
    restored = restored.float()
    if kind == "ragan":
        if target is None:
            raise UsageError("generator_loss: ragan compares with the targets' logits, which are missing")
        real = target.detach().float()
        return (_cross_entropy(real - restored.mean(), 0.0) + _cross_entropy(restored - real.mean(), 1.0)) / 2
    if kind == "lsgan":
        return (restored - 1).square().mean()
    if kind == "hinge":
        return -restored.mean()
    return _cross_entropy(restored, 1.0)


def discriminator_losses(kind: Kind, target: Tensor, restored: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, ...) of targets and of restored images -> what each of the two adds to the discriminator's loss.

    `gan` adds them up as published, `ragan` takes their mean: the halves are in the terms.
    """
    _check(kind)
    real, fake = target.float(), restored.float()
    if kind == "ragan":
        return _cross_entropy(real - fake.mean(), 1.0) / 2, _cross_entropy(fake - real.mean(), 0.0) / 2
    if kind == "lsgan":
        return (real - 1).square().mean() / 2, fake.square().mean() / 2
    if kind == "hinge":
        return F.relu(1 - real).mean(), F.relu(1 + fake).mean()
    return _cross_entropy(real, 1.0), _cross_entropy(fake, 0.0)


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """R1: half the mean squared norm of the logits' slope at real images (B, C, H, W) that require gradients."""
    (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return slope.float().square().flatten(1).sum(dim=1).mean() / 2


def _cross_entropy(logits: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise UsageError(f"adversarial loss {kind!r} is not known{suggestion(kind, KINDS)} (known: {', '.join(KINDS)})")
