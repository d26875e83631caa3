"""RGTNet, the generator of RGTGAN: RRSNet with enhanced gradients, DCNv3, and dense blocks that refine textures."""

from __future__ import annotations

import functools
from typing import Literal

from torch import Tensor

from refsr.networks.blocks.common import require_known, require_least
from refsr.networks.blocks.dcnv3 import AligningDCNv3
from refsr.networks.blocks.drr import DenseRestore
from refsr.networks.blocks.gtem import SHRINKS, Enlarge, GradientEnhancement
from refsr.networks.blocks.transfer import ReferenceTransfer, checked_widths
from refsr.networks.blocks.window import Window
from refsr.networks.descriptor import Descriptor

Offsets = Literal["released", "dense"]
OFFSETS = ("released", "dense")


class RGTNet(ReferenceTransfer):
    """LR (B, C, h, w), LR_UX, Ref and Ref_DUX (B, C, s*h, s*w) -> (B, C, s*h, s*w), s*h and s*w multiples of four.

    Published for s = 4, three bands, nf = 64, 16 blocks, and 16 in GTEM whatever the others are. Where the released
    code and what it means differ, both can be had; published weights need the first. `offsets`: the released code
    computes DIDConv's dense branch and leaves its result; `dense` moves samples by it. `enlarge`: GTEM's released
    enlargement scrambles pixels in space; `pixel_shuffle` does not.
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
        enlarge: Enlarge = "released",
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
            enhance=GradientEnhancement(channels, nf, gtem_blocks, enlarge),
            refine=DenseRestore(nf),
            dense=offsets == "dense",
        )
        self.enlarge = enlarge

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
        """GTEM halves the large images twice."""
        return max(1, SHRINKS // self.scale)

    def _halo(self) -> int | None:
        """In low-resolution pixels; none if released, where a pixel comes from anywhere in its row."""
        if self.enlarge == "released":
            return None
        halos = []
        for pixel in range(self._multiple()):
            # Low-resolution pixels that lie differently in GTEM's coarsest ones see differently far.
            first = pixel * self.scale
            low, large = self.sees(Window(first, first + self.scale - 1))
            halos += [low.shifted(-pixel).halo(), large.shifted(-first).halo(self.scale)]
        return max(halos)
