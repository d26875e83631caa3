"""DCNv2, the modulated deformable convolution: the compiled kernel on CPUs, torchvision's on GPUs, else plain torch.

On a CPU plain torch is faster than torchvision's kernel: five times forward, 13 to 17 times forward and backward.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from refsr.core.errors import OperatorError
from refsr.ops import native
from refsr.ops.backends import Backends
from refsr.ops.deformable_v2.arguments import check
from refsr.ops.deformable_v2.library import operator
from refsr.ops.deformable_v2.reference import in_strips, reference
from refsr.ops.library import is_in_onnx_export

__all__ = ["dcnv2", "dcnv2_rows", "may_be_cut", "reference", "using", "why_not", "why_not_native"]

BACKENDS = Backends("DCNv2", ("native", "reference"))
using = BACKENDS.using

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
    if BACKENDS.asked == "reference":
        return reference(input, offset, mask, weight, bias, stride, padding, dilation)
    reason = why_not_native(input, weight)
    if reason is None:
        result: Tensor = operator(input, offset, mask, weight, bias, stride, padding, dilation)
        return result
    if BACKENDS.asked == "native":
        raise OperatorError(f"the compiled DCNv2 cannot serve {input.dtype} on {input.device}: {reason}")
    if why_not(input) is None:
        deform_conv2d, _ = _torchvision()
        assert deform_conv2d is not None
        result = deform_conv2d(input, offset, weight, bias, stride, padding, dilation, mask)
        return result
    plain = in_strips if may_be_cut(input) else reference
    return plain(input, offset, mask, weight, bias, stride, padding, dilation)


def may_be_cut(input: Tensor) -> bool:
    """Whether rows are better computed some at a time: on a CPU, without gradients, and not in a traced graph."""
    traced = torch.compiler.is_compiling() or is_in_onnx_export()
    return input.device.type == "cpu" and not torch.is_grad_enabled() and not traced


def dcnv2_rows(
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
    first: int,
) -> Tensor:
    """Where it `may_be_cut`: the rows of the result from `first` on for which there are offsets."""
    if BACKENDS.asked != "reference" and why_not_native(input, weight) is None:
        result: Tensor = torch.ops.refsr_native.dcnv2_forward(
            input, offset, mask, weight, bias, stride, padding, dilation, first
        )
        return result
    return in_strips(input, offset, mask, weight, bias, stride, padding, dilation, first)


def why_not_native(input: Tensor, weight: Tensor) -> str | None:
    """Why the compiled kernel is not used for this input; None where it is."""
    if is_in_onnx_export():
        return "ONNX has no operator of that name"
    if weight.shape[1] != input.shape[1]:
        return "it has no convolution groups"
    return native.LIBRARY.why_not("dcnv2", input)


def why_not(input: Tensor) -> str | None:
    """Why torchvision's kernel is not used for this input; None where it is."""
    device = input.device.type
    # The device first: importing torchvision takes two seconds and 165 MiB.
    if device == "cpu":
        return "torchvision's CPU kernel is the slower one"
    if device != "cuda" or input.dtype not in KERNEL_TYPES:
        return f"torchvision has no kernel for {input.dtype} on {device}"
    if input.shape[0] == 0:
        return "torchvision refuses empty batches"
    if is_in_onnx_export():
        return "ONNX has no operator of that name"
    deform_conv2d, reason = _torchvision()
    return reason if deform_conv2d is None else None


@functools.cache
def _torchvision() -> tuple[Callable[..., Any] | None, str]:
    # A torchvision built for another torch raises RuntimeError, not ImportError.
    try:
        from torchvision.ops import deform_conv2d
    except Exception as error:
        return None, f"torchvision cannot be imported ({type(error).__name__}: {error})"
    return deform_conv2d, ""
