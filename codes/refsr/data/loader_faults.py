"""What goes wrong with loader processes, in words; torch reports it in several places, or waits."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import wait
from typing import Any

from torch import Tensor

from refsr.core.errors import DataError
from refsr.core.processes import SHARED_MEMORY

ENDING = 10
"""Seconds in which a process ends whose connection has ended."""
ADVICE = "datasets.train.n_workers=0 loads in the training process"
FULL = f"{SHARED_MEMORY} is full: loader processes hand batches over there; {ADVICE}"
DIED = f"a loader process died, perhaps for want of memory; {ADVICE}"


@contextlib.contextmanager
def explain_loader_faults() -> Iterator[None]:
    """Turns torch's error when a loader process dies into ours; torch raises it in whatever runs at that moment."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if "DataLoader worker (pid" not in text or "Caught " in text:
            raise
        raise DataError(FULL if "Bus error" in text else DIED) from error


def fetched(loaded: Any, timeout: float) -> Iterator[Any]:
    """The batches of a loader's iterator, each within `timeout` seconds; at the end its processes are ended.

    torch's own timeout is not enough: a batch is taken from its process by a connection, on which torch waits for ever
    where the process is stopped. If it is killed, the connection ends.
    """
    with explain_loader_faults():
        yield from _fetched(loaded, timeout)


def _fetched(loaded: Any, timeout: float) -> Iterator[Any]:
    stalled = threading.Event()

    def give_up() -> None:
        stalled.set()
        _kill(loaded)

    try:
        while True:
            timer = threading.Timer(timeout, give_up)
            timer.daemon = True
            timer.start()
            try:
                batch = next(loaded)
            except StopIteration:
                return
            except (RuntimeError, OSError, EOFError) as error:
                if stalled.is_set():
                    reason = f"no batch came from the loader processes for {timeout:g} s: they are stopped, or reading"
                    raise DataError(f"{reason} hangs (timeout); {ADVICE}") from error
                # What a data set raised comes here as well. A connection may end a moment before its process.
                ended = wait([worker.sentinel for worker in loaded._workers], ENDING)
                if "Caught " in str(error) or not ended:
                    raise
                # So does its sentinel: until the process is gone, its exit code is not known.
                for worker in loaded._workers:
                    if worker.sentinel in ended:
                        worker.join(ENDING)
                bus_error = any(worker.exitcode == -signal.SIGBUS for worker in loaded._workers)
                raise DataError(FULL if bus_error else DIED) from error
            finally:
                timer.cancel()
            yield batch
    finally:
        # torch does so when nothing refers to the iterator any more, which an error's traceback does.
        loaded._shutdown_workers()
        _kill(loaded)


def share(batch: Tensor) -> Tensor:
    """Puts a batch where the training process can take it.

    It would be put there anyway, but by a thread that drops a batch when that fails, and the parent would wait for it.
    """
    try:
        shared: Tensor = batch.share_memory_()  # type: ignore[no-untyped-call]
        return shared
    except RuntimeError as error:
        raise DataError(FULL) from error


def _kill(loaded: Any) -> None:
    """Ends what is left of the processes; they only read, and a stopped one can be ended in no other way."""
    for worker in loaded._workers:
        if worker.is_alive():
            worker.kill()
