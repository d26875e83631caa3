"""Turns published tensors into a network's state dict, and says what became of every one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from refsr.core.errors import DataError


@dataclass(frozen=True)
class Dead:
    """Published keys that match `pattern` never reached the output."""

    pattern: str
    reason: str


@dataclass
class Conversion:
    """A network's weights, and what was found on the way; complete if nothing is missing, left over or misshapen."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    dropped: dict[str, list[str]] = field(default_factory=dict)
    """Published keys left out on purpose, by the reason."""
    missing: list[str] = field(default_factory=list)
    """Published keys that should have been there."""
    left_over: list[str] = field(default_factory=list)
    """Keys that nobody knows."""
    misshapen: list[str] = field(default_factory=list)
    """Keys with the shape found and the shape expected, as text."""

    @property
    def problems(self) -> list[str]:
        found = [f"{key}: is missing" for key in self.missing]
        found += [f"{key}: is not known" for key in self.left_over]
        return found + self.misshapen

    def require_complete(self, name: str) -> None:
        """Raises DataError that lists the first few problems, if there is any."""
        if self.problems:
            shown = "".join(f"\n  {problem}" for problem in self.problems[:8])
            more = f"\n  and {len(self.problems) - 8} more" if len(self.problems) > 8 else ""
            raise DataError(f"{name}: {len(self.problems)} keys do not fit the network{shown}{more}")


def require_kernels(network: str, published: Mapping[str, Tensor], sides: Mapping[str, int]) -> None:
    """A DataError unless these keys, which options are read off, are there with as many dimensions."""
    for key, count in sides.items():
        if key not in published or published[key].dim() != count:
            raise DataError(f"no {network} weights: {key!r} is missing or has not {count} dimensions")


def convert(
    published: Mapping[str, Tensor],
    network: nn.Module,
    keys: Mapping[str, str],
    dead: Sequence[Dead],
    transposed: str | None = None,
) -> Conversion:
    """`keys` leads from the network's keys to the published ones; the network's shapes are the ones expected.

    Kernels under published keys that match `transposed` are those of transposed convolutions where ours are ordinary.
    """
    done = Conversion()
    wanted = network.state_dict()
    unnamed = set(wanted) ^ set(keys)
    if unnamed:
        raise ValueError(f"the key map and the network differ in {sorted(unnamed)[:3]}")
    for ours, theirs in keys.items():
        shape = tuple(in_published_form(wanted[ours], theirs, transposed).shape)
        if theirs not in published:
            done.missing.append(theirs)
        elif published[theirs].shape != shape:
            done.misshapen.append(f"{theirs}: has shape {tuple(published[theirs].shape)}, expected {shape}")
        elif not published[theirs].is_floating_point():
            done.misshapen.append(f"{theirs}: has type {published[theirs].dtype}, expected floating point")
        else:
            weight = published[theirs].detach().to(torch.float32)
            done.weights[ours] = in_published_form(weight, theirs, transposed).contiguous()
    for key in published.keys() - set(keys.values()):
        for rule in dead:
            if re.fullmatch(rule.pattern, key):
                done.dropped.setdefault(rule.reason, []).append(key)
                break
        else:
            done.left_over.append(key)
    for listed in (*done.dropped.values(), done.left_over):
        listed.sort()
    return done


def in_published_form(weight: Tensor, theirs: str, transposed: str | None) -> Tensor:
    """Ours as the published code keeps it under the key `theirs`, and back: what is done is its own inverse."""
    turns = transposed is not None and weight.dim() == 4 and re.fullmatch(transposed, theirs) is not None
    return turned(weight) if turns else weight


def turned(kernel: Tensor) -> Tensor:
    """A transposed convolution's kernel (in, out, k, k) <-> the ordinary one's (out, in, k, k), stride one both."""
    return kernel.transpose(0, 1).flip(2, 3)
