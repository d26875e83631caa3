"""RefDiff, the denoiser of Ref-Diff: an image under noise, cleaned with the help of LR, Ref and a change mask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import OperatorError, UsageError
from refsr.networks.blocks.common import GLOBAL_SKIPS, GlobalSkip, require_known
from refsr.networks.blocks.conditioned_unet import ConditionedUNet, DecoderType, EncoderType, Prepared, UNetShape
from refsr.networks.blocks.denoising_blocks import Conditions
from refsr.networks.blocks.modulation import nearest
from refsr.networks.blocks.noise_embedding import Waves
from refsr.networks.descriptor import Descriptor

Enlarge = Literal["bilinear", "truncated", "nearest"]
ENLARGE = ("bilinear", "truncated", "nearest")


class Coefficients:
    """How what the network sees and gives depends on the noise level; of the level's shape."""

    def __init__(self, sigma: Tensor, sigma_data: float) -> None:
        total = sigma.square() + sigma_data**2
        self.skip = sigma_data**2 / total
        self.out = sigma * sigma_data / total.sqrt()
        self.into = 1 / total.sqrt()
        self.label = sigma.log() / 4


class RefDiff(nn.Module):
    """Noisy (B, C, s*h, s*w), its noise level (B,), LR (B, C, h, w), Ref and mask (B, K, s*h, s*w) -> the clean image.

    Images lie in [-1, 1], masks in [0, 1]. `prepare` makes what depends on the conditions alone, `denoise` takes it at
    every noise level. Keywords are the published ones but three. `enlarge` is how LR comes to the size of HR:
    `truncated`, bilinear with fractions of grey levels cut off, is published training, `nearest` published inference.
    `transform_channels` is the width inside the transforms, published as 128 whatever `model_channels`. With
    `global_skip: enlarged` the network learns the residual to the enlarged LR, not its colours (none,
    as published, learns the image); `sigma_data` is then the deviation of HR from it.
    """

    def __init__(
        self,
        scale: int = 8,
        channels: int = 3,
        mask_channels: int = 1,
        model_channels: int = 128,
        channel_mult: Sequence[int] = (2, 2, 2),
        channel_mult_emb: int = 4,
        num_blocks: int = 4,
        attn_resolutions: Sequence[int] = (16,),
        img_resolution: int = 256,
        dropout: float = 0.2,
        embedding_type: Waves = "positional",
        channel_mult_noise: int = 1,
        encoder_type: EncoderType = "standard",
        decoder_type: DecoderType = "standard",
        resample_filter: Sequence[int] = (1, 1),
        sigma_data: float = 0.5,
        enlarge: Enlarge = "bilinear",
        transform_channels: int = 128,
        global_skip: GlobalSkip = "none",
    ) -> None:
        super().__init__()
        require_known("RefDiff", ENLARGE, enlarge=enlarge)
        require_known("RefDiff", GLOBAL_SKIPS, global_skip=global_skip)
        if min(scale, channels, mask_channels) < 1 or sigma_data <= 0:
            raise UsageError("RefDiff: scale, channels, mask_channels and sigma_data must be above zero")
        self.scale, self.channels, self.sigma_data, self.enlarge = scale, channels, sigma_data, enlarge
        self.global_skip = global_skip
        self.unet = ConditionedUNet(
            UNetShape(
                channels,
                mask_channels,
                model_channels,
                tuple(channel_mult),
                channel_mult_emb,
                num_blocks,
                tuple(attn_resolutions),
                img_resolution,
                dropout,
                embedding_type,
                channel_mult_noise,
                encoder_type,
                decoder_type,
                tuple(resample_filter),
                transform_channels,
            )
        )

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in; inputs of any other type are brought to it."""
        return self.unet.enter.weight.dtype

    def prepare(self, lr: Tensor, ref: Tensor, mask: Tensor, convolved: bool = True) -> Prepared:
        """What depends on the conditions alone; without `convolved` it takes less memory and a little more time."""
        return self.unet.prepare(self.conditions(lr, ref, mask), convolved)

    def conditions(self, lr: Tensor, ref: Tensor, mask: Tensor) -> Conditions:
        """All at the size of HR."""
        height, width = ref.shape[-2:]
        multiple = self.unet.shape.multiple
        if height % multiple or width % multiple:
            raise OperatorError(f"RefDiff: sides {height} and {width} must be multiples of {multiple}")
        lr, ref, mask = (one.to(self.dtype) for one in (lr, ref, mask))
        return Conditions(enlarged(lr, height, width, self.enlarge), ref, mask)

    def denoise(self, noisy: Tensor, sigma: Tensor | float, prepared: Prepared) -> Tensor:
        """The clean image that is expected under noise of this level: one for all, or one a sample."""
        noisy = noisy.to(self.dtype)
        level = torch.as_tensor(sigma, dtype=self.dtype, device=noisy.device).reshape(-1).expand(len(noisy))
        of = Coefficients(level[:, None, None, None], self.sigma_data)
        if self.global_skip == "enlarged":
            noisy = noisy - prepared.conditions.lr_up
        found = self.unet(of.into * noisy, of.label.flatten(), prepared)
        clean: Tensor = of.skip * noisy + of.out * found.to(self.dtype)
        return clean + prepared.conditions.lr_up if self.global_skip == "enlarged" else clean

    def forward(self, noisy: Tensor, sigma: Tensor, lr: Tensor, ref: Tensor, mask: Tensor) -> Tensor:
        return self.denoise(noisy, sigma, self.prepare(lr, ref, mask, convolved=False))

    @property
    def descriptor(self) -> Descriptor:
        multiple = self.unet.shape.multiple
        return Descriptor(
            scale=self.scale,
            channels=self.channels,
            inputs=("lr", "ref", "mask"),
            multiple=multiple // math.gcd(multiple, self.scale),
            # Normalisation and attention look at the whole image.
            halo=None,
            stochastic=True,
        )


def enlarged(lr: Tensor, height: int, width: int, how: Enlarge) -> Tensor:
    """(B, C, h, w) in [-1, 1] -> (B, C, height, width)."""
    if lr.shape[-2:] == (height, width):
        return lr
    if how == "nearest":
        return nearest(lr, height, width)
    wide = F.interpolate(lr, size=(height, width), mode="bilinear", align_corners=False)
    # The fraction is cut off a grey level that may have been a whole number but for rounding.
    return ((wide + 1) * 127.5 + 1e-3).floor() / 127.5 - 1 if how == "truncated" else wide
