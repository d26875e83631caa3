"""SpecGAN: super-resolution by large factors, led by a hyperspectral cube and a bank of latent images."""

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
from refsr.networks.blocks.dual_branch import SLOPE, DualBranchEncoder
from refsr.networks.blocks.modulated_conv import Upsample
from refsr.networks.blocks.synthesis import (
    SMALLEST,
    Noise,
    Synthesis,
    codes_of,
    level_channels,
    require_channels,
    require_side,
    sides_between,
)
from refsr.networks.descriptor import Descriptor

InputRange = Literal["full", "released"]
RANGES: dict[str, tuple[float, float]] = {"full": (-1.0, 1.0), "released": (-0.25, 0.25)}
"""What 0 and 1 become before LR and spectra go in; the release has a slip, and its weights are used to it."""

LAST = 64
"""Channels of the decoder's last block, as published."""

CHANGES = (".mix", ".smooth", ".scale", ".shift", ".value", ".say")
"""Layers whose results are added to features, or scale them."""
SMALL_CHANGE, FAINT = 0.3, 0.01


class SpecGAN(nn.Module):
    """LR (B, C, n, n) and spectra (B, J, n, n) of the same places -> (B, C, scale * n, scale * n) in [-1, 1].

    n is `side`, and nothing else will do. Published for 48 bands, and for 16 (scale 16) or 8 (scale 32) pixels a side.
    `input_range` says what the inputs are scaled to. `upsample`, `noise` and `noise_seed` are the bank's, as in
    StyleGAN2. `global_skip: enlarged` adds the enlarged LR to the result, so that the network need not learn to copy
    colours (none, as published). `init`: released weights are so small that next to nothing of LR and spectra gets
    through, which takes long to learn; `kaiming` keeps their size, but for the bank, which has its own.
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
        self.halvings = nn.ModuleList(
            Halving(width(2 * after), width(after)) for after in reversed(sides_between(SMALLEST, side // 2))
        )
        self.to_codes = ToCodes(width(SMALLEST), codes_of(large), style_channels)
        synthesis = Synthesis(
            large, channels, style_channels, latent_channels, channel_multiplier, upsample, noise, noise_seed
        )
        self.bank = GuidedBank(synthesis, {at: width(at) for at in sides_between(SMALLEST, side)}, channels)
        grown = sides_between(2 * side, large)
        self.doublings = nn.ModuleList(
            Doubling(entry if at == grown[0] else 2 * width(at // 2), width(at)) for at in grown
        )
        self.finish = Finish(2 * width(large), channels)
        if init == "kaiming":
            self._keep_size()
        elif global_skip == "enlarged":
            nn.init.zeros_(self.finish.leave.weight)
            nn.init.zeros_(self.finish.leave.bias)  # type: ignore[arg-type]

    def forward(self, lr: Tensor, hsi: Tensor) -> Tensor:
        self._require_sizes(lr, hsi)
        feature, decoded = self.head(lr, hsi)
        guides = [feature]
        for halving in self.halvings:
            guides.append(halving(guides[-1]))
        latents, image = self.bank(self.to_codes(guides[-1]), guides[::-1])
        for at, doubling in enumerate(self.doublings):
            decoded = doubling(decoded if at == 0 else torch.cat((decoded, latents[at - 1]), dim=1))
        result: Tensor = self.finish(torch.cat((decoded, latents[-1]), dim=1), image)
        return result + self._enlarged(lr) if self.global_skip == "enlarged" else result

    def _enlarged(self, lr: Tensor) -> Tensor:
        """In the range of the result."""
        wide = F.interpolate(lr, scale_factor=self.scale, mode="bicubic", align_corners=False)
        return wide / self.input_range[1]

    def _keep_size(self) -> None:
        """Changes of features begin small, and fusion lets features through."""
        bank = set(self.bank.synthesis.modules())
        for name, layer in self.named_modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer not in bank:
                kaiming_init(layer, SLOPE, SMALL_CHANGE if name.endswith(CHANGES) else 1)
        for informing in (self.head.fusion.spectral, self.head.fusion.visible):
            nn.init.ones_(informing.scale.bias)  # type: ignore[arg-type]
        self.finish.begin_open()

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
        for name, given, bands in (("LR", lr, self.channels), ("spectra", hsi, self.hsi_bands)):
            wanted = (bands, self.side, self.side)
            if tuple(given.shape[1:]) != wanted:
                shown, expected = (" x ".join(map(str, shape)) for shape in (given.shape[1:], wanted))
                raise OperatorError(f"SpecGAN: {name} of {shown}, it takes {expected} (bands, height, width)")


class Halving(nn.Module):
    """(B, C, H, W) -> (B, D, H/2, W/2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.halve = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.refine = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.refine(F.leaky_relu(self.halve(x), SLOPE)), SLOPE)


