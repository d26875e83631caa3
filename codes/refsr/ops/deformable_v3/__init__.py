"""DCNv3: InternImage's deformable convolution: samples at kernel points with offsets, weighted by a mask, per group."""

from __future__ import annotations

import torch
from torch import Tensor

from refsr.core.errors import OperatorError
from refsr.ops import native
from refsr.ops.backends import Backends
from refsr.ops.deformable_v3.geometry import Geometry, check
from refsr.ops.deformable_v3.library import operator
from refsr.ops.deformable_v3.reference import reference
from refsr.ops.library import is_in_onnx_export

__all__ = ["Geometry", "dcnv3", "reference", "using", "why_not"]

BACKENDS = Backends("DCNv3", ("native", "reference"))
using = BACKENDS.using


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
    grid. `remove_center` leaves out the central point. Bilinear, zeros outside; the mask is used as it is. Under
    autocast all three are cast to the widest of their types, as torch does for `grid_sample`.
    """
    if torch.is_autocast_enabled(input.device.type):
        widest = torch.promote_types(torch.promote_types(input.dtype, offset.dtype), mask.dtype)
        input, offset, mask = input.to(widest), offset.to(widest), mask.to(widest)
    geometry = Geometry(kernel, stride, padding, dilation, groups, float(offset_scale), remove_center)
    check(input, offset, mask, geometry)
    reason = why_not(input)
    if BACKENDS.asked == "native" and reason is not None:
        raise OperatorError(f"the compiled DCNv3 cannot serve {input.dtype} on {input.device}: {reason}")
    if BACKENDS.asked != "reference" and reason is None:
        result: Tensor = operator(input, offset, mask, *geometry)
        return result
    return reference(input, offset, mask, geometry)


def why_not(input: Tensor) -> str | None:
    """Why the compiled back-end is not used for this input; None where it is."""
    if is_in_onnx_export():
        return "ONNX has no operator of that name"
    return native.LIBRARY.why_not("dcnv3", input)
