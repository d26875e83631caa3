"""Spatial feature transform: features scaled and shifted as conditions ask, which need to be looked at only once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.networks.blocks.relevance import RelevanceAttention


class SpatialTransform(RelevanceAttention):
    """Features (B, C, H, W) and what `look` makes of conditions -> (B, C, H, W).

    The convolutions over features and conditions side by side are sums of one over each, and the conditions' part does
    not change while a denoiser takes its steps.
    """

    def look(self, conditions: Tensor, height: int, width: int) -> Tensor:
        """(B, D, any size) -> (B, 2 * hidden, height, width): both convolutions' share, at the features' size."""
        both = (self.scale_hidden, self.shift_hidden)
        weight = torch.cat([one.weight[:, self.scale.out_channels :] for one in both])
        bias = torch.cat([one.bias for one in both if one.bias is not None])
        return F.conv2d(nearest(conditions, height, width), weight, bias, padding=1)

    def kernel(self) -> Tensor:
        """(2 * hidden, C, 3, 3): the features' share of both convolutions."""
        both = (self.scale_hidden, self.shift_hidden)
        return torch.cat([one.weight[:, : self.scale.out_channels] for one in both])

    def of_features(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 2 * hidden, H, W)."""
        return F.conv2d(features, self.kernel(), padding=1)

    def forward(self, features: Tensor, seen: Tensor) -> Tensor:
        hidden = F.leaky_relu(self.of_features(features) + seen, 0.1)
        for_scale, for_shift = hidden.chunk(2, dim=1)
        scale: Tensor = self.scale(for_scale)
        shift: Tensor = self.shift(for_shift)
        return features * scale.sigmoid() + shift


def nearest(image: Tensor, height: int, width: int) -> Tensor:
    """(B, C, H, W) -> (B, C, height, width): source index floor(i * in / out)."""
    if image.shape[-2:] == (height, width):
        return image
    rows = torch.arange(height, device=image.device) * image.shape[-2] // height
    columns = torch.arange(width, device=image.device) * image.shape[-1] // width
    return image[..., rows, :][..., columns]
