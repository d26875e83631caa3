"""RGTNet, the generator of RGTGAN (TGRS 2024): RRSNet with GTEM, DCNv3 (DIDConv) and DRR."""

from __future__ import annotations

import functools
from typing import Literal

from torch import Tensor

from refsr.networks.blocks.common import require_known, require_least
from refsr.networks.blocks.dcn import AligningDCNv3
from refsr.networks.blocks.drr import DenseRestoreResidual
from refsr.networks.blocks.gtem import MULTIPLE, GradientEnhancement, GTEMUpsample
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.reference_transfer import ReferenceTransfer, checked_widths
from refsr.networks.descriptor import Descriptor

Offsets = Literal["released", "dense"]
OFFSETS = ("released", "dense")


class RGTNet(ReferenceTransfer):
    """LR (B, C, h, w), LR_UX, Ref and Ref_DUX (B, C, s*h, s*w) -> (B, C, s*h, s*w), s*h and s*w multiples of four.

    Published for s = 4, three channels, nf = 64, n_blocks = 16 and, whatever those are, gtem_blocks = 16. Two options
    choose between the released code, which published weights need, and what was meant. `offsets`: the released code
    computes DIDConv's dense branch and ignores its result; `dense` takes offsets from it. `gtem_upsample`: GTEM's
    released upsampling scrambles pixels in space; `pixel_shuffle` does not.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        nf: int = 64,
        n_blocks: int = 16,
        nf_grad: int | None = None,
        deformable_groups: int = 8,
        gtem_blocks: int = 16,
        offsets: Offsets = "released",
        gtem_upsample: GTEMUpsample = "released",
    ) -> None:
        aligned = checked_widths("RGTNet", scale, channels, nf, n_blocks, nf_grad, deformable_groups)
        require_least("RGTNet", 0, gtem_blocks=gtem_blocks)
        require_known("RGTNet", OFFSETS, offsets=offsets)
        super().__init__(
            scale,
            channels,
            nf,
            n_blocks,
            aligned,
            functools.partial(AligningDCNv3, group=deformable_groups),
            enhance=GradientEnhancement(channels, nf, gtem_blocks, gtem_upsample),
            refine=DenseRestoreResidual(nf),
            dense=offsets == "dense",
        )
        self.gtem_upsample = gtem_upsample

    def forward(self, lr: Tensor, lr_up: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        return self.residual(lr, lr_up, ref, ref_down) + lr_up

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            scale=self.scale,
            channels=self.channels,
            inputs=("lr", "lr_up", "ref", "ref_down"),
            multiple=self._multiple(),
            halo=self._halo(),
        )

    def _multiple(self) -> int:
        """GTEM downsamples the large images twice by two."""
        return max(1, MULTIPLE // self.scale)

    def _halo(self) -> int | None:
        """In LR pixels; None if released, where a pixel depends on its whole row."""
        if self.gtem_upsample == "released":
            return None
        halos = []
        for pixel in range(self._multiple()):
            # The receptive field depends on where an LR pixel lies within GTEM's coarsest pixels.
            first = pixel * self.scale
            low, large = self.receptive_field(ReceptiveField(first, first + self.scale - 1))
            halos += [low.shifted(-pixel).halo(), large.shifted(-first).halo(self.scale)]
        return max(halos)
