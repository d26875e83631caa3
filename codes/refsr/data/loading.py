"""The order of samples as a pure function of seed and step, and loaders that keep to it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator


@lru_cache(maxsize=4)
def epoch_order(seed: int, epoch: int, size: int) -> npt.NDArray[np.int64]:
    """The order in which epoch number `epoch` visits `size` samples."""
    return numpy_generator(seed, "order", epoch).permutation(size)


def visit(seed: int, draw: int, size: int) -> int:
    """The sample of draw number `draw`; every `size` draws visit each sample once."""
    return int(epoch_order(seed, draw // size, size)[draw % size])


class StepSampler(Sampler[list[tuple[int, int]]]):
    """Batches of (index, draw) for the steps `first` to `last`, both included and counted from one.

    Step s takes the draws from (s - 1) * batch on, whatever the number of processes; each takes its equal share of
    them. So resuming needs no replay, and more or fewer processes see the same batches.
    """

    def __init__(self, size: int, batch: int, first: int, last: int, seed: int, rank: int = 0, world: int = 1) -> None:
        if size < 1:
            raise DataError("there are no samples to draw from")
        if batch % world:
            raise DataError(f"batch_size {batch} does not divide by {world} processes")
        self.size, self.batch, self.first, self.last = size, batch, first, last
        self.seed, self.rank, self.world = seed, rank, world

    def __len__(self) -> int:
        return max(0, self.last - self.first + 1)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        share = self.batch // self.world
        for step in range(self.first, self.last + 1):
            start = (step - 1) * self.batch + self.rank * share
            yield [(visit(self.seed, draw, self.size), draw) for draw in range(start, start + share)]


def quiet_worker(worker: int) -> None:
    """Loader processes are many, so each keeps to one thread."""
    import cv2
    import torch

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
