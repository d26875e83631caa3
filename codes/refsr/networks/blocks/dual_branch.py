"""SpecGAN's dual-branch encoder: spectra and image in branches of dense blocks that inform each other twice."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2


class DenseBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): layers of `growth` channels that each see all before; their mixture is a change."""

    def __init__(self, channels: int, growth: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(channels + at * growth, growth, 3, padding=1) for at in range(layers))
        self.mix = nn.Conv2d(channels + layers * growth, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for layer in self.layers:
            seen = torch.cat((seen, F.leaky_relu(layer(seen), SLOPE)), dim=1)
        change: Tensor = self.mix(seen)
        return x + change


class DenseBranch(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): dense blocks in a row, the outputs of all mixed into a change."""

    def __init__(self, channels: int, blocks: int, growth: int, layers: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(DenseBlock(channels, growth, layers) for _ in range(blocks))
        self.mix = nn.Conv2d(blocks * channels, channels, 1)
        self.smooth = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        features = x
        for block in self.blocks:
            features = block(features)
            outputs.append(features)
        change: Tensor = self.smooth(self.mix(torch.cat(outputs, dim=1)))
        return x + change


class SimilarityAttention(nn.Module):
    """What is alike (B, C, H, W) and values (B, C, H, W) -> (B, C, H, W): each place takes from those like it.

    Similarities are not divided by the root of their width, as published. A bias of keys would add the same to all
    similarities of a place, which softmax takes away again.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, width, 1)
        self.key = nn.Conv2d(channels, width, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1)

    def forward(self, alike: Tensor, values: Tensor) -> Tensor:
        query, key, value = (
            one.flatten(2).transpose(1, 2) for one in (self.query(alike), self.key(alike), self.value(values))
        )
        found = F.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None], scale=1.0)
        return found[:, 0].transpose(1, 2).reshape(values.shape)


class Informing(nn.Module):
    """Information and a branch's features (B, C, H, W) -> (B, C, H, W): attended, scaled and shifted by it."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.alike = nn.Conv2d(channels, channels, 3, padding=1)
        self.scale = nn.Conv2d(channels, channels, 3, padding=1)
        self.shift = nn.Conv2d(channels, channels, 3, padding=1)
        self.attention = SimilarityAttention(channels, width)

    def forward(self, information: Tensor, features: Tensor) -> Tensor:
        attended: Tensor = self.attention(self.alike(information), features)
        scale: Tensor = self.scale(information)
        shift: Tensor = self.shift(information)
        return attended + features * scale + shift


class BranchFusion(nn.Module):
    """Features of spectra and image (B, C, H, W) each -> the same, informed of each other; spectra come first."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.inform = nn.Sequential(
            # Two planes more say which branch asks.
            nn.Conv2d(2 * channels + 2, channels, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.spectral = Informing(channels, width)
        self.visible = Informing(channels, width)

    def forward(self, spectral: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        none = torch.zeros_like(spectral[:, :1])
        one = torch.ones_like(none)
        spectral = self.spectral(self.inform(torch.cat((spectral, visible, none, one), dim=1)), spectral)
        visible = self.visible(self.inform(torch.cat((spectral, visible, one, none), dim=1)), visible)
        return spectral, visible


class DualBranchEncoder(nn.Module):
    """Image (B, I, H, W) and spectra (B, J, H, W) -> a map for the encoder and one for the decoder, (B, D, H, W) each.

    Spectra meet the first layer alone: cost and weights grow with their bands once.
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
        bands = {"spectral": spectral_bands, "visible": channels}
        self.enter = nn.ModuleDict({name: nn.Conv2d(count, base, 3, padding=1) for name, count in bands.items()})
        self.settle = nn.ModuleDict({name: nn.Conv2d(base, base, 3, padding=1) for name in bands})
        # Two stages with branches of their own, and the same fusion behind both.
        self.branches = nn.ModuleDict(
            {name: nn.ModuleList(DenseBranch(base, blocks, growth, layers) for _ in range(2)) for name in bands}
        )
        self.fusion = BranchFusion(base, attention)
        self.heads = nn.ModuleList(_head(2 * base, width) for width in outputs)

    def forward(self, image: Tensor, spectra: Tensor) -> tuple[Tensor, Tensor]:
        entered = {"spectral": self.enter["spectral"](spectra), "visible": self.enter["visible"](image)}
        spectral, visible = (self.settle[name](one) for name, one in entered.items())
        stages = zip(self.branches["spectral"], self.branches["visible"], strict=True)  # type: ignore[call-overload]
        for spectral_branch, visible_branch in stages:
            spectral, visible = self.fusion(spectral_branch(spectral), visible_branch(visible))
        both = torch.cat((spectral + entered["spectral"], visible + entered["visible"]), dim=1)
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
