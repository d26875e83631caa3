"""A restore function around another one: its result held to LR, its reference weakened or guarded, evidence beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refsr.core.progress import ProgressFactory, no_progress
from refsr.inference.evidence import evidence, evidence_reach
from refsr.inference.guard import GUARD_REACH, guarded_share
from refsr.inference.passes import Pass, Passes, both_passes, takes_reference, upsampled_lr, without_reference
from refsr.inference.trust_options import Trust
from refsr.networks.descriptor import Descriptor, descriptor_of
from refsr.ops.consistency import Consistency, reach
from refsr.tasks.base import Batch, Restore, Tile, TiledRestore


def trusted(restore: Restore, trust: Trust) -> Restore:
    """The restore function of a task with what `trust` says; its own where that says nothing."""
    if trust.plain:
        return restore
    return TrustedTiles(restore, trust) if isinstance(restore, TiledRestore) else TrustedRestore(restore, trust)


def trust_reach(descriptor: Descriptor, trust: Trust) -> int:
    """Pixels of LR around a tile that its result depends on, beyond the network's halo."""
    far = 0
    if takes_reference(descriptor) and trust.guard and trust.strength > 0:
        far += GUARD_REACH
    if trust.consistent != "off":
        far += reach(descriptor.scale, trust.response, trust.softness if trust.consistent == "soft" else 0.0)
    return far + (evidence_reach(trust) if trust.evidence else 0)


@dataclass(frozen=True)
class TrustedRestore:
    """Network and batch -> (B, C, s*h, s*w), with the planes of evidence behind the bands if it is asked for."""

    restore: Restore
    trust: Trust

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        return result(self.restore, network, batch, self.trust)


@dataclass(frozen=True)
class TrustedTiles(TrustedRestore):
    """The same of a task that tiles within its passes."""

    def by_tiles(
        self, network: nn.Module, batch: Batch, tiles: Sequence[Tile], progress: ProgressFactory = no_progress
    ) -> Tensor:
        assert isinstance(self.restore, TiledRestore)
        inner = self.restore

        def over_tiles(network: nn.Module, batch: Batch) -> Tensor:
            return inner.by_tiles(network, batch, tiles, progress)

        return result(over_tiles, network, batch, self.trust)


def result(restore: Pass, network: nn.Module, batch: Batch, trust: Trust) -> Tensor:
    """The image that `restore` makes of a batch, as `trust` says, with the planes of the evidence behind its bands."""
    descriptor = descriptor_of(network)
    passes = _passes(restore, network, batch, trust)
    image = combined(passes, batch["lr"], trust)
    mixed = image
    image = held_to_lr(mixed, batch["lr"], trust)
    if not trust.evidence:
        return image
    planes = evidence(image, Passes(mixed, passes.alone), upsampled_lr(batch, descriptor.scale), batch, trust)
    return torch.cat((image, planes), 1)


def held_to_lr(image: Tensor, lr: Tensor, trust: Trust) -> Tensor:
    """The image nearest to one (B, C, s*h, s*w) that reduces to LR, or to something near it; in [0, 1]."""
    if trust.consistent == "off":
        return image
    softness = trust.softness if trust.consistent == "soft" else 0.0
    consistent = Consistency(lr, image.shape[-2], image.shape[-1], trust.response, softness)
    return consistent(image).clamp(0, 1)


def combined(passes: Passes, lr: Tensor, trust: Trust) -> Tensor:
    """Of both passes, what the strength and the guard leave of the reference."""
    image, alone = passes
    if image is alone:
        return image
    if trust.guard:
        share = guarded_share(passes, lr, trust.response, trust.guard_floor)
        image = torch.where(share == 1, image, alone + share * (image - alone))
    return image if trust.strength == 1 else alone + trust.strength * (image - alone)


def _passes(restore: Pass, network: nn.Module, batch: Batch, trust: Trust) -> Passes:
    """Both passes where both are needed; the same image twice where one is."""
    if trust.strength == 0:
        descriptor = descriptor_of(network)
        free = without_reference(batch, descriptor) if takes_reference(descriptor) else batch
        alone = restore(network, free)
        return Passes(alone, alone)
    if trust.strength == 1 and not trust.guard and not trust.evidence:
        image = restore(network, batch)
        return Passes(image, image)
    return both_passes(restore, network, batch)
