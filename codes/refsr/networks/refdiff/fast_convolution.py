"""Winograd convolutions in place of a network's wide 3x3 ones, for inference on a CPU; equal but for rounding."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.networks.refdiff.layers import ResampledConv, SpatialFeatureTransform
from refsr.ops.winograd import transform_kernel, winograd_conv2d

MIN_CHANNELS = 256
MIN_PIXELS = 32 * 32
"""With fewer input or output channels, or of fewer pixels, the plain convolution is as fast: of 128 channels it takes
0.6 to 0.9 of Winograd's time; of 256 channels Winograd takes 0.8 of the plain one's, of 512 channels 0.56."""


@contextlib.contextmanager
def fast_convolutions(network: nn.Module) -> Iterator[int]:
    """Inside the block, `network`'s wide 3x3 convolutions in float32 on a CPU are Winograd's; yields how many.

    Kernels are transformed on entry and take four times their memory until exit. Do not train inside the block.
    """
    changed: list[tuple[nn.Module, str, object]] = []
    idle = {layer for part in network.modules() for layer in _never_called(part)}
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, SpatialFeatureTransform) and _is_faster(part.kernel()):
                _replace(
                    part,
                    "feature_convolution",
                    functools.partial(_convolved, part.kernel(), None, transform_kernel(part.kernel())),
                    changed,
                )
            elif isinstance(part, nn.Conv2d) and part not in idle and _is_plain_3x3(part) and _is_faster(part.weight):
                convolved = functools.partial(_convolved, part.weight, part.bias, transform_kernel(part.weight))
                _replace(part, "forward", convolved, changed)
    try:
        yield len(changed)
    finally:
        for part, name, before in reversed(changed):
            if before is None:
                delattr(part, name)
            else:
                setattr(part, name, before)


def _replace(part: nn.Module, name: str, function: object, changed: list[tuple[nn.Module, str, object]]) -> None:
    # An attribute of the instance is another wrapper, which is put back on exit.
    changed.append((part, name, part.__dict__.get(name)))
    setattr(part, name, function)


def _never_called(part: nn.Module) -> list[nn.Module | None]:
    """Layers whose weights are used by their parent, and which are never called themselves."""
    if isinstance(part, SpatialFeatureTransform):
        return [part.scale_hidden, part.shift_hidden]
    if isinstance(part, ResampledConv) and part.resample == "up" and part.two_taps:
        return [part.conv]
    return []


def _convolved(plain: Tensor, bias: Tensor | None, transformed: Tensor, x: Tensor) -> Tensor:
    if x.shape[-2] * x.shape[-1] < MIN_PIXELS:
        return F.conv2d(x, plain, bias, padding=1)
    return winograd_conv2d(x, transformed, bias)


def _is_plain_3x3(layer: nn.Conv2d) -> bool:
    kind = layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups, layer.padding_mode
    return kind == ((3, 3), (1, 1), (1, 1), (1, 1), 1, "zeros")


def _is_faster(kernel: Tensor) -> bool:
    return kernel.device.type == "cpu" and kernel.dtype is torch.float32 and min(kernel.shape[:2]) >= MIN_CHANNELS
