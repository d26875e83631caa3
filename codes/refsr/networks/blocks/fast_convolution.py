"""For a while, a network's wide three by three convolutions with fewer multiplications: the same but for rounding."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from refsr.networks.blocks.modulation import SpatialTransform
from refsr.networks.blocks.resampled_conv import ResampledConv
from refsr.ops.winograd import convolve, transformed

LEAST = 64
"""Narrower than this, on either side, a convolution gains nothing."""


@contextlib.contextmanager
def fast_convolutions(network: nn.Module) -> Iterator[int]:
    """Inside, `network` restores faster where that is known to pay: in float32 on a CPU; gives how many layers do.

    Kernels are transformed on the way in, and take four times their memory until the way out. Nothing may learn
    meanwhile.
    """
    changed: list[tuple[nn.Module, str, object]] = []
    idle = {layer for part in network.modules() for layer in _idle(part)}
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, SpatialTransform) and _pays(part.kernel()):
                _replace(part, "of_features", functools.partial(convolve, kernel=transformed(part.kernel())), changed)
            elif isinstance(part, nn.Conv2d) and part not in idle and _plain(part) and _pays(part.weight):
                _replace(part, "forward", functools.partial(_convolved, part, transformed(part.weight)), changed)
    try:
        yield len(changed)
    finally:
        for part, name, before in reversed(changed):
            if before is None:
                delattr(part, name)
            else:
                setattr(part, name, before)


def _replace(part: nn.Module, name: str, function: object, changed: list[tuple[nn.Module, str, object]]) -> None:
    # What stands at the instance is another wrapping, which comes back afterwards.
    changed.append((part, name, part.__dict__.get(name)))
    setattr(part, name, function)


def _idle(part: nn.Module) -> list[nn.Module | None]:
    """Layers that lend their weights only, and are never called."""
    if isinstance(part, SpatialTransform):
        return [part.scale_hidden, part.shift_hidden]
    if isinstance(part, ResampledConv) and part.resample == "up" and part.pair:
        return [part.conv]
    return []


def _convolved(layer: nn.Conv2d, kernel: Tensor, x: Tensor) -> Tensor:
    return convolve(x, kernel, layer.bias)


def _plain(layer: nn.Conv2d) -> bool:
    kind = layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups, layer.padding_mode
    return kind == ((3, 3), (1, 1), (1, 1), (1, 1), 1, "zeros")


def _pays(kernel: Tensor) -> bool:
    return kernel.device.type == "cpu" and kernel.dtype is torch.float32 and min(kernel.shape[:2]) >= LEAST
