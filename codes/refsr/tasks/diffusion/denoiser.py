"""What samplers need of a network."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from refsr.networks.refdiff.blocks import Conditions


@runtime_checkable
class Denoiser(Protocol):
    """A network that cleans images in [-1, 1], and prepares conditions for doing it many times."""

    sigma_data: float
    """Deviation of clean images, as its preconditioning has it."""

    def conditions(self, lr: Tensor, ref: Tensor, mask: Tensor) -> Conditions:
        """All conditions at the size of HR."""

    def prepare(self, lr: Tensor, ref: Tensor, mask: Tensor, convolved: bool = True) -> Any:
        """What depends on the conditions alone; LR may be enlarged already."""

    def denoise(self, noisy: Tensor, sigma: Tensor | float, prepared: Any) -> Tensor:
        """The clean image that is expected."""
