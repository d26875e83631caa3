"""Gated transfer: detail of a registered reference, and how much of it is added at each pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.blocks.jpeg_condition import JpegCondition, conditioned
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.residual import ResidualChain
from refsr.networks.gated_transfer.statistics import area_mean, detail_correlation, local_mean, local_statistics, window

KNOWN = 0.25
"""Weight from which on the reference is taken as it is; below, more and more of it is the image itself."""
LEAST, FULL = 0.1, 0.3
"""Agreement from which on detail is let through, and, in training, from which on nothing holds it back."""
BLUR = 3
"""Pixels along a box: the finest detail is what it takes away."""


class Transfer(nn.Module):
    """Image, reference (B, C, s*h, s*w), weight (B, 1, s*h, s*w), LR (B, C, h, w) -> detail and gate, each s*h x s*w.

    Images are seen relative to local means, and the reference in the image's local contrast, so that differences of
    brightness and contrast do not matter. Beside them are seen their correlation at LR's sharpness, that of the detail
    beyond LR's grid and that of the finest detail: the last two tell how far the reference can be believed in what LR
    does not show. With `jpeg_aware`, the features are modulated by the traces of JPEG in LR. The layers work on a grid
    coarser by `shuffle`, behind a pixel unshuffle. The gate (B, 1, s*h, s*w) is 0 to 1. It is 0 wherever the weight is
    0, and around where weight times correlation is small: it grows up to an agreement of `full_agreement`. What the
    reference holds where its weight is 0 does not matter.
    """

    def __init__(
        self,
        scale: int,
        channels: int,
        nf: int,
        n_blocks: int,
        shuffle: int,
        full_agreement: float = FULL,
        jpeg_aware: bool = False,
    ) -> None:
        super().__init__()
        self.scale, self.shuffle, self.full_agreement = scale, shuffle, full_agreement
        self.head = nn.Conv2d((4 * channels + 5) * shuffle**2, nf, 1)
        self.condition = JpegCondition(nf) if jpeg_aware else None
        self.body = ResidualChain(nf, n_blocks)
        self.detail = nn.Conv2d(nf, channels * shuffle**2, 3, padding=1)
        self.gate = nn.Conv2d(nf, shuffle**2, 3, padding=1)
        # So the first result is the image itself.
        for parameter in self.detail.parameters():
            nn.init.zeros_(parameter)

    def forward(self, image: Tensor, lr: Tensor, ref: Tensor, ref_weight: Tensor) -> tuple[Tensor, Tensor]:
        known = (ref_weight / KNOWN).clamp(max=1)
        ref = image + known * (ref - image)
        own, other, weight = (area_mean(one, self.scale) for one in (image, ref, ref_weight))
        found = local_statistics(own, other)
        coarse = torch.cat((lr.to(own.dtype), own, other, found.mean, found.reference_mean, found.gain), 1)
        large_lr, large_own, low, mean, reference_mean, gain = self._enlarged(coarse).chunk(6, 1)
        alike = gain * (ref - reference_mean)
        agreement = local_mean(weight * found.correlation)
        beyond = detail_correlation(image - large_own, gain * (ref - low), self.scale)
        finest = detail_correlation(image - _blurred(image), alike - _blurred(alike), self.scale)
        likeness = self._enlarged(torch.cat((agreement, found.correlation, beyond, finest), 1))
        seen = torch.cat((image - mean, large_lr - mean, alike, gain * (low - reference_mean), ref_weight, likeness), 1)
        feature = F.leaky_relu(self.head(F.pixel_unshuffle(seen, self.shuffle)), 0.1)
        feature = conditioned(self.body, feature, self.condition, lr)
        detail = F.pixel_shuffle(self.detail(feature), self.shuffle)
        gate = F.pixel_shuffle(self.gate(feature), self.shuffle).sigmoid()
        let_through = ((likeness[:, :1] - LEAST) / (self.full_agreement - LEAST)).clamp(0, 1)
        return detail, gate * known * let_through

    def _enlarged(self, coarse: Tensor) -> Tensor:
        """From LR's grid to the fine one."""
        return F.interpolate(coarse, scale_factor=self.scale, mode="bilinear", align_corners=False)

    def receptive_field(self, output: ReceptiveField) -> ReceptiveField:
        """The pixels on LR's grid that these pixels of detail and gate depend on."""
        layers = output.pixel_shuffle(self.shuffle).conv()
        layers = self.body.receptive_field(layers)
        seen = layers.pixel_unshuffle(self.shuffle)
        compared = window(seen.joined(output).bilinear(self.scale)).pixel_unshuffle(self.scale).conv(BLUR)
        statistics = window(compared.bilinear(self.scale))
        return statistics.joined(seen.pixel_shuffle(self.scale))


def _blurred(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, BLUR, 1, BLUR // 2, count_include_pad=False)
