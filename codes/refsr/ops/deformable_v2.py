"""DCNv2, the modulated deformable convolution: torchvision's kernel on GPUs, plain torch elsewhere.

On a CPU, plain torch is the faster of the two: five times forward, 13 to 17 times forward and backward.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from refsr.core.errors import OperatorError
from refsr.ops.sampling import bilinear

KERNEL_TYPES = (torch.float32, torch.float64, torch.float16)
"""Types of torchvision's CUDA kernel."""


def dcnv2(
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """(B, Ci, H, W), (B, 2*G*K*K, Ho, Wo), (B, G*K*K, Ho, Wo), (Co, Ci/groups, K, K) -> (B, Co, Ho, Wo).

    G offset groups; kernel points row by row, each with its offset y before x. Bilinear, zeros outside.
    """
    check(input, offset, mask, weight, bias, stride, padding, dilation)
    if why_not(input) is None:
        deform_conv2d, _ = _torchvision()
        assert deform_conv2d is not None
        result: Tensor = deform_conv2d(input, offset, weight, bias, stride, padding, dilation, mask)
        return result
    return reference(input, offset, mask, weight, bias, stride, padding, dilation)


def why_not(input: Tensor) -> str | None:
    """Why torchvision's kernel is not used for this input; None where it is."""
    deform_conv2d, reason = _torchvision()
    if deform_conv2d is None:
        return reason
    device = input.device.type
    if device == "cpu":
        return "torchvision's CPU kernel is the slower one"
    if device != "cuda" or input.dtype not in KERNEL_TYPES:
        return f"torchvision has no kernel for {input.dtype} on {device}"
    if input.shape[0] == 0:
        return "torchvision refuses empty batches"
    if torch.onnx.is_in_onnx_export():
        return "ONNX has no operator of that name"
    return None


@functools.cache
def _torchvision() -> tuple[Callable[..., Any] | None, str]:
    # A torchvision built for another torch raises RuntimeError, not ImportError.
    try:
        from torchvision.ops import deform_conv2d
    except Exception as error:
        return None, f"torchvision cannot be imported ({type(error).__name__}: {error})"
    return deform_conv2d, ""


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
    B, C, H, W = input.shape
    out_channels, group_channels, K, _ = weight.shape
    Ho, Wo = offset.shape[2:]
    G = offset.shape[1] // (2 * K * K)

    steps = torch.arange(K, device=input.device, dtype=kind) * dilation - padding
    rows = torch.arange(Ho, device=input.device, dtype=kind) * stride
    columns = torch.arange(Wo, device=input.device, dtype=kind) * stride
    moved = offset.to(kind).reshape(B, G, K, K, 2, Ho, Wo)
    y = moved[:, :, :, :, 0] + steps[:, None, None, None] + rows[:, None]
    x = moved[:, :, :, :, 1] + steps[:, None, None] + columns
    x, y = (place.reshape(B * G, K * K, Ho * Wo) for place in (x, y))
    sampled = bilinear(input.to(kind).reshape(B * G, C // G, H, W), x, y)
    weighed = sampled.reshape(B, G, C // G, K * K, Ho * Wo) * mask.to(kind).reshape(B, G, 1, K * K, Ho * Wo)
    groups = C // group_channels
    patches = weighed.reshape(B, groups, group_channels * K * K, Ho * Wo)
    kernels = weight.to(kind).reshape(groups, out_channels // groups, group_channels * K * K)
    result = (kernels @ patches).reshape(B, out_channels, Ho, Wo)
    if bias is not None:
        result = result + bias.to(kind)[:, None, None]
    return result.to(input.dtype)


def check(
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
) -> None:
    """Raises OperatorError that names the argument, its shape and the rule."""
    if input.dim() != 4 or 0 in input.shape[1:]:
        raise OperatorError(f"dcnv2: input has shape {tuple(input.shape)}, expected (B, C, H, W) with C, H, W > 0")
    if weight.dim() != 4 or weight.shape[2] != weight.shape[3] or 0 in weight.shape:
        raise OperatorError(f"dcnv2: weight has shape {tuple(weight.shape)}, expected (Co, Ci/groups, K, K)")
    if stride < 1 or dilation < 1 or padding < 0:
        raise OperatorError(
            f"dcnv2: stride {stride}, padding {padding}, dilation {dilation}; stride and dilation are 1 or more, "
            "padding is 0 or more"
        )
    B, C, H, W = input.shape
    out_channels, group_channels, K, _ = weight.shape
    if C % group_channels or out_channels % (C // group_channels):
        raise OperatorError(
            f"dcnv2: weight has shape {tuple(weight.shape)}, but input has {C} channels: Ci/groups must divide them, "
            "and the number of groups must divide Co"
        )
    Ho, Wo = ((side + 2 * padding - dilation * (K - 1) - 1) // stride + 1 for side in (H, W))
    if Ho < 1 or Wo < 1:
        raise OperatorError(f"dcnv2: input has shape {tuple(input.shape)}, too small for a kernel of {K}")
    G = mask.shape[1] // (K * K) if mask.dim() == 4 else 0
    if G < 1 or C % G or tuple(mask.shape) != (B, G * K * K, Ho, Wo):
        raise OperatorError(
            f"dcnv2: mask has shape {tuple(mask.shape)}, expected (B, G*K*K, Ho, Wo) = ({B}, G*{K * K}, {Ho}, {Wo}) "
            f"where G divides the {C} channels"
        )
    if tuple(offset.shape) != (B, 2 * G * K * K, Ho, Wo):
        raise OperatorError(
            f"dcnv2: offset has shape {tuple(offset.shape)}, expected (B, 2*G*K*K, Ho, Wo) = "
            f"{(B, 2 * G * K * K, Ho, Wo)}"
        )
    if bias is not None and tuple(bias.shape) != (out_channels,):
        raise OperatorError(f"dcnv2: bias has shape {tuple(bias.shape)}, expected ({out_channels},)")
    if not input.is_floating_point():
        raise OperatorError(f"dcnv2: input has type {input.dtype}, expected a floating-point type")
