"""What a denoiser is asked for: the clean image at any noise level, each level counted by what it can be known."""

from __future__ import annotations

from torch import Tensor


def noise_level(draws: Tensor, mean: float = -1.2, deviation: float = 1.2) -> Tensor:
    """Unit normal draws -> noise levels whose logarithms have this mean and deviation."""
    return (mean + deviation * draws).exp()


def level_weight(sigma: Tensor, sigma_data: float) -> Tensor:
    """What makes the loss of a fresh network one at every noise level."""
    return (sigma.square() + sigma_data**2) / (sigma * sigma_data).square()


def denoising_errors(denoised: Tensor, clean: Tensor, sigma: Tensor, sigma_data: float) -> Tensor:
    """(B, C, H, W) twice and levels (B,) -> weighted squared differences (B, C, H, W)."""
    weight = level_weight(sigma.float(), sigma_data)[:, None, None, None]
    return weight * (denoised.float() - clean.float()).square()
