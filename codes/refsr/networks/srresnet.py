"""SRResNet, the generator of SRGAN: residual blocks with batch normalization."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from refsr.networks.blocks.common import require_known, require_least
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.upsampling import PixelShuffleUpsampler, shuffle_factors
from refsr.networks.descriptor import Descriptor

Norm = Literal["batch", "none"]
NORMS = ("batch", "none")
END_KERNEL = 9
"""Side of the first and the last kernel."""


class SRResNet(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w), s a product of twos and threes (Ledig et al., CVPR 2017).

    Published with batch normalization (`norm: batch`): the convolutions before it have no bias. In several processes
    each normalizes by its own share of the batch, and the main process's statistics are saved. `norm: none` leaves it
    out and gives those convolutions a bias.
    """

    def __init__(
        self, scale: int = 4, channels: int = 3, nf: int = 64, n_blocks: int = 16, norm: Norm = "batch"
    ) -> None:
        require_least("SRResNet", 1, channels=channels, nf=nf)
        require_least("SRResNet", 0, n_blocks=n_blocks)
        require_known("SRResNet", NORMS, norm=norm)
        factors = shuffle_factors("SRResNet", scale)
        super().__init__()
        self.scale, self.channels = scale, channels
        self.head = nn.Sequential(nn.Conv2d(channels, nf, END_KERNEL, padding=END_KERNEL // 2), nn.PReLU())
        self.body = nn.Sequential(*(SRBlock(nf, norm) for _ in range(n_blocks)))
        self.conv_after_body = nn.Sequential(*_normed_conv(nf, norm))
        self.upsample = PixelShuffleUpsampler(nf, factors, nn.PReLU)
        self.to_image = nn.Conv2d(nf, channels, END_KERNEL, padding=END_KERNEL // 2)

    def forward(self, lr: Tensor) -> Tensor:
        feature = self.head(lr)
        feature = feature + self.conv_after_body(self.body(feature))
        image: Tensor = self.to_image(self.upsample(feature))
        return image

    @property
    def descriptor(self) -> Descriptor:
        feature = self.upsample.receptive_field(ReceptiveField(0, self.scale - 1).conv(END_KERNEL))
        field = feature.conv(times=1 + 2 * len(self.body)).conv(END_KERNEL)
        return Descriptor(scale=self.scale, channels=self.channels, inputs=("lr",), halo=field.halo())


class SRBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): two convolutions, each with normalization, a PReLU between them, residual."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.body = nn.Sequential(*_normed_conv(channels, norm), nn.PReLU(), *_normed_conv(channels, norm))

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.body(x)
        return x + residual


def _normed_conv(channels: int, norm: Norm) -> list[nn.Module]:
    if norm == "none":
        return [nn.Conv2d(channels, channels, 3, padding=1)]
    return [nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
