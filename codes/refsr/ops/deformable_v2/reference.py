"""DCNv2 in plain torch: the reference that defines it, differentiable and exportable, and the same in strips."""

from __future__ import annotations

import torch
from torch import Tensor

from refsr.ops.sampling import bilinear, widened

STRIP = 1 << 21
"""Numbers that are sampled at once without gradients: they should fit in a processor's cache."""


def reference(
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
) -> Tensor:
    """The definition in plain torch; half types are computed in float32."""
    kind = torch.promote_types(input.dtype, torch.float32)
    planes = widened(_planes(input.to(kind), offset, weight))
    result = _rows(planes, offset, mask, weight, bias, stride, padding, dilation, 0)
    return result.to(input.dtype)


def in_strips(
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
    first: int = 0,
) -> Tensor:
    """The same without gradients, some rows at a time: samples are 9 times as large as the image for a 3x3 kernel.

    Offsets and result begin at the row `first`.
    """
    kind = torch.promote_types(input.dtype, torch.float32)
    # With channels last in memory, as convolutions may leave them, sampling is slow.
    planes = widened(_planes(input.to(kind).contiguous(), offset, weight))
    Ho, Wo = offset.shape[2:]
    rows = max(1, STRIP // (Wo * input.shape[1] * weight[0, 0].numel()))
    result = input.new_empty(input.shape[0], weight.shape[0], Ho, Wo)
    for image, output in enumerate(result):
        one = slice(image, image + 1)
        groups = planes.shape[0] // len(result)
        of_image = planes[image * groups : (image + 1) * groups]
        for top in range(0, Ho, rows):
            strip = slice(top, top + rows)
            output[:, strip] = _rows(
                of_image,
                offset[one, :, strip].contiguous(),
                mask[one, :, strip].contiguous(),
                weight,
                bias,
                stride,
                padding,
                dilation,
                first + top,
            )[0]
    return result


def _planes(input: Tensor, offset: Tensor, weight: Tensor) -> Tensor:
    """(B, C, H, W) -> (B*G, C/G, H, W)."""
    B, C, H, W = input.shape
    G = offset.shape[1] // (2 * weight[0, 0].numel())
    return input.reshape(B * G, C // G, H, W)


def _rows(
    planes: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
    top: int,
) -> Tensor:
    """The rows of the result from `top` on for which there are offsets, in the type of `planes`, which are widened."""
    kind = planes.dtype
    B, _, Ho, Wo = offset.shape
    out_channels, group_channels, K, _ = weight.shape
    G = mask.shape[1] // (K * K)
    C = planes.shape[1] * G

    steps = torch.arange(K, device=planes.device, dtype=kind) * dilation - padding
    rows = torch.arange(top, top + Ho, device=planes.device, dtype=kind) * stride
    columns = torch.arange(Wo, device=planes.device, dtype=kind) * stride
    moved = offset.to(kind).reshape(B, G, K, K, 2, Ho, Wo)
    y = moved[:, :, :, :, 0] + steps[:, None, None, None] + rows[:, None]
    x = moved[:, :, :, :, 1] + steps[:, None, None] + columns
    x, y = (place.reshape(B * G, K * K, Ho * Wo) for place in (x, y))
    sampled = bilinear(planes, x, y)
    weighed = sampled.reshape(B, G, C // G, K * K, Ho * Wo) * mask.to(kind).reshape(B, G, 1, K * K, Ho * Wo)
    groups = C // group_channels
    patches = weighed.reshape(B, groups, group_channels * K * K, Ho * Wo)
    kernels = weight.to(kind).reshape(groups, out_channels // groups, group_channels * K * K)
    result = (kernels @ patches).reshape(B, out_channels, Ho, Wo)
    return result if bias is None else result + bias.to(kind)[:, None, None]
