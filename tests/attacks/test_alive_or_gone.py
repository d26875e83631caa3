"""Processes that die or stop, and what they need and do not get: an error in bounded time that says which."""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import synchronize
from pathlib import Path

import pytest
import torch

from refsr.core.errors import DataError, RefsrError
from refsr.core.processes import spread
from refsr.data.loading import Batch, StepSampler, batches
from refsr.data.sets.paired import Member, PairedSet
from refsr.data.stores import open_store
from refsr.runs import heartbeats, process_group
from refsr.training.stop_request import StopRequest


def loaded(places: Path, timeout: float = 600, batch: int = 2) -> Iterator[Batch]:
    """More batches than loader processes fetch ahead."""
    dataset = PairedSet({"hr": Member(open_store(places / "HR"))}, 4, derive=("lr",))
    return batches(dataset, StepSampler(len(dataset), batch, 1, 1000, seed=0), 2, timeout=timeout)


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (signal.SIGKILL, "a loader process died, perhaps for want of memory"),
        (signal.SIGBUS, "/dev/shm is full"),
        (signal.SIGSTOP, "no batch came from the loader processes for 20 s: they are stopped"),
    ],
)
def test_loader_processes_that_die_or_stop(number: signal.Signals, fault: str, places: Path) -> None:
    before = set(multiprocessing.active_children())
    # As long as workers on a busy machine may need to start, unless the fault is that nothing comes any more.
    batches_ = loaded(places, timeout=20 if number == signal.SIGSTOP else 600)
    next(batches_)
    workers = set(multiprocessing.active_children()) - before
    assert len(workers) == 2
    for worker in workers:
        assert worker.pid is not None
        os.kill(worker.pid, number)
    with pytest.raises(DataError, match=rf"{fault}.*datasets\.train\.n_workers=0"):
        for _ in batches_:
            pass
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()


def test_full_shared_memory_is_named(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that could not be handed over was dropped by a thread of the worker, and training waited for ever."""

    def full(tensor: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    with pytest.raises(DataError, match=r"/dev/shm is full: .*datasets\.train\.n_workers=0"):
        next(loaded(places))


FULL = """
mount -t tmpfs -o size=64k tmpfs /dev/shm || exit 77
exec "$@"
"""
LOAD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_alive_or_gone import loaded
from refsr.core.errors import DataError
try:
    next(loaded(Path(sys.argv[2]), batch=64))
except DataError as error:
    print(error)
"""


def test_a_machine_whose_shared_memory_is_full(places: Path) -> None:
    here = str(Path(__file__).parent)
    words = ["unshare", "-m", "sh", "-c", FULL, "sh", sys.executable, "-c", LOAD, here, str(places)]
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("needs the right to a name space of its own")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=1800)
    if done.returncode == 77:
        pytest.skip("mounting is not allowed here")
    assert done.stdout.startswith("/dev/shm is full"), done.stderr


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if /dev/shm could not be written."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(synchronize.SemLock, "__init__", refused)


@pytest.mark.usefixtures("no_locks")
def test_read_only_shared_memory_is_named(places: Path) -> None:
    with pytest.raises(RefsrError, match=r"/dev/shm: Read-only file system; datasets\.train\.n_workers=0"):
        next(loaded(places))
    with pytest.raises(RefsrError, match="/dev/shm: Read-only file system"), spread(abs, [1], 2):
        pass


def forked(work: Callable[[], None]) -> int:
    """A child of this process that ends with 0 where `work` returns."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


@pytest.fixture
def rendezvous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where forked processes find each other, without a launcher; they say soon for whom they wait."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(process_group, "SILENCE", 0)
    monkeypatch.setattr(heartbeats, "LISTENING", 5)


@contextlib.contextmanager
def running(work: Callable[[int], None], world: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Forked processes of one run, by rank; what is left of them at the end is killed."""
    monkeypatch.setenv("WORLD_SIZE", str(world))
    children = []
    for rank in range(world):
        monkeypatch.setenv("RANK", str(rank))
        children.append(forked(functools.partial(work, rank)))
    try:
        yield children
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def ended(child: int) -> None:
    """Waits until a child has ended, and leaves it for `running`."""
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)


@pytest.mark.parametrize("stopped", [0, 1])
@pytest.mark.usefixtures("rendezvous")
def test_a_process_of_the_run_that_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: int) -> None:
    """The others end after `timeout`, and say before that for whom they wait; process 0 takes the store with it."""

    def take_part(rank: int) -> None:
        with (tmp_path / str(rank)).open("a") as sink, process_group.joined_process_group([], timeout=20) as group:
            logging.getLogger("refsr").addHandler(logging.StreamHandler(sink))
            assert group.any([False]) == [False]
            if rank == stopped:
                os.kill(os.getpid(), signal.SIGSTOP)
            try:
                group.any([False])
            except RuntimeError as error:
                sink.write(str(process_group.peer_lost(error, group)))
                sink.flush()
                os._exit(0)

    waiting = 1 - stopped
    with running(take_part, 2, monkeypatch) as children:
        ended(children[waiting])
    text = (tmp_path / str(waiting)).read_text()
    missing = "no sign of life of process 1" if stopped else "the store of the run, .*, gives no answer"
    said = (
        rf"agreement: process {waiting} has waited 0 s for the others: {missing}; without an answer it ends after 20 s"
    )
    assert re.search(said, text), text
    assert re.search(rf"waited 20 s \(timeout\) for the other processes of the run: {missing}$", text), text


@pytest.mark.usefixtures("rendezvous")
def test_a_process_that_is_behind_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lives, but does not come to the exchange; of three processes only that one is named."""

    def take_part(rank: int) -> None:
        with (tmp_path / str(rank)).open("a") as sink, process_group.joined_process_group([]) as group:
            logging.getLogger("refsr").addHandler(logging.StreamHandler(sink))
            group.any([False])
            if rank == 1:
                time.sleep(3600)
            group.any([False])

    with running(take_part, 3, monkeypatch):
        for rank in (0, 2):
            file = tmp_path / str(rank)
            while "agreement: process" not in (file.read_text() if file.exists() else ""):
                time.sleep(0.1)
            assert f"process {rank} has waited 0 s for the others: process 1 not here yet; " in file.read_text()


def test_processes_of_a_launcher_that_is_gone_stop() -> None:
    reader, writer = os.pipe()

    def launch() -> None:
        def follow() -> None:
            process_group._stop_with_launcher()
            os.write(writer, b"started")
            time.sleep(600)

        forked(follow)
        assert os.read(reader, 7) == b"started"

    launcher = forked(launch)
    os.close(writer)
    assert os.waitstatus_to_exitcode(os.waitpid(launcher, 0)[1]) == 0
    # The end of the pipe: nobody holds it any more.
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_nohup_keeps_a_run_from_a_hangup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as request:
            os.kill(os.getpid(), signal.SIGHUP)
            assert request.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)
    with StopRequest() as request:
        os.kill(os.getpid(), signal.SIGHUP)
        assert request.signal == signal.SIGHUP
