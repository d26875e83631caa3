"""The interface between trainer and task: networks, optimisers, the phases of an iteration, and restoring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.optim import Optimizer

from refsr.core.progress import ProgressFactory
from refsr.networks.descriptor import NetworkSpec

Batch = Mapping[str, Any]
"""A collated sample: tensors (B, C, H, W) in [0, 1] by the sample's member names, and `name`."""


Restore = Callable[[nn.Module, Batch], Tensor]
"""A network and a batch -> the restored image (B, C, s*H, s*W) in [0, 1]."""


@dataclass(frozen=True)
class Tile:
    """A part of the restored image, rows and columns each."""

    seen: tuple[slice, slice]
    kept: tuple[slice, slice]
    """Which of the rows and columns seen are kept, in the whole image's coordinates."""
    weights: tuple[Sequence[float], Sequence[float]]
    """Blending weight of each kept row and column; over all tiles they sum to one."""


@runtime_checkable
class TiledRestore(Protocol):
    """A Restore of many network evaluations that tiles each of them, so that tiles stay consistent on the way."""

    def by_tiles(
        self, network: nn.Module, batch: Batch, tiles: Sequence[Tile], progress: ProgressFactory = ...
    ) -> Tensor:
        """The whole batch restored, the network seeing one tile at a time."""


class IterationCache(dict[str, Tensor]):
    """Tensors that a phase keeps for the next ones of the same iteration and batch, such as the restored image."""

    def __init__(self) -> None:
        super().__init__()
        self.statistics: dict[str, Tensor] = {}
        """Scalars that are logged beside the losses but not minimised."""


Losses = dict[str, Tensor]
"""Weighted scalar terms by their logged names; the trainer minimises their sum."""


@dataclass(frozen=True)
class Phase:
    """One optimiser step inside an iteration; the parameters of the other networks are frozen meanwhile."""

    network: str
    """Key of the network and optimiser of this step."""
    losses: Callable[[nn.Module, Batch, IterationCache], Losses]
    """Called with that network as the trainer wraps it (compiled, distributed), the batch and the cache."""


class SubNetwork(Protocol):
    """A sub-network that may start from the weights of a network trained by itself."""

    @property
    def module(self) -> nn.Module:
        """The sub-network itself."""

    def select_weights(self, spec: NetworkSpec, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The sub-network's weights out of that network's, under its own keys; a DataError if that network has none."""


@runtime_checkable
class HasSubNetworks(Protocol):
    """A task whose networks have such sub-networks."""

    subnetworks: Mapping[str, SubNetwork]
    """By the keys of the option section `path` that name their weight files."""


class Task(Protocol):
    """Networks, losses and optimisers of one way to train, and how images are restored."""

    specs: Mapping[str, NetworkSpec]
    """How each network is built again, under the same key."""
    networks: Mapping[str, nn.Module]
    """All networks that are trained, by their published letters: G, D, D_grad."""
    optimisers: Mapping[str, Optimizer]
    """One for each network, under the same key."""
    frozen: Sequence[nn.Module]
    """Networks that are not trained, such as the perceptual one; they are moved to the run's device."""
    notes: Sequence[str]
    """Lines for every log and report of the run, such as which perceptual weights stand in for the published ones."""

    def phases(self, step: int) -> Sequence[Phase]:
        """The optimiser steps of iteration `step`, which counts from one."""

    @staticmethod
    def restore(network: nn.Module, batch: Batch) -> Tensor:
        """The restored image (B, C, s*H, s*W) in [0, 1] by `network`: G, its averaged copy, or one from a file."""
