"""RefDiff, the denoiser of Ref-Diff, with EDM's preconditioning: conditions are LR, Ref and a change mask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import OperatorError, UsageError
from refsr.networks.blocks.common import GLOBAL_SKIPS, GlobalSkip, require_known
from refsr.networks.descriptor import Descriptor
from refsr.networks.refdiff.blocks import Conditions
from refsr.networks.refdiff.layers import EmbeddingType, nearest
from refsr.networks.refdiff.unet import ConditionedUNet, DecoderType, EncoderType, PreparedConditions, UNetShape

LRUpsample = Literal["bilinear", "truncated", "nearest"]
LR_UPSAMPLES = ("bilinear", "truncated", "nearest")


class Preconditioning:
    """EDM's preconditioning (Karras et al. 2022): c_skip, c_out, c_in and c_noise of noise levels, in their shape."""

    def __init__(self, sigma: Tensor, sigma_data: float) -> None:
        total = sigma.square() + sigma_data**2
        self.c_skip = sigma_data**2 / total
        self.c_out = sigma * sigma_data / total.sqrt()
        self.c_in = 1 / total.sqrt()
        self.c_noise = sigma.log() / 4


class RefDiff(nn.Module):
    """Noisy (B, C, s*h, s*w), its noise level (B,), LR (B, C, h, w), Ref and mask (B, K, s*h, s*w) -> the clean image.

    Images lie in [-1, 1], masks in [0, 1]. `prepare` computes what depends on the conditions alone, `denoise` uses it
    at every noise level. All keywords but three are the published ones. `lr_upsample` brings LR to the size of HR:
    `truncated`, bilinear with fractions of grey levels cut off, is published training, `nearest` published inference.
    `transform_channels` is the SFTs' hidden width, published as 128 whatever `model_channels` is. With
    `global_skip: upsampled` the network learns the residual to the upsampled LR (none, as published: the image);
    `sigma_data` is then the standard deviation of that residual.
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
        embedding_type: EmbeddingType = "positional",
        channel_mult_noise: int = 1,
        encoder_type: EncoderType = "standard",
        decoder_type: DecoderType = "standard",
        resample_filter: Sequence[int] = (1, 1),
        sigma_data: float = 0.5,
        lr_upsample: LRUpsample = "bilinear",
        transform_channels: int = 128,
        global_skip: GlobalSkip = "none",
    ) -> None:
        super().__init__()
        require_known("RefDiff", LR_UPSAMPLES, lr_upsample=lr_upsample)
        require_known("RefDiff", GLOBAL_SKIPS, global_skip=global_skip)
        if min(scale, channels, mask_channels) < 1 or sigma_data <= 0:
            raise UsageError("RefDiff: scale, channels, mask_channels and sigma_data must be above zero")
        self.scale, self.channels, self.sigma_data, self.lr_upsample = scale, channels, sigma_data, lr_upsample
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
        """The type it computes in; inputs of other types are converted."""
        return self.unet.conv_in.weight.dtype

    def prepare(self, lr: Tensor, ref: Tensor, mask: Tensor, convolved: bool = True) -> PreparedConditions:
        """What depends on the conditions alone; without `convolved` less memory, a little more time."""
        return self.unet.prepare(self.conditions(lr, ref, mask), convolved)

    def conditions(self, lr: Tensor, ref: Tensor, mask: Tensor) -> Conditions:
        """LR, Ref and mask at the size of HR, as the U-Net takes them."""
        height, width = ref.shape[-2:]
        multiple = self.unet.shape.multiple
        if height % multiple or width % multiple:
            raise OperatorError(f"RefDiff: sides {height} and {width} must be multiples of {multiple}")
        lr, ref, mask = (one.to(self.dtype) for one in (lr, ref, mask))
        return Conditions(upsample_lr(lr, height, width, self.lr_upsample), ref, mask)

    def denoise(self, noisy: Tensor, sigma: Tensor | float, prepared: PreparedConditions) -> Tensor:
        """The denoised image (B, C, s*h, s*w); the noise level is one for all, or one a sample (B,)."""
        noisy = noisy.to(self.dtype)
        level = torch.as_tensor(sigma, dtype=self.dtype, device=noisy.device).reshape(-1).expand(len(noisy))
        precondition = Preconditioning(level[:, None, None, None], self.sigma_data)
        if self.global_skip == "upsampled":
            noisy = noisy - prepared.conditions.lr_up
        output = self.unet(precondition.c_in * noisy, precondition.c_noise.flatten(), prepared)
        clean: Tensor = precondition.c_skip * noisy + precondition.c_out * output.to(self.dtype)
        return clean + prepared.conditions.lr_up if self.global_skip == "upsampled" else clean

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
            # Group normalization and attention depend on the whole image.
            halo=None,
            stochastic=True,
        )


def upsample_lr(lr: Tensor, height: int, width: int, how: LRUpsample) -> Tensor:
    """(B, C, h, w) in [-1, 1] -> (B, C, height, width)."""
    if lr.shape[-2:] == (height, width):
        return lr
    if how == "nearest":
        return nearest(lr, height, width)
    wide = F.interpolate(lr, size=(height, width), mode="bilinear", align_corners=False)
    # 1e-3 keeps a grey level that is whole but for rounding.
    return ((wide + 1) * 127.5 + 1e-3).floor() / 127.5 - 1 if how == "truncated" else wide
