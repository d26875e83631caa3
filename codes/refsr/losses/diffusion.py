"""The denoising loss of EDM (Karras et al. 2022): training noise levels, their weights, and weighted squared errors."""

from __future__ import annotations

from torch import Tensor


def training_sigma(draws: Tensor, P_mean: float = -1.2, P_std: float = 1.2) -> Tensor:
    """Unit normal draws -> noise levels sigma whose logarithms have mean P_mean and standard deviation P_std."""
    return (P_mean + P_std * draws).exp()


def sigma_weight(sigma: Tensor, sigma_data: float) -> Tensor:
    """The loss weight lambda(sigma), which makes the loss of a fresh network one at every noise level."""
    return (sigma.square() + sigma_data**2) / (sigma * sigma_data).square()


def denoising_errors(denoised: Tensor, clean: Tensor, sigma: Tensor, sigma_data: float) -> Tensor:
    """(B, C, H, W) twice and sigma (B,) -> weighted squared differences (B, C, H, W)."""
    weight = sigma_weight(sigma.float(), sigma_data)[:, None, None, None]
    return weight * (denoised.float() - clean.float()).square()
