"""The banded resize matrix applied along an axis of a tensor: small dense products, transposed for backward."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from refsr.ops.resize import ResizeAxis, weight_blocks

# Up to this many matrix entries one dense product is faster than several small ones.
ONE_BLOCK = 8192


class TensorWeightBlock(NamedTuple):
    """A WeightBlock with its weights as a tensor."""

    start: int
    stop: int
    first: int
    end: int
    weights: Tensor


def resize_axis(image: Tensor, axis: ResizeAxis, dim: int) -> Tensor:
    """(..., H, W) with `dim` (-2 or -1) resized, in float32 or float64; differentiable any number of times."""
    if torch.is_autocast_enabled(image.device.type):
        # Autocast would round the weights to half precision.
        with torch.autocast(image.device.type, enabled=False):
            return resize_axis(image, axis, dim)
    first, *others = _tensor_blocks(axis, image)
    if not others:
        needed = first.end - first.first
        window = image if needed == axis.length else image.narrow(dim, first.first, needed)
        return window @ first.weights.T if dim == -1 else first.weights @ window
    before, (height, width) = image.shape[:-2], image.shape[-2:]
    if dim == -1:
        return _apply(image.reshape(-1, width), axis).reshape(*before, height, axis.outputs)
    return _apply(image.reshape(-1, height, width), axis).reshape(*before, axis.outputs, width)


def _apply(values: Tensor, axis: ResizeAxis) -> Tensor:
    if not (values.requires_grad and torch.is_grad_enabled()):
        return _forward(values, axis)
    result: Tensor = BandedProduct.apply(values, axis, False)
    return result


class BandedProduct(torch.autograd.Function):
    """(N, L) -> (N, M) or (N, L, W) -> (N, M, W) by the axis's matrix, or the reverse by its transpose.

    Autograd's own backward of slices would fill a whole image with zeros for every block; this adds blocks in place.
    """

    @staticmethod
    def forward(values: Tensor, axis: ResizeAxis, transposed: bool) -> Tensor:
        return _transposed(values, axis) if transposed else _forward(values, axis)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ResizeAxis, bool], output: Tensor) -> None:
        _, ctx.axis, ctx.transposed = inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        with torch.autocast(gradient.device.type, enabled=False):
            return BandedProduct.apply(gradient, ctx.axis, not ctx.transposed), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None, None], values: Tensor, *others: Any) -> tuple[Tensor, int]:
        stacked = values.movedim(in_dims[0], 0)
        return BandedProduct.apply(stacked.flatten(0, 1), *others).unflatten(0, stacked.shape[:2]), 0


def _forward(values: Tensor, axis: ResizeAxis) -> Tensor:
    parts = []
    for _, _, first, end, weights in _tensor_blocks(axis, values):
        window = values[:, first:end]
        parts.append(window @ weights.T if values.ndim == 2 else torch.bmm(_stacked(weights, values), window))
    return torch.cat(parts, 1)


def _transposed(values: Tensor, axis: ResizeAxis) -> Tensor:
    result = values.new_zeros(values.shape[0], axis.length, *values.shape[2:])
    for start, stop, first, end, weights in _tensor_blocks(axis, values):
        window, given = result[:, first:end], values[:, start:stop]
        if values.ndim == 2:
            window.addmm_(given, weights)
        else:
            window.baddbmm_(_stacked(weights.T, values), given)
    return result


def _stacked(weights: Tensor, values: Tensor) -> Tensor:
    return weights.expand(values.shape[0], *weights.shape)


def _tensor_blocks(axis: ResizeAxis, values: Tensor) -> tuple[TensorWeightBlock, ...]:
    # On a CPU the tensors share NumPy's memory; on an accelerator the copies are cached. While a graph is traced,
    # tensors are proxies and must not be cached.
    if values.device.type == "cpu" or torch.compiler.is_compiling():
        return _convert_blocks(axis, values.dtype, values.device)
    return _cached_blocks(axis, values.dtype, values.device)


def _convert_blocks(axis: ResizeAxis, dtype: torch.dtype, device: torch.device) -> tuple[TensorWeightBlock, ...]:
    small = axis.length * axis.outputs <= ONE_BLOCK
    size = axis.outputs if small else 16 if axis.up < axis.down else 64
    found = weight_blocks(axis, size, str(dtype).removeprefix("torch."))
    return tuple(TensorWeightBlock(*block[:4], torch.from_numpy(block.weights).to(device)) for block in found)


_cached_blocks = lru_cache(maxsize=32)(_convert_blocks)
