"""What RRSNet and RGTNet have in common: references aligned by deformable layers, and their texture transferred."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.alignment import Deformable, PyramidAlignment
from refsr.networks.blocks.common import require_least
from refsr.networks.blocks.content import ContentExtractor
from refsr.networks.blocks.drr import DenseRestore
from refsr.networks.blocks.encoder import Encoder
from refsr.networks.blocks.gtem import GradientEnhancement
from refsr.networks.blocks.texture import TextureTransfer
from refsr.networks.blocks.window import Window
from refsr.ops import gradient_magnitude


class ReferenceTransfer(nn.Module):
    """LR (B, C, h, w), LR_UX, Ref and Ref_DUX (B, C, s*h, s*w) -> by `residual`, what a base image lacks.

    A scale s = 2^n has n + 1 levels in the encoders, in the alignment and in the texture transfer, from full size down
    to that of LR, and n pixel shuffles between them. `aligned` features, the last of them of gradients, are moved
    together. Some networks enhance gradients first, refine merged textures, or find moves by a dense branch.
    """

    def __init__(
        self,
        scale: int,
        channels: int,
        nf: int,
        n_blocks: int,
        aligned: int,
        deformable: Deformable,
        enhance: GradientEnhancement | None = None,
        refine: DenseRestore | None = None,
        dense: bool = False,
    ) -> None:
        super().__init__()
        levels = scale.bit_length()
        self.scale, self.channels = scale, channels
        self.encoder = Encoder(channels, nf, levels)
        self.enhance = enhance
        self.gradient_encoder = Encoder(channels, aligned - nf, levels)
        self.alignment = PyramidAlignment(aligned, nf, levels, deformable, dense)
        self.content = ContentExtractor(channels, nf, n_blocks)
        self.texture = TextureTransfer(nf, channels, n_blocks, levels, refine)

    def residual(self, lr: Tensor, lr_up: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        """What the texture transfer adds (B, C, s*h, s*w)."""
        # These weights are the same for all three images: one pass instead of three.
        images = torch.cat((lr_up, ref_down, ref))
        gradients = gradient_magnitude(images)
        if self.enhance is not None:
            gradients = self.enhance(gradients)
        levels = zip(self.encoder(images), self.gradient_encoder(gradients), strict=True)
        features = [torch.cat(pair, dim=1).chunk(3) for pair in levels]
        lr_up_features, ref_down_features, ref_features = (list(kind) for kind in zip(*features, strict=True))
        maps = self.alignment(ref_features, ref_down_features, lr_up_features)
        residual: Tensor = self.texture(self.content(lr), maps)
        return residual

    def sees(self, result: Window) -> tuple[Window, Window]:
        """The windows of LR and of the large images under one of the residual."""
        content, maps = self.texture.sees(result)
        images = self.encoder.sees(self.alignment.sees(maps))
        if self.enhance is not None:
            images = self.enhance.sees(images)
        # Gradients, three pixels wide, stand between the large images and what encodes them.
        return self.content.sees(content), images.conv()


def checked_widths(
    name: str, scale: int, channels: int, nf: int, n_blocks: int, nf_grad: int | None, deformable_groups: int
) -> int:
    """The number of channels that are aligned, all options of the network `name` being right."""
    if scale < 2 or scale & (scale - 1):
        below = 1 << max(1, scale.bit_length() - 1)
        raise UsageError(f"{name}: scale {scale} is no power of two from 2 on; {below} or {2 * below} would be")
    require_least(name, 1, channels=channels, nf=nf, deformable_groups=deformable_groups)
    require_least(name, 0, n_blocks=n_blocks)
    gradient = max(1, nf // 4) if nf_grad is None else nf_grad
    require_least(name, 1, nf_grad=gradient)
    aligned = nf + gradient
    if aligned % deformable_groups:
        fitting = max(groups for groups in range(1, deformable_groups) if aligned % groups == 0)
        raise UsageError(
            f"{name}: deformable_groups {deformable_groups} does not divide nf + nf_grad = {nf} + {gradient} = "
            f"{aligned}; {fitting} does"
        )
    return aligned
