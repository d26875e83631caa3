"""SpecGAN (TGRS 2022): large-factor super-resolution guided by a hyperspectral cube and a StyleGAN2 latent bank."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import OperatorError
from refsr.networks.blocks.common import (
    GLOBAL_SKIPS,
    INITS,
    GlobalSkip,
    Init,
    kaiming_init,
    require_known,
    require_least,
)
from refsr.networks.blocks.stylegan2_layers import Upsample
from refsr.networks.blocks.stylegan2_synthesis import (
    SMALLEST,
    Noise,
    SynthesisNetwork,
    code_count,
    level_channels,
    require_channels,
    require_side,
    sides_from_to,
)
from refsr.networks.descriptor import Descriptor
from refsr.networks.specgan.dual_branch import SLOPE, DualBranchEncoder

InputRange = Literal["full", "released"]
RANGES: dict[str, tuple[float, float]] = {"full": (-1.0, 1.0), "released": (-0.25, 0.25)}
"""What the input values 0 and 1 are scaled to. `released` is a slip that the released weights were trained with."""

DECODER_CHANNELS = 64
"""Channels of the decoder's last block, as published."""

SMALL_LAYERS = (".fuse", ".fuse_conv", ".scale", ".shift", ".value", ".linear")
"""Layers with a small gain under `init: kaiming`: their results are added to features, or scale them."""
SMALL_GAIN, TINY_GAIN = 0.3, 0.01


