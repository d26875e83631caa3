"""RRSNet, the generator of RRSGAN (TGRS 2021): deformable alignment of the reference, texture transfer."""

from __future__ import annotations

import functools

import torch.nn.functional as F
from torch import Tensor

from refsr.networks.blocks.dcn import DCNv2
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.reference_transfer import ReferenceTransfer, checked_widths
from refsr.networks.descriptor import Descriptor


class RRSNet(ReferenceTransfer):
    """LR (B, C, h, w), LR_UX, Ref and Ref_DUX (B, C, s*h, s*w) -> (B, C, s*h, s*w), any h and w.

    Published for s = 4, three channels, nf = 64 and 16 blocks. Any power of two is a scale. `nf` channels of the image
    and `nf_grad` (default: a quarter of nf) of its gradients are aligned together.
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
        aligned = checked_widths("RRSNet", scale, channels, nf, n_blocks, nf_grad, deformable_groups)
        deformable = functools.partial(_deformable, groups=deformable_groups)
        super().__init__(scale, channels, nf, n_blocks, aligned, deformable)

    def forward(self, lr: Tensor, lr_up: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        base = F.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return self.residual(lr, lr_up, ref, ref_down) + base

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            scale=self.scale,
            channels=self.channels,
            inputs=("lr", "lr_up", "ref", "ref_down"),
            multiple=1,
            halo=self._halo(),
            channels_last=True,
        )

    def _halo(self) -> int:
        """In LR pixels, around the one that an output pixel lies in."""
        result = ReceptiveField(0, self.scale - 1)
        low, large = self.receptive_field(result)
        return max(low.joined(result.bilinear(self.scale)).halo(), large.halo(self.scale))


def _deformable(channels: int, groups: int) -> DCNv2:
    return DCNv2(channels, channels, deformable_groups=groups)
