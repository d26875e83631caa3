"""Arguments of DCNv3: checks of shapes and types, positions of the kernel points."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from refsr.core.errors import OperatorError

TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


class Geometry(NamedTuple):
    """The numeric arguments of a call."""

    kernel: int
    stride: int
    padding: int
    dilation: int
    groups: int
    offset_scale: float
    remove_center: bool = False

    @property
    def points(self) -> int:
        """Kernel points a group."""
        return self.kernel * self.kernel - int(self.remove_center)

    @property
    def centre(self) -> int:
        """Distance of the kernel's centre from its first point, in pixels."""
        return self.dilation * (self.kernel - 1) // 2

    def output_side(self, side: int) -> int:
        return (side + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.stride + 1

    def taps(self) -> list[tuple[int, int]]:
        """Each kernel point as (x, y) pixels from the centre, in the operator's order: x slow, y fast."""
        middle = self.kernel // 2 if self.remove_center else -1
        return [
            (ix * self.dilation - self.centre, iy * self.dilation - self.centre)
            for ix in range(self.kernel)
            for iy in range(self.kernel)
            if not ix == iy == middle
        ]


def check(input: Tensor, offset: Tensor, mask: Tensor, geometry: Geometry) -> None:
    """Raises OperatorError that names the argument, its shape or type, and the rule."""
    _check_numbers(geometry)
    if input.dim() != 4 or 0 in input.shape[1:]:
        raise OperatorError(f"dcnv3: input has shape {tuple(input.shape)}, expected (B, H, W, C) with H, W, C > 0")
    B, H, W, C = input.shape
    if C % geometry.groups:
        raise OperatorError(
            f"dcnv3: input has shape {tuple(input.shape)}; its {C} channels are no multiple of {geometry.groups} groups"
        )
    Ho, Wo = geometry.output_side(H), geometry.output_side(W)
    if Ho < 1 or Wo < 1:
        raise OperatorError(
            f"dcnv3: input has shape {tuple(input.shape)}, too small for kernel {geometry.kernel}, dilation "
            f"{geometry.dilation}, padding {geometry.padding}"
        )
    for name, tensor, each, rule in (("offset", offset, 2, "groups*points*2"), ("mask", mask, 1, "groups*points")):
        expected = (B, Ho, Wo, geometry.groups * geometry.points * each)
        if tuple(tensor.shape) != expected:
            raise OperatorError(
                f"dcnv3: {name} has shape {tuple(tensor.shape)}, expected (B, Ho, Wo, {rule}) = {expected}"
            )
        if tensor.dtype != input.dtype or tensor.device != input.device:
            raise OperatorError(
                f"dcnv3: {name} is {tensor.dtype} on {tensor.device}, but input is {input.dtype} on {input.device}; "
                "they must agree"
            )
    if input.dtype not in TYPES:
        known = ", ".join(str(kind).removeprefix("torch.") for kind in TYPES)
        raise OperatorError(f"dcnv3: input has type {input.dtype}, expected one of {known}")


def _check_numbers(geometry: Geometry) -> None:
    for name in ("kernel", "stride", "dilation", "groups"):
        if getattr(geometry, name) < 1:
            raise OperatorError(f"dcnv3: {name} is {getattr(geometry, name)}, expected 1 or more")
    if geometry.padding < 0:
        raise OperatorError(f"dcnv3: padding is {geometry.padding}, expected 0 or more")
    if geometry.remove_center and (geometry.kernel % 2 == 0 or geometry.kernel == 1):
        raise OperatorError(f"dcnv3: remove_center needs an odd kernel of 3 or more, got {geometry.kernel}")
