"""The graph beside the network: how far apart their images are at several sizes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from refsr.core.errors import OutputError
from refsr.core.progress import ProgressFactory, no_progress
from refsr.interop.onnx.graph import LEAST, has_base, rounded_up
from refsr.interop.onnx.scene import example
from refsr.networks.descriptor import descriptor_of

TOLERANCE = 1e-4
"""Greatest difference, of values in [0, 1]: a fortieth of a grey level of 8 bits."""
SIZES = ((LEAST, LEAST + 3), (33, 24), (50, 81))
"""Of LR: the least that is taken, a side that no window divides, and one larger than what was traced."""


def differences(
    network: nn.Module, session: Any, side: int | None, progress: ProgressFactory = no_progress
) -> dict[str, float]:
    """The greatest difference by the size of LR; an OutputError above TOLERANCE. Images of one size differ by draw."""
    descriptor = descriptor_of(network)
    found: dict[str, float] = {}
    with progress("comparing", len(SIZES)) as bar:
        for turn, size in enumerate(SIZES):
            height, width = (rounded_up(one, descriptor.multiple) for one in size) if side is None else (side, side)
            members = example(descriptor, height, width, seed=1 + turn)
            apart = difference(network, session, members)
            name = f"{height}x{width}"
            found[name] = max(apart, found.get(name, 0.0))
            if not apart <= TOLERANCE:
                raise OutputError(
                    f"{type(network).__name__} as ONNX differs from torch by {apart:.1e} at LR {name}, more than "
                    f"{TOLERANCE:.0e}: nothing was written"
                )
            bar.advance()
    return found


def difference(network: nn.Module, session: Any, members: dict[str, Tensor]) -> float:
    """The greatest difference of all outputs, relative where values exceed 1."""
    with torch.inference_mode():
        expected: list[Tensor] = [network(*members.values())]
        if has_base(network):
            expected.append(network.single_image(members["lr"]))  # type: ignore[operator]
    made = session.run(None, {name: member.numpy() for name, member in members.items()})
    apart = 0.0
    for one, other in zip(expected, made, strict=True):
        size = max(1.0, float(one.abs().max()))
        most = float((one - torch.from_numpy(other)).abs().max())
        # Not a number is no small number.
        apart = max(apart, most / size) if most == most else float("nan")
    return apart
