"""SRResNet, the generator of SRGAN: residual blocks with batch normalisation."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from refsr.networks.blocks.common import require_known, require_least
from refsr.networks.blocks.upsampling import ShuffleUpsampling, shuffle_factors
from refsr.networks.blocks.window import Window
from refsr.networks.descriptor import Descriptor

Norm = Literal["batch", "none"]
NORMS = ("batch", "none")
WIDE = 9
"""Side of the first and the last kernel."""


class SRResNet(nn.Module):
    """LR (B, C, h, w) -> (B, C, s*h, s*w), s a product of twos and threes (Ledig et al., CVPR 2017).

    Published with batch normalisation (`norm: batch`): convolutions before one have no bias, and while it trains an
    image's result depends on the others of its batch. In several processes each normalises by its own share, and the
    first one's statistics are kept. `norm: none` leaves it out and gives those convolutions their bias.
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
        self.head = nn.Sequential(nn.Conv2d(channels, nf, WIDE, padding=WIDE // 2), nn.PReLU())
        self.body = nn.Sequential(*(SRBlock(nf, norm) for _ in range(n_blocks)))
        self.closing = nn.Sequential(*_normed_conv(nf, norm))
        self.enlarge = ShuffleUpsampling(nf, factors, nn.PReLU)
        self.to_image = nn.Conv2d(nf, channels, WIDE, padding=WIDE // 2)

    def forward(self, lr: Tensor) -> Tensor:
        feature = self.head(lr)
        feature = feature + self.closing(self.body(feature))
        image: Tensor = self.to_image(self.enlarge(feature))
        return image

    @property
    def descriptor(self) -> Descriptor:
        feature = self.enlarge.sees(Window(0, self.scale - 1).conv(WIDE))
        seen = feature.conv(times=1 + 2 * len(self.body)).conv(WIDE)
        return Descriptor(scale=self.scale, channels=self.channels, inputs=("lr",), halo=seen.halo())


class SRBlock(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): two convolutions, each normalised, a PReLU between them, added to the input."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.change = nn.Sequential(*_normed_conv(channels, norm), nn.PReLU(), *_normed_conv(channels, norm))

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.change(x)
        return x + change


def _normed_conv(channels: int, norm: Norm) -> list[nn.Module]:
    if norm == "none":
        return [nn.Conv2d(channels, channels, 3, padding=1)]
    return [nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
