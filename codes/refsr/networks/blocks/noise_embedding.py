"""What a denoiser's blocks are told of the noise level: a vector of waves, and two layers that make it an embedding."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError, suggestion

Waves = Literal["positional", "fourier"]
WAVES = ("positional", "fourier")
LONGEST = 10_000
SPREAD = 16
"""Standard deviation of the frequencies that are drawn."""


def positional_frequencies(channels: int, endpoint: bool = True) -> Tensor:
    """(channels / 2,) falling from 1 to exactly 1 / 10000, or to a step before it without the endpoint."""
    half = channels // 2
    return (1 / LONGEST) ** (torch.arange(half, dtype=torch.float32) / (half - endpoint))


def waves(label: Tensor, frequencies: Tensor) -> Tensor:
    """Labels (B,), frequencies (N,) -> (B, 2N): sines, then cosines."""
    angle = label[:, None] * frequencies
    return torch.cat((angle.sin(), angle.cos()), dim=1)


class NoiseEmbedding(nn.Module):
    """A number a sample (B,) -> (B, width), told to every block."""

    frequencies: Tensor

    def __init__(self, channels: int, width: int, kind: Waves = "positional") -> None:
        super().__init__()
        if kind not in WAVES:
            raise UsageError(
                f"embedding_type {kind!r} is not known{suggestion(str(kind), WAVES)} (known: {', '.join(WAVES)})"
            )
        drawn = kind == "fourier"
        # Drawn once and kept with the weights, or known beforehand.
        found = SPREAD * torch.randn(channels // 2) if drawn else positional_frequencies(channels)
        self.turn = 2 * torch.pi if drawn else 1.0
        self.register_buffer("frequencies", found, persistent=drawn)
        self.first = nn.Linear(channels, width)
        self.second = nn.Linear(width, width)

    def forward(self, label: Tensor) -> Tensor:
        vector = waves(label, self.turn * self.frequencies)
        embedding: Tensor = F.silu(self.second(F.silu(self.first(vector))))
        return embedding
