"""StyleGAN2, the unconditional generator (Karras et al. 2020); its trained synthesis is SpecGAN's latent bank."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.stylegan2_layers import Upsample
from refsr.networks.blocks.stylegan2_synthesis import (
    MappingNetwork,
    Noise,
    SynthesisNetwork,
    code_count,
    require_channels,
    require_side,
)
from refsr.networks.descriptor import Descriptor


class StyleGAN2(nn.Module):
    """Normal latents z (B, style_channels) -> images (B, channels, side, side) around [-1, 1].

    `upsample`: `released` is SpecGAN's, bilinear before a convolution; `stylegan2` is the original, at a quarter of the
    cost. `noise`: maps drawn once from `noise_seed` and saved with the weights (`fixed`, as released), drawn in every
    training pass (`random`), or `none`.
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
        self.codes = code_count(side)
        self.mapping = MappingNetwork(style_channels, mapping_layers, mapping_rate)
        self.synthesis = SynthesisNetwork(
            side, channels, style_channels, latent_channels, channel_multiplier, upsample, noise, noise_seed
        )
        # The running mean of path-length regularization, needed to resume a run.
        self.register_buffer("path_mean", torch.zeros(()))

    def forward(
        self, latents: Tensor, second: Tensor | None = None, mixing: Tensor | None = None, *, with_codes: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Style mixing: from layer `mixing` (B,) on, codes are those of `second`. Codes have shape (B, L, S)."""
        codes = self.mapping(latents)[:, None].expand(-1, self.codes, -1)
        if second is not None and mixing is not None:
            layer = torch.arange(self.codes, device=mixing.device)
            codes = torch.where((layer < mixing[:, None])[:, :, None], codes, self.mapping(second)[:, None])
        image: Tensor = self.synthesis(codes)
        return (image, codes) if with_codes else image

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(scale=1, channels=self.channels, inputs=(), side=self.side, latent_size=self.style_channels)
