"""Restoring by one pass of a network."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from refsr.core.errors import DataError, UsageError
from refsr.core.options.sampling import SamplingOptions
from refsr.core.registry import resolve
from refsr.networks.descriptor import DescribedNetwork, Descriptor
from refsr.tasks.base import Batch, Restore


@runtime_checkable
class Samples(Protocol):
    """A task that restores by sampling, in one of many ways."""

    @staticmethod
    def restore_function(sampling: SamplingOptions, seed: int) -> Restore: ...


def restore_function(model: str, sampling: SamplingOptions | None = None, seed: int = 0) -> Restore:
    """How the task of this name restores; those that sample do it as the options say."""
    task = resolve("task", model)
    if isinstance(task, Samples):
        return task.restore_function(sampling if sampling is not None else SamplingOptions(), seed)
    restore: Restore = task.restore
    return restore


def descriptor_of(network: nn.Module) -> Descriptor:
    """What the network says of itself."""
    if not isinstance(network, DescribedNetwork):
        raise UsageError(f"{type(network).__name__} has no descriptor, so nobody knows its inputs and scale")
    return network.descriptor


def network_inputs(descriptor: Descriptor, batch: Batch) -> list[Tensor]:
    """The members that the network asks for, in its order."""
    missing = [name for name in descriptor.inputs if name not in batch]
    if missing:
        raise DataError(f"the network needs {', '.join(missing)}, which the data do not have")
    return [batch[name] for name in descriptor.inputs]


def require_fit(descriptor: Descriptor, sample: Batch, source: str) -> None:
    """A DataError unless a sample has what the network needs, in as many bands."""
    network_inputs(descriptor, sample)
    bands = sample["lr"].shape[-3]
    if bands != descriptor.channels:
        raise DataError(
            f"{source}: the images have {bands} bands, the network takes {descriptor.channels}; "
            f"network_G.channels: {bands} or a choice of bands mends it"
        )
    cube = sample["hsi"].shape[-3] if descriptor.hsi_bands else 0
    if cube != descriptor.hsi_bands:
        raise DataError(
            f"{source}: the cubes have {cube} bands, the network takes {descriptor.hsi_bands}; "
            f"network_G.hsi_bands: {cube} or a choice of bands_hsi mends it"
        )


def direct(network: nn.Module, batch: Batch) -> Tensor:
    """The members of `batch` -> (B, C, s*h, s*w) in [0, 1]: mirrored to the network's multiple, cut back, clamped."""
    descriptor = descriptor_of(network)
    restored: Tensor = network(*fitted_inputs(descriptor, batch))
    height, width = (side * descriptor.scale for side in batch["lr"].shape[-2:])
    return restored[..., :height, :width].clamp(0, 1)


def fitted_inputs(descriptor: Descriptor, batch: Batch) -> list[Tensor]:
    """What the network asks for, mirrored at the bottom and right up to its multiple."""
    inputs = network_inputs(descriptor, batch)
    height, width = batch["lr"].shape[-2:]
    down, right = -height % descriptor.multiple, -width % descriptor.multiple
    if down or right:
        inputs = [extended(one, down * one.shape[-2] // height, right * one.shape[-1] // width) for one in inputs]
    return inputs


def extended(image: Tensor, down: int, right: int) -> Tensor:
    """Rows and columns added at the bottom and right, mirrored as often as it takes."""
    rows = _mirrored(image.shape[-2], image.shape[-2] + down, image.device)
    columns = _mirrored(image.shape[-1], image.shape[-1] + right, image.device)
    return image[..., rows, :][..., columns]


def _mirrored(size: int, extended: int, device: torch.device) -> Tensor:
    index = torch.arange(extended, device=device) % (2 * size)
    return torch.minimum(index, 2 * size - 1 - index)