class SpecGAN(nn.Module):
    """LR (B, C, n, n) and spectra (B, J, n, n) of the same places -> (B, C, scale * n, scale * n) in [-1, 1].

    n is `side`; no other size is possible. Published for 48 bands, and for n = 16 (scale 16) or 8 (scale 32).
    `input_range` is what the inputs are scaled to. `upsample`, `noise` and `noise_seed` are the bank's, as in
    StyleGAN2. `global_skip: upsampled` adds the bicubic LR to the result (none, as published). `init: released` is
    PyTorch's default, with which the signal of LR and spectra almost vanishes and training starts slowly; `kaiming`
    keeps the features' size. The bank always has StyleGAN2's own init.
    """

    def __init__(
        self,
        scale: int = 16,
        channels: int = 3,
        hsi_bands: int = 48,
        side: int = 16,
        style_channels: int = 512,
        latent_channels: int = 512,
        channel_multiplier: int = 2,
        nf: int = 128,
        n_blocks: int = 8,
        n_layers: int = 8,
        growth: int = 64,
        attention: int = 64,
        upsample: Upsample = "released",
        noise: Noise = "fixed",
        noise_seed: int = 0,
        input_range: InputRange = "full",
        global_skip: GlobalSkip = "none",
        init: Init = "released",
    ) -> None:
        super().__init__()
        require_side("SpecGAN", "side", side)
        require_side("SpecGAN", "scale", scale, 2)
        large = side * scale
        require_channels("SpecGAN", large, latent_channels, channel_multiplier)
        counts = {"channels": channels, "hsi_bands": hsi_bands, "style_channels": style_channels, "nf": nf}
        counts |= {"n_blocks": n_blocks, "n_layers": n_layers, "growth": growth, "attention": attention}
        require_least("SpecGAN", 1, **counts)
        require_known("SpecGAN", RANGES, input_range=input_range)
        require_known("SpecGAN", GLOBAL_SKIPS, global_skip=global_skip)
        require_known("SpecGAN", INITS, init=init)
        self.scale, self.channels, self.hsi_bands, self.side = scale, channels, hsi_bands, side
        self.global_skip = global_skip
        self.input_range = RANGES[input_range]

        def width(at: int) -> int:
            return level_channels(at, latent_channels, channel_multiplier)

        entry = width(side)
        self.head = DualBranchEncoder(hsi_bands, channels, (entry, entry), nf, n_blocks, growth, n_layers, attention)
        self.downsamples = nn.ModuleList(
            DownsampleBlock(width(2 * after), width(after)) for after in reversed(sides_from_to(SMALLEST, side // 2))
        )
        self.to_codes = CodeHead(width(SMALLEST), code_count(large), style_channels)
        synthesis = SynthesisNetwork(
            large, channels, style_channels, latent_channels, channel_multiplier, upsample, noise, noise_seed
        )
        self.bank = GuidedLatentBank(synthesis, {at: width(at) for at in sides_from_to(SMALLEST, side)}, channels)
        grown = sides_from_to(2 * side, large)
        self.upsamples = nn.ModuleList(
            UpsampleBlock(entry if at == grown[0] else 2 * width(at // 2), width(at)) for at in grown
        )
        self.output_fusion = OutputFusion(2 * width(large), channels)
        if init == "kaiming":
            self._kaiming_init()
        elif global_skip == "upsampled":
            nn.init.zeros_(self.output_fusion.conv_last.weight)
            nn.init.zeros_(self.output_fusion.conv_last.bias)  # type: ignore[arg-type]

    def forward(self, lr: Tensor, hsi: Tensor) -> Tensor:
        self._require_sizes(lr, hsi)
        feature, decoded = self.head(lr, hsi)
        guides = [feature]
        for halving in self.downsamples:
            guides.append(halving(guides[-1]))
        latents, image = self.bank(self.to_codes(guides[-1]), guides[::-1])
        for at, doubling in enumerate(self.upsamples):
            decoded = doubling(decoded if at == 0 else torch.cat((decoded, latents[at - 1]), dim=1))
        result: Tensor = self.output_fusion(torch.cat((decoded, latents[-1]), dim=1), image)
        return result + self._upsampled_lr(lr) if self.global_skip == "upsampled" else result

    def _upsampled_lr(self, lr: Tensor) -> Tensor:
        """Bicubic LR in the range of the result."""
        wide = F.interpolate(lr, scale_factor=self.scale, mode="bicubic", align_corners=False)
        return wide / self.input_range[1]

    def _kaiming_init(self) -> None:
        """Kaiming normal outside the bank, small gains for SMALL_LAYERS, and a fusion that starts near the identity."""
        bank = set(self.bank.synthesis.modules())
        for name, layer in self.named_modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer not in bank:
                kaiming_init(layer, SLOPE, SMALL_GAIN if name.endswith(SMALL_LAYERS) else 1)
        for modulation in (self.head.fusion.spectral, self.head.fusion.visible):
            nn.init.ones_(modulation.scale.bias)  # type: ignore[arg-type]
        self.output_fusion.init_pass_through()

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            scale=self.scale,
            channels=self.channels,
            inputs=("lr", "hsi"),
            side=self.side,
            hsi_bands=self.hsi_bands,
        )

    def _require_sizes(self, lr: Tensor, hsi: Tensor) -> None:
        for name, value, bands in (("LR", lr, self.channels), ("spectra", hsi, self.hsi_bands)):
            expected_shape = (bands, self.side, self.side)
            if tuple(value.shape[1:]) != expected_shape:
                shown, expected = (" x ".join(map(str, shape)) for shape in (value.shape[1:], expected_shape))
                raise OperatorError(f"SpecGAN: {name} of {shown}, it takes {expected} (bands, height, width)")


class DownsampleBlock(nn.Module):
    """Encoder block, (B, C, H, W) -> (B, D, H/2, W/2): a 3x3 convolution of stride two, a 3x3 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_down = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.conv = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.conv(F.leaky_relu(self.conv_down(x), SLOPE)), SLOPE)


class CodeHead(nn.Module):
    """End of the encoder, (B, C, 4, 4) -> the latent bank's style codes (B, L, S)."""

    def __init__(self, channels: int, codes: int, code: int) -> None:
        super().__init__()
        self.codes, self.code = codes, code
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.linear = nn.Linear(channels * SMALLEST**2, codes * code)

    def forward(self, x: Tensor) -> Tensor:
        codes: Tensor = self.linear(F.leaky_relu(self.conv(x), SLOPE).flatten(1))
        return codes.reshape(-1, self.codes, self.code)


class GuidedLatentBank(nn.Module):
    """The latent bank: codes (B, L, S), encoder features of sides 4 to n -> features of sides above n, and the image.

    At each side up to n the encoder's feature is fused into the bank's features and its image.
    """

    def __init__(self, synthesis: SynthesisNetwork, guides: dict[int, int], channels: int) -> None:
        super().__init__()
        self.synthesis = synthesis
        self.fuse_features = nn.ModuleList(nn.Conv2d(2 * width, width, 3, padding=1) for width in guides.values())
        self.fuse_images = nn.ModuleList(
            nn.Conv2d(channels + width, channels, 3, padding=1) for width in guides.values()
        )

    def forward(self, codes: Tensor, guides: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        features, image = self.synthesis.start(codes)
        latents = []
        for level in range(len(self.synthesis.blocks)):
            if level < len(guides):
                guide = guides[level]
                features = self.fuse_features[level](torch.cat((features, guide), dim=1))
                image = self.fuse_images[level](torch.cat((image, guide), dim=1))
            features, image = self.synthesis.upsample(level, features, image, codes)
            if level + 1 >= len(guides):
                latents.append(features)
        return latents, image


class UpsampleBlock(nn.Module):
    """Block of the progressive decoder, (B, C, H, W) -> (B, D, 2H, 2W), bilinear between 3x3 convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv_up = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_out = nn.Conv2d(outputs, outputs, 3, padding=1)
        nn.init.normal_(self.conv_up.weight, std=math.sqrt(2 / (9 * outputs)))
        nn.init.zeros_(self.conv_up.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv_in(x), SLOPE)
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.leaky_relu(self.conv_out(F.leaky_relu(self.conv_up(x), SLOPE)), SLOPE)


class OutputFusion(nn.Module):
    """Features of decoder and bank (B, C, H, W), the bank's image (B, D, H, W) -> the image (B, D, H, W) in [-1, 1]."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv_hidden = nn.Conv2d(inputs, DECODER_CHANNELS, 3, padding=1)
        self.to_image = nn.Conv2d(DECODER_CHANNELS, channels, 3, padding=1)
        self.merge = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        # Leaky ReLU behind the three-channel layers too, as published.
        decoded = F.leaky_relu(self.to_image(F.leaky_relu(self.conv_hidden(x), SLOPE)), SLOPE)
        merged: Tensor = self.conv_last(F.leaky_relu(self.merge(torch.cat((decoded, image), dim=1)), SLOPE))
        return merged.tanh()

    def init_pass_through(self) -> None:
        """Passes the decoder's image through at the start, small and around 1 (positive), which is subtracted again."""
        for layer in (self.merge, self.conv_last):
            nn.init.dirac_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.to_image.weight.mul_(TINY_GAIN)
            self.to_image.bias.fill_(1.0)  # type: ignore[union-attr]
            self.conv_last.bias.fill_(-1.0)  # type: ignore[union-attr]
