"""SpecGAN's dual-branch encoder: a spectral and a visible branch of residual dense blocks, fused twice."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2


class ResidualDenseBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): densely connected layers of `growth` channels, a 1x1 fusion, residual."""

    def __init__(self, channels: int, growth: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(channels + at * growth, growth, 3, padding=1) for at in range(layers))
        self.fuse = nn.Conv2d(channels + layers * growth, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for layer in self.layers:
            features = torch.cat((features, F.leaky_relu(layer(features), SLOPE)), dim=1)
        residual: Tensor = self.fuse(features)
        return x + residual


class DenseBranch(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): residual dense blocks in a row, the global fusion of their outputs, residual."""

    def __init__(self, channels: int, blocks: int, growth: int, layers: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualDenseBlock(channels, growth, layers) for _ in range(blocks))
        self.fuse = nn.Conv2d(blocks * channels, channels, 1)
        self.fuse_conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        features = x
        for block in self.blocks:
            features = block(features)
            outputs.append(features)
        residual: Tensor = self.fuse_conv(self.fuse(torch.cat(outputs, dim=1)))
        return x + residual


class SimilarityAttention(nn.Module):
    """Reference, values (B, C, H, W) -> (B, C, H, W): attention over all pixels, queries and keys from the reference.

    As published, scores are not divided by the root of the width. Keys have no bias: it would add the same to all
    scores of a pixel, which the softmax removes.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, width, 1)
        self.key = nn.Conv2d(channels, width, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1)

    def forward(self, reference: Tensor, values: Tensor) -> Tensor:
        query, key, value = (
            one.flatten(2).transpose(1, 2) for one in (self.query(reference), self.key(reference), self.value(values))
        )
        attended = F.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None], scale=1.0)
        return attended[:, 0].transpose(1, 2).reshape(values.shape)


class CrossBranchModulation(nn.Module):
    """Shared information and a branch's features (B, C, H, W) -> attention + features * scale + shift (B, C, H, W)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.reference = nn.Conv2d(channels, channels, 3, padding=1)
        self.scale = nn.Conv2d(channels, channels, 3, padding=1)
        self.shift = nn.Conv2d(channels, channels, 3, padding=1)
        self.attention = SimilarityAttention(channels, width)

    def forward(self, information: Tensor, features: Tensor) -> Tensor:
        attended: Tensor = self.attention(self.reference(information), features)
        scale: Tensor = self.scale(information)
        shift: Tensor = self.shift(information)
        return attended + features * scale + shift


class BranchFusion(nn.Module):
    """Features of the spectral and the visible branch (B, C, H, W) each -> both fused; the spectral branch first."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.information = nn.Sequential(
            # Two more channels are a constant mask: which branch the information is for.
            nn.Conv2d(2 * channels + 2, channels, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.spectral = CrossBranchModulation(channels, width)
        self.visible = CrossBranchModulation(channels, width)

    def forward(self, spectral: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        none = torch.zeros_like(spectral[:, :1])
        one = torch.ones_like(none)
        spectral = self.spectral(self.information(torch.cat((spectral, visible, none, one), dim=1)), spectral)
        visible = self.visible(self.information(torch.cat((spectral, visible, one, none), dim=1)), visible)
        return spectral, visible


class DualBranchEncoder(nn.Module):
    """Image (B, I, H, W), spectra (B, J, H, W) -> a feature for the encoder and one for the decoder, (B, D, H, W) each.

    Only the first layer depends on the number of bands, so cost and weights hardly grow with it.
    """

    def __init__(
        self,
        spectral_bands: int,
        channels: int,
        outputs: tuple[int, int],
        base: int,
        blocks: int,
        growth: int,
        layers: int,
        attention: int,
    ) -> None:
        super().__init__()
        in_channels = {"spectral": spectral_bands, "visible": channels}
        self.shallow1 = nn.ModuleDict(
            {name: nn.Conv2d(count, base, 3, padding=1) for name, count in in_channels.items()}
        )
        self.shallow2 = nn.ModuleDict({name: nn.Conv2d(base, base, 3, padding=1) for name in in_channels})
        # Two stages, each with its own branches; the fusion behind both has the same weights.
        self.branches = nn.ModuleDict(
            {name: nn.ModuleList(DenseBranch(base, blocks, growth, layers) for _ in range(2)) for name in in_channels}
        )
        self.fusion = BranchFusion(base, attention)
        self.heads = nn.ModuleList(_head(2 * base, width) for width in outputs)

    def forward(self, image: Tensor, spectra: Tensor) -> tuple[Tensor, Tensor]:
        shallow = {"spectral": self.shallow1["spectral"](spectra), "visible": self.shallow1["visible"](image)}
        spectral, visible = (self.shallow2[name](one) for name, one in shallow.items())
        stages = zip(self.branches["spectral"], self.branches["visible"], strict=True)  # type: ignore[call-overload]
        for spectral_branch, visible_branch in stages:
            spectral, visible = self.fusion(spectral_branch(spectral), visible_branch(visible))
        both = torch.cat((spectral + shallow["spectral"], visible + shallow["visible"]), dim=1)
        for_encoder, for_decoder = (head(both) for head in self.heads)
        return for_encoder, for_decoder


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(outputs, outputs, 3, padding=1),
    )
