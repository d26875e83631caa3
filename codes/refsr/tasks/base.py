"""What the trainer asks of a task; it knows nothing else of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.optim import Optimizer

from refsr.core.progress import ProgressFactory
from refsr.tasks.blueprint import NetworkSpec

Batch = Mapping[str, Any]
"""A collated sample: tensors (B, C, H, W) in [0, 1] by the sample's member names, and `name`."""


Restore = Callable[[nn.Module, Batch], Tensor]
"""A network and a batch -> the restored image (B, C, s*H, s*W) in [0, 1]."""


@dataclass(frozen=True)
class Tile:
    """A part of the restored image, rows and columns each."""

    seen: tuple[slice, slice]
    kept: tuple[slice, slice]
    """What of the part seen is kept, in the whole image's rows and columns."""
    weights: tuple[Sequence[float], Sequence[float]]
    """How much each kept row and column counts; over all tiles they sum to one."""


@runtime_checkable
class TilesWithin(Protocol):
    """A Restore of many passes that cuts each into tiles, so that tiles agree on the way and not only at the end."""

    def by_tiles(
        self, network: nn.Module, batch: Batch, tiles: Sequence[Tile], progress: ProgressFactory = ...
    ) -> Tensor:
        """The whole batch restored."""


class Memory(dict[str, Tensor]):
    """What one phase of an iteration leaves for the next ones over the same batch, such as the restored image."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[str, Tensor] = {}
        """Scalars that are logged beside the losses and not minimised."""


Losses = dict[str, Tensor]
"""Weighted scalar terms by their logged names; the trainer minimises their sum."""


@dataclass(frozen=True)
class Phase:
    """One optimiser step inside an iteration: the others' parameters stand still meanwhile."""

    network: str
    """Key of the network and of the optimiser that step."""
    losses: Callable[[nn.Module, Batch, Memory], Losses]
    """Called with that network as the trainer wraps it (compiled, distributed), the batch and the memory."""


class Part(Protocol):
    """A part of a network that may begin with weights of another, trained by itself."""

    @property
    def module(self) -> nn.Module:
        """The part itself."""

    def taken(self, blueprint: NetworkSpec, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """What of that network's weights are the part's, by its own keys; a DataError for a network that has none."""


@runtime_checkable
class HasParts(Protocol):
    """A task with such parts."""

    parts: Mapping[str, Part]
    """By the keys of the section `path` that name their files."""


class Task(Protocol):
    """Networks, losses and optimisers of one way to learn, and how its result is restored."""

    blueprints: Mapping[str, NetworkSpec]
    """How each network is made again, under the same key."""
    networks: Mapping[str, nn.Module]
    """All trained networks by their published letters: G, D, D_grad."""
    optimisers: Mapping[str, Optimizer]
    """One a network, under the same key."""
    frozen: Sequence[nn.Module]
    """Networks that never learn, such as the perceptual one; they are moved to the run's device."""
    notes: Sequence[str]
    """What every log and report of a run must say, such as a stand-in for perceptual weights."""

    def phases(self, step: int) -> Sequence[Phase]:
        """The optimiser steps of iteration `step`, which counts from one."""

    @staticmethod
    def restore(network: nn.Module, batch: Batch) -> Tensor:
        """The restored image (B, C, s*H, s*W) in [0, 1] by `network`: G, its averaged copy, or one from a file."""
