"""Path-length regularisation of StyleGAN2: a step of the codes should change images equally everywhere."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def path_lengths(images: Tensor, codes: Tensor, noise: Tensor) -> Tensor:
    """Images (B, C, H, W) made from codes (B, L, S), and unit noise like the images -> (B,), differentiable.

    The norm of the codes' gradient for the image projected on the noise.
    """
    direction = noise / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad((images * direction).sum(), codes, create_graph=True)
    return gradient.float().square().sum(dim=2).mean(dim=1).sqrt()


def path_penalty(lengths: Tensor, mean: Tensor) -> Tensor:
    """The mean squared difference of lengths (B,) from their running mean."""
    return (lengths - mean).square().mean()
