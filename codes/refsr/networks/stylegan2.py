"""StyleGAN2: images from draws, without any input; trained by itself, its synthesis is SpecGAN's latent bank."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.modulated_conv import Upsample
from refsr.networks.blocks.synthesis import Mapping, Noise, Synthesis, codes_of, require_channels, require_side
from refsr.networks.descriptor import Descriptor


class StyleGAN2(nn.Module):
    """Draws (B, style_channels) from a normal distribution -> images (B, channels, side, side) around [-1, 1].

    `upsample`: SpecGAN's release doubles by interpolation before it convolves; `stylegan2` is the original, at a
    quarter of the cost. `noise`: maps that `noise_seed` draws once and weights carry on (`fixed`, as released), maps
    drawn at every pass of training (`fresh`), or `none`.
    """

    path_mean: Tensor

    def __init__(
        self,
        side: int = 256,
        channels: int = 3,
        style_channels: int = 512,
        mapping_layers: int = 8,
        mapping_rate: float = 0.01,
        latent_channels: int = 512,
        channel_multiplier: int = 2,
        upsample: Upsample = "released",
        noise: Noise = "fixed",
        noise_seed: int = 0,
    ) -> None:
        super().__init__()
        require_side("StyleGAN2", "side", side, 8)
        require_channels("StyleGAN2", side, latent_channels, channel_multiplier)
        if min(style_channels, mapping_layers, channels) < 1 or mapping_rate <= 0:
            raise UsageError("StyleGAN2: style_channels, mapping_layers, mapping_rate and channels must be above 0")
        self.side, self.channels, self.style_channels = side, channels, style_channels
        self.codes = codes_of(side)
        self.mapping = Mapping(style_channels, mapping_layers, mapping_rate)
        self.synthesis = Synthesis(
            side, channels, style_channels, latent_channels, channel_multiplier, upsample, noise, noise_seed
        )
        # What path-length regularisation has seen so far; a run that goes on must know it.
        self.register_buffer("path_mean", torch.zeros(()))

    def forward(
        self, draws: Tensor, second: Tensor | None = None, crossing: Tensor | None = None, *, with_codes: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """From its layer `crossing` (B,) on, an image follows the `second` draws; with the codes (B, L, S) on wish."""
        codes = self.mapping(draws)[:, None].expand(-1, self.codes, -1)
        if second is not None and crossing is not None:
            layer = torch.arange(self.codes, device=crossing.device)
            codes = torch.where((layer < crossing[:, None])[:, :, None], codes, self.mapping(second)[:, None])
        image: Tensor = self.synthesis(codes)
        return (image, codes) if with_codes else image

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(scale=1, channels=self.channels, inputs=(), side=self.side, draws=self.style_channels)
