"""The order of samples as a pure function of seed and step, and loaders that keep to it."""

from __future__ import annotations

import pickle
import signal
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from refsr.core.errors import DataError, RefsrError
from refsr.core.memory import keep_freed_memory
from refsr.core.processes import check_locks
from refsr.core.seeding import numpy_generator
from refsr.core.user_modules import IMPORTED, import_module
from refsr.data.loader_faults import ADVICE, fetched, share
from refsr.data.sample import PackedSample, unit_tensor

if TYPE_CHECKING:
    from refsr.data.sets.paired import PairedSet

Batch = dict[str, Any]
"""A collated sample: tensors (B, C, H, W) in [0, 1] by member, and the lists `name` and `draw`.

Draws are the numbers of samples in the run: what is random about a sample may depend on its draw and nothing else.
"""


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


class PackedDraws(Dataset[PackedSample]):
    """A data set's draws as workers send them: packed, a quarter of the bytes."""

    def __init__(self, dataset: PairedSet) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, item: tuple[int, int]) -> PackedSample:
        return self.dataset.draw(*item)

    def __reduce__(self) -> tuple[Any, ...]:
        """A process that is started anew imports a user's modules before it unpickles what was made from them."""
        return _unpickled, (tuple(IMPORTED), pickle.dumps(self.dataset))


def _unpickled(modules: Sequence[str], dataset: bytes) -> PackedDraws:
    for module in modules:
        import_module(module)
    return PackedDraws(pickle.loads(dataset))


def stacked(samples: list[PackedSample]) -> tuple[list[str], dict[str, tuple[Tensor, float, float]]]:
    """Packed samples as a packed batch; members of one kind share their range."""
    names = [name for name, _ in samples]
    members = {}
    for member, (_, low, high) in samples[0][1].items():
        batch = torch.stack([parts[member][0] for _, parts in samples])
        members[member] = (batch if get_worker_info() is None else share(batch), low, high)
    return names, members


def batches(
    dataset: PairedSet, sampler: StepSampler, workers: int, device: torch.device | None = None, timeout: float = 600
) -> Iterator[Batch]:
    """Float batches on `device`, in the sampler's order; pixels become floats only there.

    A batch for which loader processes need more than `timeout` seconds is an error.
    """
    if workers:
        check_locks(ADVICE)
    with warnings.catch_warnings():
        # Shipped options ask for more processes than a small machine has cores: slower at worst, and no mistake.
        warnings.filterwarnings("ignore", "This DataLoader will create")
        loader = DataLoader(
            PackedDraws(dataset),
            batch_sampler=sampler,
            num_workers=workers,
            worker_init_fn=quiet_worker,
            collate_fn=stacked,
            pin_memory=device is not None and device.type == "cuda",
        )
        loaded = fetched(iter(loader), timeout) if workers else iter(loader)
    try:
        for drawn, (names, members) in zip(sampler, loaded, strict=True):
            batch: Batch = {"name": names, "draw": [draw for _, draw in drawn]}
            for member, (raw, low, high) in members.items():
                batch[member] = unit_tensor(raw.to(device, non_blocking=True) if device else raw, low, high)
            yield batch
    except RefsrError as error:
        raise _without_trace(error) from error


def _without_trace(error: RefsrError) -> RefsrError:
    """A worker's error with its own line alone; torch puts the worker's whole traceback into the message."""
    kind, text = type(error), str(error)
    name = f"{kind.__module__}.{kind.__qualname__}: "
    return kind(text.rpartition(name)[2].strip()) if name in text else error


GRACE = 60
"""Seconds for which a loader process outlives a signal to end."""


def quiet_worker(worker: int) -> None:
    """Loader processes are many, so each keeps to one thread.

    Ctrl-C, SIGTERM and SIGHUP often reach the whole family of processes, but it is the parent who decides when to
    stop: a worker that went first would break the step that the parent is in.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Windows has no such signals, and no alarm.
    for number in (signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "alarm") else ():
        # nohup has SIGHUP ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: signal.alarm(GRACE))
    quieten()


def quieten() -> None:
    """One thread, and freed memory kept."""
    import cv2

    keep_freed_memory()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
