"""Restores the images of a data set and measures them, each process its share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.sample import Sample
from refsr.data.sets.paired import PairedSet
from refsr.metrics.pair import ImageMetric
from refsr.metrics.protocols import DEFAULT_PROTOCOL, protocol
from refsr.runs.process_group import Group

Unit = npt.NDArray[np.float32]
Restore = Callable[[Mapping[str, object]], Tensor]
"""A batch of one sample on the run's device -> (1, C, s*H, s*W) in [0, 1]."""


@dataclass(frozen=True)
class Restored:
    """A sample and what was made of it, both (H, W, C) in [0, 1]."""

    index: int
    name: str
    sample: Sample
    image: Unit
    target: Unit


def share(count: int, group: Group) -> range:
    """The indices that this process looks at."""
    return range(group.rank, count, group.world)


def restored(dataset: PairedSet, indices: range, restore: Restore, device: torch.device) -> Iterator[Restored]:
    """The samples of these indices, restored one by one."""
    for index in indices:
        sample = dataset[index]
        with torch.inference_mode():
            image = restore(one_batch(sample, device))
        yield Restored(index, sample["name"], sample, planes_last(image[0]), planes_last(sample["hr"]))


def quick_scores(
    dataset: PairedSet,
    restore: Restore,
    judges: Mapping[str, ImageMetric],
    group: Group,
    scale: int,
    limit: int | None = None,
    seen: Callable[[Restored], None] | None = None,
    progress: ProgressFactory = no_progress,
) -> dict[str, float]:
    """Means over the set under the default protocol, as training quotes them; equal on all processes."""
    count = len(dataset) if limit is None else min(limit, len(dataset))
    table = torch.zeros(count, len(judges), dtype=torch.float64)
    with progress("validating", len(share(count, group))) as bar:
        for one in restored(dataset, share(count, group), restore, group.device):
            pair = protocol(DEFAULT_PROTOCOL).compared(one.image, one.target, scale)
            table[one.index] = torch.tensor([judge(*pair) for judge in judges.values()], dtype=torch.float64)
            if seen is not None:
                seen(one)
            bar.advance()
    means = group.total(table).mean(dim=0).tolist()
    return dict(zip(judges, means, strict=True))


def one_batch(sample: Sample, device: torch.device) -> dict[str, object]:
    """A sample as a batch of one on a device."""
    return {
        name: member.unsqueeze(0).to(device) if isinstance(member, Tensor) else [member]
        for name, member in sample.items()
    }


def planes_last(image: Tensor) -> Unit:
    """(C, H, W) on any device -> (H, W, C)."""
    values: Unit = image.detach().float().cpu().permute(1, 2, 0).numpy()
    return values
