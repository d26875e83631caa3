"""Reference transfer of RRSGAN and RGTGAN: encoders, deformable alignment, texture transfer weighted by relevance."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.alignment import Deformable, PyramidAlignment
from refsr.networks.blocks.common import require_least
from refsr.networks.blocks.drr import DenseRestoreResidual
from refsr.networks.blocks.encoders import ContentExtractor, Encoder
from refsr.networks.blocks.gtem import GradientEnhancement
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.residual import ResidualChain
from refsr.ops import gradient_magnitude


class RelevanceAttention(nn.Module):
    """RAM: features (B, C, H, W) and conditions (B, D, H, W) -> features * scale + shift (B, C, H, W).

    The scale, a sigmoid, and the shift each come from two convolutions over the concatenated inputs.
    """

    def __init__(self, channels: int, conditions: int, hidden: int = 32) -> None:
        super().__init__()
        self.scale_hidden = nn.Conv2d(channels + conditions, hidden, 3, padding=1)
        self.scale = nn.Conv2d(hidden, channels, 3, padding=1)
        self.shift_hidden = nn.Conv2d(channels + conditions, hidden, 3, padding=1)
        self.shift = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, features: Tensor, conditions: Tensor) -> Tensor:
        both = torch.cat((features, conditions), dim=1)
        scale: Tensor = self.scale(F.leaky_relu(self.scale_hidden(both), 0.1, inplace=True))
        shift: Tensor = self.shift(F.leaky_relu(self.shift_hidden(both), 0.1, inplace=True))
        return features * scale.sigmoid() + shift

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The pixels of both inputs that these output pixels depend on."""
        return output.conv(times=2)


class TextureStage(nn.Module):
    """Texture transfer at one size: a feature and an aligned map (B, C, H, W) -> (B, C, H, W); RAM, merge, body."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.relevance = RelevanceAttention(channels, channels, max(1, channels // 2))
        self.merge = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.body = ResidualChain(channels, blocks)

    def forward(self, x: Tensor, aligned: Tensor, refine: nn.Module | None = None) -> Tensor:
        relevant = self.relevance(aligned, x)
        texture = F.leaky_relu(self.merge(torch.cat((x, relevant), dim=1)), 0.1, inplace=True)
        if refine is not None:
            texture = refine(texture)
        result: Tensor = self.body(texture) + x
        return result


class TextureTransfer(nn.Module):
    """Content (B, C, h, w) and maps (B, C, H/2^l, W/2^l), the full size first -> a residual image (B, out, H, W).

    From the coarsest map to the finest, one stage each, with a pixel shuffle by two between them. `refine`, the DRR of
    RGTGAN, is one module for all stages and refines each stage's merged feature.
    """

    def __init__(
        self, channels: int, out_channels: int, blocks: int, levels: int, refine: DenseRestoreResidual | None = None
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(TextureStage(channels, blocks) for _ in range(levels))
        self.enlargements = nn.ModuleList(nn.Conv2d(channels, 4 * channels, 3, padding=1) for _ in range(levels - 1))
        hidden = max(1, channels // 2)
        self.finish = nn.Conv2d(channels, hidden, 3, padding=1)
        self.to_image = nn.Conv2d(hidden, out_channels, 3, padding=1)
        self.refine = refine

    def forward(self, content: Tensor, maps: Sequence[Tensor]) -> Tensor:
        x = content
        for level, stage in enumerate(self.stages):
            if level:
                x = F.leaky_relu(F.pixel_shuffle(self.enlargements[level - 1](x), 2), 0.1, inplace=True)
            x = stage(x, maps[-1 - level], self.refine)
        result: Tensor = self.to_image(F.leaky_relu(self.finish(x), 0.1, inplace=True))
        return result

    def receptive_field(self, output: ReceptiveField) -> tuple[ReceptiveField, list[ReceptiveField]]:
        """The pixels of the content and of each map that these pixels of the residual depend on."""
        window = output.conv(times=2)
        maps: list[ReceptiveField] = []
        for level, stage in reversed(list(enumerate(self.stages))):
            assert isinstance(stage, TextureStage)
            merged = stage.body.receptive_field(window)
            if self.refine is not None:
                merged = self.refine.receptive_field(merged)
            window = stage.relevance.receptive_field(merged.conv())
            maps.append(window)
            if level:
                window = window.pixel_shuffle().conv()
        return window, maps


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
