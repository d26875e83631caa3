"""What a network makes of a batch with its reference, and what it makes of the same batch without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from refsr.networks.descriptor import Descriptor, descriptor_of
from refsr.ops.resize import imresize_tensor
from refsr.tasks.base import Batch
from refsr.tasks.restore import HasSingleImage, padded

Pass = Callable[[nn.Module, Batch], Tensor]
"""A restore function of batches, or one that goes over their tiles."""


class Passes(NamedTuple):
    """Two images (B, C, s*h, s*w) of one LR; the same tensor where no reference counts."""

    image: Tensor
    alone: Tensor
    """Without a reference."""


def takes_reference(descriptor: Descriptor) -> bool:
    """Whether a network's result can depend on a reference at all."""
    return "ref" in descriptor.inputs


def both_passes(restore: Pass, network: nn.Module, batch: Batch) -> Passes:
    """The results with and without the reference of the batch.

    A network around a single-image one makes that image once for both.
    """
    descriptor = descriptor_of(network)
    if not takes_reference(descriptor) or no_weight(batch):
        image = restore(network, batch)
        return Passes(image, image)
    if isinstance(network, HasSingleImage) and "base" in descriptor.optional:
        return _on_one_base(restore, network, batch, descriptor)
    return Passes(restore(network, batch), restore(network, without_reference(batch, descriptor)))


def no_weight(batch: Batch) -> bool:
    """Whether a batch says that its reference counts nowhere."""
    return "ref_weight" in batch and not bool(batch["ref_weight"].any())


def without_reference(batch: Batch, descriptor: Descriptor) -> Batch:
    """The batch with upsampled LR in the reference's place, and a weight of 0: as if none had been given."""
    found = dict(batch)
    up = upsampled_lr(batch, descriptor.scale)
    found["ref"] = up
    if "ref_down" in descriptor.inputs:
        found["ref_down"] = imresize_tensor(imresize_tensor(up, f"1/{descriptor.scale}"), descriptor.scale).clamp(0, 1)
    if "ref_weight" in descriptor.inputs:
        found["ref_weight"] = torch.zeros_like(up[:, :1])
    return found


def upsampled_lr(batch: Batch, scale: int) -> Tensor:
    """The batch's LR_UX, made of LR where it has none."""
    if "lr_up" in batch:
        found: Tensor = batch["lr_up"]
        return found
    return imresize_tensor(batch["lr"], scale).clamp(0, 1)


def _on_one_base(restore: Pass, network: nn.Module, batch: Batch, descriptor: Descriptor) -> Passes:
    assert isinstance(network, HasSingleImage)
    height, width = (side * descriptor.scale for side in batch["lr"].shape[-2:])
    members = {name: batch[name] for name in (*descriptor.inputs, *descriptor.optional) if name in batch}
    whole = padded(members, batch["lr"], descriptor.multiple)
    base = whole["base"] if "base" in whole else network.single_image(whole["lr"])
    image = restore(network, {**whole, "base": base})
    return Passes(image[..., :height, :width], base[..., :height, :width].clamp(0, 1))
