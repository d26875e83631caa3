"""RRSNet, the generator of RRSGAN: a reference aligned by deformable convolutions, and its texture transferred."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.alignment import PyramidAlignment
from refsr.networks.blocks.content import ContentExtractor
from refsr.networks.blocks.dcnv2 import DCNv2
from refsr.networks.blocks.encoder import Encoder
from refsr.networks.blocks.texture import TextureTransfer
from refsr.networks.blocks.window import Window
from refsr.networks.descriptor import Descriptor
from refsr.ops import gradient_magnitude


class RRSNet(nn.Module):
    """LR (B, C, h, w), LR_UX, Ref and Ref_DUX (B, C, s*h, s*w) -> (B, C, s*h, s*w), any h and w.

    Published for s = 4, three bands, nf = 64 and 16 blocks. A scale s = 2^n has n + 1 levels in the encoders, in the
    alignment and in the texture transfer, from full size down to that of LR, and n pixel shuffles between them.
    `nf` features of the image and `nf_grad` (default: a quarter of nf) of its gradients are aligned together.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        nf: int = 64,
        n_blocks: int = 16,
        nf_grad: int | None = None,
        deformable_groups: int = 8,
    ) -> None:
        super().__init__()
        aligned = _checked(scale, channels, nf, n_blocks, nf_grad, deformable_groups)
        levels = scale.bit_length()
        self.scale, self.channels = scale, channels
        self.encoder = Encoder(channels, nf, levels)
        self.gradient_encoder = Encoder(channels, aligned - nf, levels)
        deformable = functools.partial(_deformable, groups=deformable_groups)
        self.alignment = PyramidAlignment(aligned, nf, levels, deformable)
        self.content = ContentExtractor(channels, nf, n_blocks)
        self.texture = TextureTransfer(nf, channels, n_blocks, levels)

    def forward(self, lr: Tensor, lr_up: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        # The encoders' weights are the same for all three images: one pass instead of three.
        images = torch.cat((lr_up, ref_down, ref))
        gradients = gradient_magnitude(images)
        levels = zip(self.encoder(images), self.gradient_encoder(gradients), strict=True)
        features = [torch.cat(pair, dim=1).chunk(3) for pair in levels]
        lr_up_features, ref_down_features, ref_features = (list(kind) for kind in zip(*features, strict=True))
        maps = self.alignment(ref_features, ref_down_features, lr_up_features)
        residual: Tensor = self.texture(self.content(lr), maps)
        base = F.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return residual + base

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            scale=self.scale,
            channels=self.channels,
            inputs=("lr", "lr_up", "ref", "ref_down"),
            multiple=1,
            halo=self._halo(),
        )

    def _halo(self) -> int:
        """In low-resolution pixels, around the one that an output pixel lies in."""
        result = Window(0, self.scale - 1)
        content, maps = self.texture.sees(result)
        images = self.encoder.sees(self.alignment.sees(maps))
        low = self.content.sees(content).joined(result.bilinear(self.scale))
        # Gradients, three pixels wide, stand between the large images and their encoder.
        return max(low.halo(), images.conv().halo(self.scale))


def _deformable(channels: int, groups: int) -> DCNv2:
    return DCNv2(channels, channels, deformable_groups=groups)


def _checked(scale: int, channels: int, nf: int, n_blocks: int, nf_grad: int | None, deformable_groups: int) -> int:
    """The number of channels that are aligned, all options being right."""
    if scale < 2 or scale & (scale - 1):
        below = 1 << max(1, scale.bit_length() - 1)
        raise UsageError(f"RRSNet: scale {scale} is no power of two from 2 on; {below} or {2 * below} would be")
    for name, value in {"channels": channels, "nf": nf, "deformable_groups": deformable_groups}.items():
        if value < 1:
            raise UsageError(f"RRSNet: {name} is {value}, expected 1 or more")
    if n_blocks < 0:
        raise UsageError(f"RRSNet: n_blocks is {n_blocks}, expected 0 or more")
    gradient = max(1, nf // 4) if nf_grad is None else nf_grad
    if gradient < 1:
        raise UsageError(f"RRSNet: nf_grad is {gradient}, expected 1 or more")
    aligned = nf + gradient
    if aligned % deformable_groups:
        fitting = max(groups for groups in range(1, deformable_groups) if aligned % groups == 0)
        raise UsageError(
            f"RRSNet: deformable_groups {deformable_groups} does not divide nf + nf_grad = {nf} + {gradient} = "
            f"{aligned}; {fitting} does"
        )
    return aligned
