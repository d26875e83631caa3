"""The processes of one run: who there is, on which device, and what they agree on."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as distributed
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from refsr.core.errors import RefsrError, UsageError
from refsr.runs.heartbeats import Heartbeats, of_this_attempt

LOG = logging.getLogger(__name__)
SLURM_PORT = "29500"
TIMEOUT = 600.0
SILENCE = 60
"""Seconds after which waiting for other processes is worth a line."""


@dataclass(frozen=True)
class Group:
    """This process among those of the run."""

    rank: int
    world: int
    device: torch.device
    timeout: float = TIMEOUT
    """Seconds after which an exchange with processes that do not answer is an error."""
    heartbeats: Heartbeats | None = None

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and talks."""
        return self.rank == 0

    def any(self, flags: Sequence[bool]) -> list[bool]:
        """Which of the flags at least one process has raised."""
        if self.world == 1:
            return list(flags)
        raised = torch.tensor(list(flags), dtype=torch.int32, device=self.device)
        with self.waiting("agreement"):
            distributed.all_reduce(raised, distributed.ReduceOp.MAX)
        return [bool(flag) for flag in raised.tolist()]

    def total(self, values: Tensor) -> Tensor:
        """The sum of all processes' values, on the CPU; float64 keeps it exact where all but one hold zero."""
        if self.world == 1:
            return values
        shared = values.to(self.device)
        with self.waiting("sum of results"):
            distributed.all_reduce(shared)
        return shared.cpu()

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Says so once where an exchange with the other processes takes long, and for which of them it waits."""
        if self.world == 1:
            yield
            return
        if self.heartbeats is not None:
            self.heartbeats.exchanges += 1
        over = threading.Event()

        def warn() -> None:
            missing = self.missing()
            if not over.is_set():
                # An error to the log, because processes other than the main one show nothing less.
                LOG.error(
                    "%s: process %d has waited %g s for the others: %s; without an answer it ends after %g s (timeout)",
                    *(what, self.rank, SILENCE, missing, self.timeout),
                )

        timer = threading.Timer(SILENCE, warn)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            over.set()
            timer.cancel()

    def missing(self) -> str:
        """For which processes this one waits, in words."""
        return "not known which" if self.heartbeats is None else self.heartbeats.missing()


ALONE = Group(0, 1, torch.device("cpu"))


@dataclass(frozen=True)
class Launch:
    """What torchrun or Slurm says about this process."""

    rank: int
    world: int
    local: int
    by: str


def launched() -> Launch | None:
    """The launcher's words, if there is one; Slurm counts only where it started more than one task."""
    at = os.environ
    if "RANK" in at and "WORLD_SIZE" in at:
        return Launch(int(at["RANK"]), int(at["WORLD_SIZE"]), int(at.get("LOCAL_RANK", at["RANK"])), "torchrun")
    if int(at.get("SLURM_NTASKS", "1")) > 1 and "SLURM_PROCID" in at:
        return Launch(int(at["SLURM_PROCID"]), int(at["SLURM_NTASKS"]), int(at.get("SLURM_LOCALID", "0")), "Slurm")
    return None


@contextlib.contextmanager
def joined_process_group(gpu_ids: Sequence[int] | None, timeout: float = TIMEOUT) -> Iterator[Group]:
    """The group of this run; `gpu_ids` empty keeps it on the CPU."""
    launch = launched()
    cuda = torch.cuda.is_available() and gpu_ids != []
    local = launch.local if launch is not None else 0
    device = torch.device("cuda", local % torch.cuda.device_count()) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if launch is None or launch.world == 1:
        yield Group(0, 1, device)
        return
    _set_rendezvous(launch)
    patience, rank, world = timedelta(seconds=timeout), launch.rank, launch.world
    try:
        store = of_this_attempt(next(rendezvous("env://", rank, world, timeout=patience))[0])
        distributed.init_process_group(
            "nccl" if cuda else "gloo", store=store, timeout=patience, rank=rank, world_size=world
        )
    except (RuntimeError, ValueError) as error:
        raise RefsrError(
            f"the {launch.world} processes that {launch.by} started do not find each other: {error}"
        ) from (error)
    heartbeats = Heartbeats.of_run(launch.rank, launch.world)
    group = Group(launch.rank, launch.world, device, timeout, heartbeats)
    if "TORCHELASTIC_RUN_ID" in os.environ:
        _stop_with_launcher()
    with contextlib.ExitStack() as stack:
        stack.callback(distributed.destroy_process_group)
        stack.enter_context(heartbeats.sent())
        try:
            yield group
            # All leave together. A process that shut down right after its last exchange could abort: a thread of Gloo
            # may hold tensors of it a moment longer, and must not drop them while Python ends.
            with group.waiting("end"):
                distributed.barrier(device_ids=[device.index] if cuda else None)
        except RuntimeError as error:
            lost = peer_lost(error, group)
            if lost is None:
                raise
            raise RefsrError(lost) from error


def peer_lost(error: RuntimeError, group: Group) -> str | None:
    """What became of another process, if the error is the back-end's way to say that it ended or hangs."""
    text = str(error)
    if "timed out" in text.lower() or "timeout" in text:
        return f"waited {group.timeout:g} s (timeout) for the other processes of the run: {group.missing()}"
    words = ("Connection closed by peer", "Connection reset by peer", "gloo")
    if isinstance(error, distributed.DistBackendError) or any(word in text for word in words):
        return "another process of the run has ended; its own log lines say why"
    return None


def _stop_with_launcher() -> None:
    """Stops this process as SIGTERM does when torchrun is gone, which could not stop it any more."""
    launcher = os.getppid()

    def follow() -> None:
        while os.getppid() == launcher:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()


def gpus_to_use(gpu_ids: Sequence[int] | None) -> int:
    """How many GPUs a run without launcher takes: as many as `gpu_ids` names, as far as there are so many."""
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return there if gpu_ids is None else min(there, len(gpu_ids))


def _set_rendezvous(launch: Launch) -> None:
    """torchrun says where the first process listens; under Slurm it is the first host of the job."""
    if launch.by == "torchrun" or "MASTER_ADDR" in os.environ:
        os.environ.setdefault("MASTER_PORT", SLURM_PORT)
        return
    nodes = os.environ.get("SLURM_NODELIST") or os.environ.get("SLURM_JOB_NODELIST", "")
    try:
        hosts = subprocess.run(
            ["scontrol", "show", "hostnames", nodes], check=True, capture_output=True, text=True, timeout=30
        ).stdout.split()
        first = hosts[0]
    except (OSError, IndexError, subprocess.SubprocessError) as error:
        raise UsageError(
            f"Slurm's scontrol does not tell the hosts of {nodes!r}; set MASTER_ADDR to the first one"
        ) from error
    os.environ["MASTER_ADDR"] = first
    os.environ.setdefault("MASTER_PORT", SLURM_PORT)
