"""What is left of layers published as transposed convolutions of stride one: how they start, and what bends them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def as_transposed(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer drawn anew as torch draws a transposed convolution: by the number of its outputs, not of its inputs.

    Of stride one it is an ordinary convolution with its kernel turned, so ours are ordinary ones.
    """
    bound = 1 / math.sqrt(layer.out_channels * layer.weight[0, 0].numel())
    nn.init.uniform_(layer.weight, -bound, bound)
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -bound, bound)
    return layer


def faint_selu_(x: Tensor) -> Tensor:
    """A leaky ReLU of slope 0.01 upon a SELU: negative values shrunk a hundredfold; overwrites `x`.

    As one step in place it keeps one tensor for the backward pass where the two would keep three.
    """
    result: Tensor = torch.ops.aten.elu_(x, 0.01 * SELU_ALPHA, SELU_SCALE)
    return result
