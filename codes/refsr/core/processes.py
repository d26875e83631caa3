"""Work spread over processes that change nothing about its results: one thread each, stopped with their parent."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.process import BaseProcess
from typing import TypeVar

from refsr.core.errors import RefsrError

Item = TypeVar("Item")
Result = TypeVar("Result")

SHARED_MEMORY = "/dev/shm"
# What the libraries under NumPy, OpenCV and torch read when they load; sums depend on the number of threads.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@contextmanager
def spread(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    on_early_exit: Callable[[Result], None] | None = None,
) -> Iterator[Iterator[Result]]:
    """Yields the results in the order in which they end; leaving early drops what has not begun.

    `work` and the items must be picklable. Ctrl-C reaches the parent alone, so what has begun is finished. When the
    block is left by an exception, `on_early_exit` gets every result that there is, those already yielded among them.
    """
    futures: list[Future[Result]] = []
    with _environment(dict.fromkeys(ONE_THREAD, "1")):
        # Spawned, not forked: a fork would copy the locks of threads that are no more.
        check_locks()
        pool = ProcessPoolExecutor(max(1, min(workers, len(items))), get_context("spawn"), end_with_parent)
        try:
            with _interrupts_held():
                futures = [pool.submit(work, item) for item in items]
            yield (future.result() for future in as_completed(futures))
        except BaseException as error:
            pool.shutdown(cancel_futures=True)
            if on_early_exit is not None:
                for future in futures:
                    if future.done() and not future.cancelled() and future.exception() is None:
                        on_early_exit(future.result())
            if isinstance(error, BrokenProcessPool):
                raise RefsrError("a worker process died, perhaps for want of memory; a rerun does the rest") from error
            raise
        pool.shutdown(cancel_futures=True)


def begin_aside(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """Starts a picklable function in a process of low priority; it ends with this one, and leaves Ctrl-C to it."""
    process = get_context("spawn").Process(target=_aside, args=(work, *arguments), daemon=True)
    with _environment(dict.fromkeys(ONE_THREAD, "1")), _interrupts_held():
        process.start()
    return process


def _aside(work: Callable[..., None], *arguments: object) -> None:
    end_with_parent()
    if hasattr(os, "nice"):
        os.nice(10)
    work(*arguments)


def check_locks(advice: str = "worker processes need it") -> None:
    """Raises an error with advice where processes cannot get the locks that they share."""
    try:
        get_context("spawn").Lock()
    except OSError as error:
        raise RefsrError(f"{SHARED_MEMORY}: {error.strerror}; {advice}") from error


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Holds Ctrl-C back while workers are started, who inherit that and so leave it to the parent from the first on."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # It starts with the first worker otherwise, and lets Ctrl-C through when it has.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """Ends this process, started by `multiprocessing`, when its parent is gone."""
    parent = parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
