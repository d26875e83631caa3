"""Perceptual loss: the difference of two images in the features of a frozen network."""

from __future__ import annotations

from torch import Tensor, nn

from refsr.losses.pixel import Criterion, pixel_loss


def perceptual_loss(features: nn.Module, restored: Tensor, target: Tensor, criterion: Criterion = "l1") -> Tensor:
    """(B, 3, H, W) twice in [0, 1] -> the mean difference of their features; the target's carry no gradient."""
    return pixel_loss(features(restored), features(target.detach()).detach(), criterion)
