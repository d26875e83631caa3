"""What SwinIR's and DAT's published files have in common: groups of equal length, and how a feature is enlarged."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from refsr.core.errors import DataError
from refsr.interop.weights.basicsr import enlarging_steps, factor, image_keys
from refsr.interop.weights.rrsnet import chain_length

DIRECT, STEPPED = "upsample.0.weight", "conv_before_upsample.0.weight"


def tail_kernel(published: Mapping[str, Tensor]) -> str:
    """The first convolution of the tail, of either kind."""
    return STEPPED if STEPPED in published else DIRECT


def tail_options(network: str, published: Mapping[str, Tensor], channels: int) -> tuple[int, str]:
    """The scale, and the upsampler: whether the tail enlarges in steps or by one shuffle."""
    if STEPPED in published:
        return factor(network, published, enlarging_steps(published)), "pixelshuffle"
    return math.isqrt(published[DIRECT].shape[0] // max(1, channels)), "pixelshuffledirect"


def tail_keys(steps: int | None) -> dict[str, str]:
    """Convolutions of the tail; without `steps` one shuffle enlarges."""
    if steps is None:
        return {"tail.0": "upsample.0"}
    return {"tail.conv_before_upsample": "conv_before_upsample.0", **image_keys(steps, "tail.upsample")}


def group_lengths(network: str, published: Mapping[str, Tensor], chain: str, members: str) -> tuple[int, int]:
    """The number of groups, and of members (`chain` below a group) that each of them has."""
    groups = chain_length(published, "layers")
    lengths = {chain_length(published, f"layers.{group}.{chain}") for group in range(groups)}
    if len(lengths) > 1:
        shown = ", ".join(str(one) for one in sorted(lengths))
        raise DataError(f"this {network} has groups of {shown} {members}; here they all have as many")
    return groups, lengths.pop()
