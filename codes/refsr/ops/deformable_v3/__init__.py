"""DCNv3: each pixel sums samples of the image at kernel points that offsets move and a mask weighs, group by group."""

from __future__ import annotations

from torch import Tensor

from refsr.ops.deformable_v3.geometry import Geometry, check
from refsr.ops.deformable_v3.reference import reference

__all__ = ["Geometry", "dcnv3", "reference"]


def dcnv3(
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
    groups: int,
    offset_scale: float,
    remove_center: bool = False,
) -> Tensor:
    """(B, H, W, C), (B, Ho, Wo, G*P*2), (B, Ho, Wo, G*P) -> (B, Ho, Wo, C), all channels last.

    P kernel points a group, x slow and y fast; each offset x before y. `offset_scale` multiplies offsets and kernel
    grid. `remove_center` leaves the middle point out. Bilinear, zeros outside; the mask is used as it is.
    """
    geometry = Geometry(kernel, stride, padding, dilation, groups, offset_scale, remove_center)
    check(input, offset, mask, geometry)
    return reference(input, offset, mask, geometry)
