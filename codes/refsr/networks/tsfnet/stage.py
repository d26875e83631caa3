"""One stage of TSFNet: a U-Net with three downsamplings, each block with a spatial and a frequency branch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from refsr.networks.tsfnet.fusion import CrossStageFusion, SelfFusion
from refsr.networks.tsfnet.phase_filter import FFTNorm, FrequencyBlock
from refsr.networks.tsfnet.spatial import Downsample, SpatialBlock, upsample

DOWNSAMPLINGS = 3


class SpatialFrequencyBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): spatial blocks on the first half of the channels, AGPF on the second half."""

    def __init__(self, channels: int, blocks: int, fft_norm: FFTNorm) -> None:
        super().__init__()
        half = channels // 2
        self.spatial = nn.Sequential(*(SpatialBlock(half, blocks) for _ in range(2)))
        self.frequency = nn.Sequential(*(FrequencyBlock(half, fft_norm=fft_norm) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        spatial, frequency = x.chunk(2, dim=1)
        return torch.cat((self.spatial(spatial), self.frequency(frequency)), dim=1)


class UNetStage(nn.Module):
    """(B, in, H, W), H and W multiples of 8, and guiding features -> the image (B, in, H, W), the decoder's features.

    The features go from coarse to fine, (B, C, H/8, W/8) to (B, C, H, W). Guides, the first stage's features, have the
    same shapes; a guided stage's encoder ends each level in a cross-stage fusion.
    """

    def __init__(
        self, in_channels: int, channels: int, blocks: int, heads: int, fft_norm: FFTNorm, guided: bool
    ) -> None:
        super().__init__()
        fusion = CrossStageFusion if guided else SelfFusion
        self.head = nn.Sequential(nn.Conv2d(in_channels, channels, 3, padding=1, bias=False), nn.PReLU())
        self.downsamples = nn.ModuleList(Downsample(channels) for _ in range(DOWNSAMPLINGS))
        self.blocks = nn.ModuleList(
            SpatialFrequencyBlock(channels, blocks, fft_norm) for _ in range(2 * DOWNSAMPLINGS + 1)
        )
        self.upsamples = nn.ModuleList(upsample(channels) for _ in range(DOWNSAMPLINGS))
        self.encoder_fusions = nn.ModuleList(fusion(channels, heads) for _ in range(DOWNSAMPLINGS + 1))
        self.decoder_fusions = nn.ModuleList(SelfFusion(channels, heads) for _ in range(DOWNSAMPLINGS + 1))
        self.tail = nn.Sequential(nn.Conv2d(channels, in_channels, 3, padding=1, bias=False), nn.PReLU())

    def forward(self, image: Tensor, guides: Sequence[Tensor] = ()) -> tuple[Tensor, list[Tensor]]:
        downsamples = [None, *self.downsamples]
        fine_to_coarse = reversed(guides) if guides else [None] * len(downsamples)
        x, skips = self.head(image), []
        for level, (downsample, fuse, guide) in enumerate(
            zip(downsamples, self.encoder_fusions, fine_to_coarse, strict=True)
        ):
            if downsample is not None:
                x = self.blocks[level - 1](downsample(x))
            x = fuse(x, guide)
            skips.append(x)
        features = []
        for level, (upsampler, fuse) in enumerate(zip([None, *self.upsamples], self.decoder_fusions, strict=True)):
            if upsampler is not None:
                x = upsampler(x)
            x = fuse(self.blocks[DOWNSAMPLINGS + level](x), skips.pop())
            features.append(x)
        return image + self.tail(x), features
