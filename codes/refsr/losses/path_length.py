"""Path-length regularisation: a step of the code should change an image equally much everywhere."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def path_lengths(images: Tensor, codes: Tensor, noise: Tensor) -> Tensor:
    """Images (B, C, H, W) made from codes (B, L, S), and unit noise like the images -> (B,), with slopes of their own.

    How far the image moves in a random direction for a step of the codes.
    """
    direction = noise / math.sqrt(images.shape[2] * images.shape[3])
    (slope,) = torch.autograd.grad((images * direction).sum(), codes, create_graph=True)
    return slope.float().square().sum(dim=2).mean(dim=1).sqrt()


def path_penalty(lengths: Tensor, usual: Tensor) -> Tensor:
    """How far lengths (B,) are from the usual one, squared and averaged."""
    return (lengths - usual).square().mean()