class ToCodes(nn.Module):
    """(B, C, 4, 4) -> the bank's codes (B, L, S)."""

    def __init__(self, channels: int, codes: int, code: int) -> None:
        super().__init__()
        self.codes, self.code = codes, code
        self.look = nn.Conv2d(channels, channels, 3, padding=1)
        self.say = nn.Linear(channels * SMALLEST**2, codes * code)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.say(F.leaky_relu(self.look(x), SLOPE).flatten(1))
        return said.reshape(-1, self.codes, self.code)


class GuidedBank(nn.Module):
    """Codes (B, L, S) and guiding maps of sides 4 to n -> the features of each side above n, and the last image."""

    def __init__(self, synthesis: Synthesis, guides: dict[int, int], channels: int) -> None:
        super().__init__()
        self.synthesis = synthesis
        self.join_features = nn.ModuleList(nn.Conv2d(2 * width, width, 3, padding=1) for width in guides.values())
        self.join_images = nn.ModuleList(
            nn.Conv2d(channels + width, channels, 3, padding=1) for width in guides.values()
        )

    def forward(self, codes: Tensor, guides: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        features, image = self.synthesis.start(codes)
        kept = []
        for level in range(len(self.synthesis.levels)):
            if level < len(guides):
                guide = guides[level]
                features = self.join_features[level](torch.cat((features, guide), dim=1))
                image = self.join_images[level](torch.cat((image, guide), dim=1))
            features, image = self.synthesis.enlarge(level, features, image, codes)
            if level + 1 >= len(guides):
                kept.append(features)
        return kept, image


class Doubling(nn.Module):
    """(B, C, H, W) -> (B, D, 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.enlarged = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.refine = nn.Conv2d(outputs, outputs, 3, padding=1)
        nn.init.normal_(self.enlarged.weight, std=math.sqrt(2 / (9 * outputs)))
        nn.init.zeros_(self.enlarged.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.enter(x), SLOPE)
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.leaky_relu(self.refine(F.leaky_relu(self.enlarged(x), SLOPE)), SLOPE)


class Finish(nn.Module):
    """The decoder's and the bank's features side by side (B, C, H, W), and the bank's image -> (B, D, H, W)."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(inputs, LAST, 3, padding=1)
        self.decode = nn.Conv2d(LAST, channels, 3, padding=1)
        self.join = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.leave = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        # Leaky behind the narrow images too, as published.
        decoded = F.leaky_relu(self.decode(F.leaky_relu(self.narrow(x), SLOPE)), SLOPE)
        joined: Tensor = self.leave(F.leaky_relu(self.join(torch.cat((decoded, image), dim=1)), SLOPE))
        return joined.tanh()

    def begin_open(self) -> None:
        """Lets the decoder's image through from the start, small and unbent: around 1, which is taken off again."""
        for layer in (self.join, self.leave):
            nn.init.dirac_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.decode.weight.mul_(FAINT)
            self.decode.bias.fill_(1.0)  # type: ignore[union-attr]
            self.leave.bias.fill_(-1.0)  # type: ignore[union-attr]
