"""The operator `refsr::dcnv2` of torch.library over the compiled kernels: fake, autograd and backward kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from refsr.core.errors import OperatorError
from refsr.ops import native
from refsr.ops.deformable_v2.reference import reference
from refsr.ops.library import LIBRARY, define


def _forward(
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
) -> Tensor:
    """The compiled kernel; a program that was exported with it still runs forward where it is not built."""
    if native.LIBRARY.why_not("dcnv2", input) is None:
        result: Tensor = torch.ops.refsr_native.dcnv2_forward(
            input, offset, mask, weight, bias, stride, padding, dilation, 0
        )
        return result
    return reference(input, offset, mask, weight, bias, stride, padding, dilation)


def _gradients(
    grad_output: Tensor,
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    stride: int,
    padding: int,
    dilation: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients for input, offset, mask and weight; samples are taken anew and not kept since the forward pass."""
    reason = native.LIBRARY.why_not("dcnv2", input)
    if reason is not None:
        raise OperatorError(f"refsr::dcnv2 has no backward here: {reason}")
    grads = torch.ops.refsr_native.dcnv2_backward(grad_output, input, offset, mask, weight, stride, padding, dilation)
    return grads[0], grads[1], grads[2], grads[3]


def _fake(input: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, *numbers: Any) -> Tensor:
    return input.new_empty((input.shape[0], weight.shape[0], *offset.shape[2:]))


def _fake_gradients(
    grad_output: Tensor, input: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, *numbers: Any
) -> tuple[Tensor, ...]:
    return tuple(one.new_empty(one.shape) for one in (input, offset, mask, weight))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:4])
    bias = inputs[4]
    ctx.bias_type, ctx.numbers = None if bias is None else bias.dtype, inputs[5:]


def _backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
    grads = backward_operator(grad_output, *ctx.saved_tensors, *ctx.numbers)
    bias = None if ctx.bias_type is None else grad_output.to(ctx.bias_type).sum((0, 2, 3))
    return (*grads, bias, None, None, None)


operator = define("dcnv2", _forward, _fake)
backward_operator = define("dcnv2_backward", _gradients, _fake_gradients)
torch.library.register_autograd("refsr::dcnv2", _backward, setup_context=_keep, lib=LIBRARY)
