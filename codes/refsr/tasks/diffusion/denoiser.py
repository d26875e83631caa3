"""The interface between samplers and a denoising network."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from refsr.networks.refdiff.blocks import Conditions


@runtime_checkable
class Denoiser(Protocol):
    """A network that denoises images in [-1, 1], and prepares its conditions once for many evaluations."""

    sigma_data: float
    """Standard deviation of clean images, used by the preconditioning."""

    def conditions(self, lr: Tensor, ref: Tensor, mask: Tensor) -> Conditions:
        """All conditions at the size of HR."""

    def prepare(self, lr: Tensor, ref: Tensor, mask: Tensor, convolved: bool = True) -> Any:
        """What depends only on the conditions; LR may already be upsampled."""

    def denoise(self, noisy: Tensor, sigma: Tensor | float, prepared: Any) -> Tensor:
        """The expected clean image."""
