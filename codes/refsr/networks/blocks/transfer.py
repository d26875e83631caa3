"""The common part of RRSNet and RGTNet: encoders, deformable alignment of the reference, texture transfer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.alignment import Deformable, PyramidAlignment
from refsr.networks.blocks.common import require_least
from refsr.networks.blocks.drr import DenseRestoreResidual
from refsr.networks.blocks.encoders import ContentExtractor, Encoder
from refsr.networks.blocks.gtem import GradientEnhancement
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.texture import TextureTransfer
from refsr.ops import gradient_magnitude


class ReferenceTransfer(nn.Module):
    """LR (B, C, h, w), LR_UX, Ref and Ref_DUX (B, C, s*h, s*w) -> by `residual`, what is added to a base image.

    A scale s = 2^n has n + 1 levels in the encoders, in the alignment and in the texture transfer, from full size down
    to that of LR, and n pixel shuffles between them. `aligned` channels are aligned together: nf of the image and the
    rest of its gradients. RGTNet enhances gradients first (GTEM), refines textures (DRR) and can use a dense branch.
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
        refine: DenseRestoreResidual | None = None,
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
        """The residual image of the texture transfer (B, C, s*h, s*w)."""
        # The encoder's weights are shared by all three images: one pass instead of three.
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

    def receptive_field(self, result: ReceptiveField) -> tuple[ReceptiveField, ReceptiveField]:
        """The pixels of LR and of the large images that these pixels of the residual depend on."""
        content, maps = self.texture.receptive_field(result)
        images = self.encoder.receptive_field(self.alignment.receptive_field(maps))
        if self.enhance is not None:
            images = self.enhance.receptive_field(images)
        # The gradient operator between the images and their encoder is three pixels wide.
        return self.content.receptive_field(content), images.conv()


def checked_widths(
    name: str, scale: int, channels: int, nf: int, n_blocks: int, nf_grad: int | None, deformable_groups: int
) -> int:
    """The number of channels that are aligned; a UsageError if an option of the network `name` is invalid."""
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
