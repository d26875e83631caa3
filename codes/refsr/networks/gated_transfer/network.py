"""GatedTransfer: what a single-image network makes of LR, and on it the detail of a registered reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.networks.blocks.common import require_least
from refsr.networks.blocks.jpeg_condition import CONTEXT
from refsr.networks.blocks.receptive_field import ReceptiveField
from refsr.networks.blocks.self_ensemble import PASSES, self_ensemble
from refsr.networks.descriptor import Descriptor, descriptor_of
from refsr.networks.gated_transfer.transfer import FULL, LEAST, Transfer
from refsr.networks.part import PartSpec, build_part

BASE: Mapping[str, Any] = {"which_model_G": "EDSR", "nf": 32, "n_blocks": 8, "span": 1.0}

NO_FRONT = Descriptor(scale=1, channels=0, inputs=("lr",), halo=0)


class Transferred(NamedTuple):
    """What a gated transfer gives, each on HR's grid."""

    image: Tensor
    """(B, C, s*h, s*w): base + gate * detail."""
    base: Tensor
    """(B, C, s*h, s*w), by the single-image network alone."""
    gate: Tensor
    """(B, 1, s*h, s*w), 0 to 1: how much detail the reference adds; 0 where it has none to add."""


class GatedTransfer(nn.Module):
    """LR (B, C, h, w), Ref and its weight map (B, C and 1, s*h, s*w) -> (B, C, s*h, s*w).

    `base` is a single-image network: `which_model_G` and its keywords, without scale and channels. `front`, given in
    the same way, is a network at LR's own size that cleans LR before, such as CompactNet. `nf` and `n_blocks` are
    of the transfer, whose layers work on HR's grid reduced by `shuffle` (0: by 4, at odd scales by the scale). Where
    the weight is 0 the result is the base's in [0, 1], to the bit. The gate is fully open from `full_agreement` of Ref
    with the base on; a trained network is more careful with a larger one, above 1 as well. With `jpeg_aware`, the
    transfer looks for traces of JPEG in LR: the worse LR is, the more a reference is worth. The front's result is
    the mean over so many mirror images of LR as `front_ensemble` says.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        base: PartSpec = BASE,
        front: PartSpec | None = None,
        nf: int = 64,
        n_blocks: int = 2,
        shuffle: int = 0,
        full_agreement: float = FULL,
        jpeg_aware: bool = False,
        front_ensemble: int = 1,
    ) -> None:
        require_least("GatedTransfer", 1, scale=scale, channels=channels, nf=nf)
        require_least("GatedTransfer", 0, n_blocks=n_blocks, shuffle=shuffle)
        if full_agreement <= LEAST:
            raise UsageError(f"GatedTransfer: full_agreement is {full_agreement}; expected more than {LEAST}")
        if front_ensemble not in PASSES:
            known = ", ".join(map(str, PASSES))
            raise UsageError(f"GatedTransfer: front_ensemble is {front_ensemble}; expected one of {known}")
        super().__init__()
        self.scale, self.channels, self.front_ensemble = scale, channels, front_ensemble
        self.shuffle = shuffle or (scale if scale % 2 else 4)
        self.front = None if front is None else _single_image("front", front, 1, channels)
        self.base = _single_image("base", base, scale, channels)
        self.transfer = Transfer(scale, channels, nf, n_blocks, self.shuffle, full_agreement, jpeg_aware)

    def forward(self, lr: Tensor, ref: Tensor, ref_weight: Tensor, *, base: Tensor | None = None) -> Tensor:
        return self.with_gate(lr, ref, ref_weight, base=base).image

    def with_gate(self, lr: Tensor, ref: Tensor, ref_weight: Tensor, *, base: Tensor | None = None) -> Transferred:
        """The result and what it is made of; `base` is what `single_image` gives, where it is known."""
        image = self.single_image(lr) if base is None else base
        detail, gate = self.transfer(image, lr, ref, ref_weight)
        return Transferred(image + gate * detail, image, gate)

    def single_image(self, lr: Tensor) -> Tensor:
        """LR (B, C, h, w) -> (B, C, s*h, s*w) in [0, 1], as images are kept, without a reference."""
        clean = lr if self.front is None else self_ensemble(self.front, lr, self.front_ensemble)
        image: Tensor = self.base(clean)
        return image.clamp(0, 1)

    def train(self, mode: bool = True) -> GatedTransfer:
        """Training mode, but for parts that are frozen: their batch norms keep the statistics that they learnt."""
        super().train(mode)
        for part in (self.front, self.base):
            if part is not None and not any(parameter.requires_grad for parameter in part.parameters()):
                part.eval()
        return self

    @property
    def descriptor(self) -> Descriptor:
        base = descriptor_of(self.base)
        front = NO_FRONT if self.front is None else descriptor_of(self.front)
        halos = (None if self.transfer.condition is not None else self._halo(), base.halo, front.halo)
        contexts = [one.context for one in (base, front) if one.context is not None]
        if self.transfer.condition is not None:
            contexts.append(CONTEXT)
        return Descriptor(
            scale=self.scale,
            channels=self.channels,
            inputs=("lr", "ref", "ref_weight"),
            optional=("base",),
            multiple=math.lcm(base.multiple, front.multiple, self.shuffle // math.gcd(self.shuffle, self.scale)),
            halo=None if None in halos else sum(one for one in halos if one is not None),
            context=max(contexts, default=None),
            tile_grid=base.tile_grid,
            safe_dtypes=base.safe_dtypes,
        )

    def _halo(self) -> int:
        """Of the transfer, in LR pixels, of the output pixel that sees farthest."""
        reaches = []
        for pixel in range(math.lcm(self.scale, self.shuffle)):
            field = self.transfer.receptive_field(ReceptiveField(pixel, pixel))
            reaches.append(field.shifted(-(pixel // self.scale)).halo())
        return max(reaches)


def _single_image(part: str, section: PartSpec, scale: int, channels: int) -> nn.Module:
    """A part that takes LR alone."""
    network = build_part(f"GatedTransfer: {part}", section, scale=scale, channels=channels)
    found = descriptor_of(network)
    if found.inputs != ("lr",) or found.stochastic or found.side is not None or found.scale != scale:
        takes, example = ", ".join(found.inputs), "EDSR or DAT" if scale > 1 else "CompactNet"
        raise UsageError(
            f"GatedTransfer: {part} is {section['which_model_G']}, which takes {takes}; expected a network that takes "
            f"LR alone, such as {example}"
        )
    return network
