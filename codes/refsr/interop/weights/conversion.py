"""Converts published tensors to a network's state dict and reports what became of each key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from refsr.core.errors import DataError


@dataclass(frozen=True)
class UnusedKeys:
    """A pattern of published keys that do not affect the output, and why."""

    pattern: str
    reason: str


@dataclass
class Conversion:
    """A network's weights, and what became of each published key; `problems` is empty if the conversion is complete."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    dropped: dict[str, list[str]] = field(default_factory=dict)
    """Unused published keys by reason."""
    missing: list[str] = field(default_factory=list)
    """Published keys that should have been there."""
    unknown: list[str] = field(default_factory=list)
    """Keys that neither the network nor a rule of unused keys has."""
    wrong_shape: list[str] = field(default_factory=list)
    """Messages: key, shape or type found, shape or type expected."""

    not_finite: list[str] = field(default_factory=list)
    """Published keys whose tensors hold NaN or infinity."""

    @property
    def problems(self) -> list[str]:
        found = [f"{key}: is missing" for key in self.missing]
        found += [f"{key}: is not known" for key in self.unknown]
        found += [f"{key}: holds values that are not finite" for key in self.not_finite]
        return found + self.wrong_shape

    def require_complete(self, name: str) -> None:
        """Raises a DataError with the first few problems, if there are any."""
        if self.problems:
            shown = "".join(f"\n  {problem}" for problem in self.problems[:8])
            more = f"\n  and {len(self.problems) - 8} more" if len(self.problems) > 8 else ""
            raise DataError(f"{name}: {len(self.problems)} keys do not fit the network{shown}{more}")


def require_kernels(network: str, published: Mapping[str, Tensor], sides: Mapping[str, int]) -> None:
    """Raises a DataError unless these keys, which determine options, exist with this number of dimensions."""
    for key, count in sides.items():
        if key not in published or published[key].dim() != count:
            raise DataError(f"no {network} weights: {key!r} is missing or has not {count} dimensions")


def convert(
    published: Mapping[str, Tensor],
    network: nn.Module,
    keys: Mapping[str, str],
    unused: Sequence[UnusedKeys],
    transposed: str | None = None,
) -> Conversion:
    """`keys` maps the network's keys to the published ones; the expected shapes are the network's.

    Published keys that match `transposed` hold kernels of transposed convolutions; ours are ordinary ones.
    """
    done = Conversion()
    wanted = network.state_dict()
    unmapped = set(wanted) ^ set(keys)
    if unmapped:
        raise ValueError(f"the key map and the network differ in {sorted(unmapped)[:3]}")
    for ours, theirs in keys.items():
        shape = tuple(in_published_form(wanted[ours], theirs, transposed).shape)
        if theirs not in published:
            done.missing.append(theirs)
        elif published[theirs].shape != shape:
            done.wrong_shape.append(f"{theirs}: has shape {tuple(published[theirs].shape)}, expected {shape}")
        elif published[theirs].is_floating_point() != wanted[ours].is_floating_point():
            kind = "floating point" if wanted[ours].is_floating_point() else str(wanted[ours].dtype)
            done.wrong_shape.append(f"{theirs}: has type {published[theirs].dtype}, expected {kind}")
        else:
            weight = published[theirs].detach()
            weight = weight.to(torch.float32 if weight.is_floating_point() else wanted[ours].dtype)
            if not torch.isfinite(weight).all():
                done.not_finite.append(theirs)
            done.weights[ours] = in_published_form(weight, theirs, transposed).contiguous()
    for key in published.keys() - set(keys.values()):
        for rule in unused:
            if re.fullmatch(rule.pattern, key):
                done.dropped.setdefault(rule.reason, []).append(key)
                break
        else:
            done.unknown.append(key)
    for listed in (*done.dropped.values(), done.unknown):
        listed.sort()
    return done


def in_published_form(weight: Tensor, theirs: str, transposed: str | None) -> Tensor:
    """Our weight in the published form of the key `theirs`, and back: the function is its own inverse."""
    converts = transposed is not None and weight.dim() == 4 and re.fullmatch(transposed, theirs) is not None
    return as_ordinary(weight) if converts else weight


def as_ordinary(kernel: Tensor) -> Tensor:
    """A transposed convolution's kernel (in, out, k, k) <-> the ordinary one's (out, in, k, k), stride one both."""
    return kernel.transpose(0, 1).flip(2, 3)
