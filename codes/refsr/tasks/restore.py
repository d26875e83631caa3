"""How images are restored: by the task's function, and for most tasks by a single forward pass on padded inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from refsr.core.errors import DataError, OutputError
from refsr.core.options.sampling import SamplingOptions
from refsr.core.registry import resolve
from refsr.networks.descriptor import Descriptor, descriptor_of
from refsr.tasks.base import Batch, Restore


@runtime_checkable
class RestoresBySampling(Protocol):
    """A task that restores by sampling, configured by options."""

    @staticmethod
    def restore_function(sampling: SamplingOptions, seed: int) -> Restore: ...


def restore_function(model: str, sampling: SamplingOptions | None = None, seed: int = 0) -> Restore:
    """The restore function of the task with this name; tasks that sample use the sampling options and the seed."""
    task = resolve("task", model)
    if isinstance(task, RestoresBySampling):
        return task.restore_function(sampling if sampling is not None else SamplingOptions(), seed)
    restore: Restore = task.restore
    return restore


def network_inputs(descriptor: Descriptor, batch: Batch) -> list[Tensor]:
    """The members of the batch that the network takes, in its order."""
    missing = [name for name in descriptor.inputs if name not in batch]
    if missing:
        raise DataError(f"the network needs {', '.join(missing)}, which the data does not have")
    return [batch[name] for name in descriptor.inputs]


def network_output(network: nn.Module, descriptor: Descriptor, batch: Batch, **switches: bool) -> Any:
    """What the network gives for a batch; it gets its optional inputs where the batch has them."""
    return network(*network_inputs(descriptor, batch), **optional_inputs(descriptor, batch), **switches)


def optional_inputs(descriptor: Descriptor, batch: Batch) -> dict[str, Tensor]:
    """The optional members of the batch that the network takes, by name."""
    return {name: batch[name] for name in descriptor.optional if name in batch}


def require_fit(descriptor: Descriptor, sample: Batch, source: str) -> None:
    """A DataError unless a sample has the network's inputs with the network's numbers of bands."""
    network_inputs(descriptor, sample)
    bands = sample["lr"].shape[-3]
    if bands != descriptor.channels:
        raise DataError(
            f"{source}: the images have {bands} bands, the network takes {descriptor.channels}; "
            f"network_G.channels: {bands} or a choice of bands fixes it"
        )
    cube = sample["hsi"].shape[-3] if descriptor.hsi_bands else 0
    if cube != descriptor.hsi_bands:
        raise DataError(
            f"{source}: the cubes have {cube} bands, the network takes {descriptor.hsi_bands}; "
            f"network_G.hsi_bands: {cube} or a choice of bands_hsi fixes it"
        )


@runtime_checkable
class HasSingleImage(Protocol):
    """A network around a single-image one."""

    def single_image(self, lr: Tensor) -> Tensor:
        """LR (B, C, h, w) -> what is made of it without a reference (B, C, s*h, s*w)."""


MOST_APART = 0.75 / 255
"""Mean difference of a stored base from what the network makes: by rounding to 8 bits and by tiles it is half of it."""
COMPARED = 128
"""Pixels of LR along the sides of what is compared, at most."""


def require_base(network: nn.Module, sample: Batch, source: str) -> None:
    """A DataError unless a sample's base, if it has one, is what the network's own base makes of LR."""
    if "base" not in sample or not isinstance(network, HasSingleImage):
        return
    descriptor = descriptor_of(network)
    first = next(network.parameters())
    lr = sample["lr"][None, :, :COMPARED, :COMPARED]
    part = padded({"lr": lr}, lr, descriptor.multiple)["lr"].to(first.device)
    training = network.training
    with torch.no_grad():
        made = network.eval().single_image(part).cpu()
    network.train(training)
    height, width = (descriptor.scale * side for side in lr.shape[-2:])
    # The border of a part sees less than it does in the whole image.
    inside = slice(height // 4, -height // 4), slice(width // 4, -width // 4)
    apart = made[0, :, :height, :width] - sample["base"][:, :height, :width]
    found = float(apart[:, inside[0], inside[1]].abs().mean())
    if found > MOST_APART:
        raise DataError(
            f"{source}: the base of {sample['name']} is not what the network makes of LR: they are {255 * found:.1f} "
            "grey levels apart on average; make it of this LR with these weights: refsr restore --bits 16"
        )


def single_pass(network: nn.Module, batch: Batch) -> Tensor:
    """A batch -> (B, C, s*h, s*w) in [0, 1] by one forward pass: inputs padded to the size multiple, result cropped."""
    descriptor = descriptor_of(network)
    optional = padded(optional_inputs(descriptor, batch), batch["lr"], descriptor.multiple)
    restored: Tensor = network(*padded_inputs(descriptor, batch), **optional)
    height, width = (side * descriptor.scale for side in batch["lr"].shape[-2:])
    require_finite(restored, batch["lr"])
    return restored[..., :height, :width].clamp(0, 1)


def require_finite(restored: Tensor, lr: Tensor) -> None:
    """An OutputError where a network makes values that are not finite of LR that is."""
    if not torch.isfinite(restored).all() and torch.isfinite(lr).all():
        raise OutputError(
            f"the network gives values that are not finite in {restored.dtype}; its training diverged, or it needs a "
            "wider type"
        )


def padded_inputs(descriptor: Descriptor, batch: Batch) -> list[Tensor]:
    """The network's inputs, mirror-padded at the bottom and right to its size multiple."""
    inputs = dict(zip(descriptor.inputs, network_inputs(descriptor, batch), strict=True))
    return list(padded(inputs, batch["lr"], descriptor.multiple).values())


def padded(members: Mapping[str, Tensor], lr: Tensor, multiple: int) -> dict[str, Tensor]:
    """Members of a batch, mirror-padded at the bottom and right as if LR were, to a multiple of so many pixels."""
    height, width = lr.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if not down and not right:
        return dict(members)
    return {
        name: mirror_padded(one, down * one.shape[-2] // height, right * one.shape[-1] // width)
        for name, one in members.items()
    }


def mirror_padded(image: Tensor, down: int, right: int) -> Tensor:
    """(..., H, W) -> (..., H + down, W + right), mirrored at the bottom and right, repeatedly where needed."""
    rows = _mirrored_index(image.shape[-2], image.shape[-2] + down, image.device)
    columns = _mirrored_index(image.shape[-1], image.shape[-1] + right, image.device)
    return image[..., rows, :][..., columns]


def _mirrored_index(size: int, padded: int, device: torch.device) -> Tensor:
    index = torch.arange(padded, device=device) % (2 * size)
    return torch.minimum(index, 2 * size - 1 - index)
