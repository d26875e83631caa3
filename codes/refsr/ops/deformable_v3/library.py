"""The operator `refsr::dcnv3` of torch.library over the compiled kernels: fake, autograd and backward kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from refsr.core.errors import OperatorError
from refsr.ops import native
from refsr.ops.deformable_v3.geometry import Geometry
from refsr.ops.deformable_v3.reference import reference
from refsr.ops.library import LIBRARY, define


def _forward(
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
    groups: int,
    offset_scale: float,
    remove_center: bool,
) -> Tensor:
    """The compiled kernel; a program that was exported with it still runs forward where it is not built."""
    numbers = (kernel, stride, padding, dilation, groups, offset_scale, remove_center)
    if native.LIBRARY.why_not("dcnv3", input) is None:
        result: Tensor = torch.ops.refsr_native.dcnv3_forward(input, offset, mask, *numbers)
        return result
    return reference(input, offset, mask, Geometry(*numbers)).contiguous()


def _gradients(
    grad_output: Tensor,
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
    groups: int,
    offset_scale: float,
    remove_center: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients for input, offset and mask."""
    reason = native.LIBRARY.why_not("dcnv3", input)
    if reason is not None:
        raise OperatorError(f"refsr::dcnv3 has no backward here: {reason}")
    numbers = (kernel, stride, padding, dilation, groups, offset_scale, remove_center)
    deterministic = torch.are_deterministic_algorithms_enabled()
    grads = torch.ops.refsr_native.dcnv3_backward(grad_output, input, offset, mask, *numbers, deterministic)
    return grads[0], grads[1], grads[2]


def _fake(input: Tensor, offset: Tensor, mask: Tensor, *numbers: Any) -> Tensor:
    B, H, W, C = input.shape
    geometry = Geometry(*numbers)
    return input.new_empty((B, geometry.output_side(H), geometry.output_side(W), C))


def _fake_gradients(
    grad_output: Tensor, input: Tensor, offset: Tensor, mask: Tensor, *numbers: Any
) -> tuple[Tensor, Tensor, Tensor]:
    return input.new_empty(input.shape), offset.new_empty(offset.shape), mask.new_empty(mask.shape)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])
    ctx.numbers = inputs[3:]


def _backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
    return (*backward_operator(grad_output, *ctx.saved_tensors, *ctx.numbers), *(None for _ in ctx.numbers))


operator = define("dcnv3", _forward, _fake)
backward_operator = define("dcnv3_backward", _gradients, _fake_gradients)
torch.library.register_autograd("refsr::dcnv3", _backward, setup_context=_keep, lib=LIBRARY)
