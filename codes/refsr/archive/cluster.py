"""The Dask cluster that an archive is restored on: one that runs already, or one on this machine alone."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections.abc import Iterator
from typing import Any

from refsr.core.errors import RefsrError, UsageError
from refsr.core.progress import Announce, counted

LOOPBACK = "127.0.0.1"
CORES_A_WORKER = 4
"""Of a machine without GPUs: what a network uses well."""
SECONDS_TO_CONNECT = 20
LITTLE_MONITORING = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}
"""Dask's profiler is off and its monitors run rarely: they take processor time from small scenes as long as it runs."""
GONE = "the scheduler is gone; what is done stays, and the same command does the rest"
COMPARED = ("refsr", "torch", "numpy", "rasterio")
"""Packages whose versions results may depend on."""


@contextlib.contextmanager
def connected(scheduler: str | None, workers: int | None, announce: Announce) -> Iterator[Any]:
    """A client of the scheduler at an address, or of a cluster on loopback that ends with the block."""
    from distributed import Client, LocalCluster

    # What Dask logs of its own work is no line of ours; it does so under names of its modules.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            count, threads = _shares(workers)
            # What kills its worker twice kills the next one too.
            settings = {
                "distributed.scheduler.allowed-failures": 1,
                "distributed.worker.daemon": True,
                **LITTLE_MONITORING,
            }
            stack.enter_context(_configured(settings))
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=count, threads_per_worker=threads, processes=True, host=LOOPBACK,
                    dashboard_address=f"{LOOPBACK}:0", silence_logs=50, memory_limit=0,
                )
            )  # fmt: skip
            client = stack.enter_context(Client(cluster))
            announce(f"workers: {count} on this machine, with {counted(threads, 'thread')} each")
        else:
            try:
                client = stack.enter_context(Client(scheduler, timeout=SECONDS_TO_CONNECT))
            except (OSError, ValueError, TimeoutError) as error:
                raise RefsrError(f"{scheduler}: no scheduler answers there: {error}") from error
            with scheduler_errors(client):
                announce(f"scheduler: {scheduler}, {counted(worker_count(client), 'worker')}")
                compare_versions(client, announce)
        if importlib.util.find_spec("bokeh") is not None:
            announce(f"dashboard: {client.dashboard_link}")
        else:
            announce("dashboard: none; pip install bokeh shows Dask's")
        yield client


def _shares(workers: int | None) -> tuple[int, int]:
    """How many workers a cluster on this machine has, and threads of each."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = workers or torch.cuda.device_count() or max(1, min(2, cores), cores // CORES_A_WORKER)
    return count, max(1, cores // count)


@contextlib.contextmanager
def _configured(settings: dict[str, Any]) -> Iterator[None]:
    import dask

    with dask.config.set(settings):
        yield


def compare_versions(client: Any, announce: Announce) -> None:
    """Says where versions of workers differ from this process's; another refsr, or none, is an error."""
    found = client.get_versions(packages=list(COMPARED))
    own = {**found["client"]["packages"], "python": found["client"]["host"]["python"]}
    for address, worker in sorted(found["workers"].items()):
        theirs = {**worker["packages"], "python": worker["host"]["python"]}
        differs = [name for name in sorted(own) if own[name] != theirs.get(name)]
        if "refsr" in differs:
            has = theirs.get("refsr")
            what = f"refsr {has}" if has else "no refsr"
            raise UsageError(
                f"worker {address} has {what}, this command refsr {own['refsr']}; install one version on all"
            )
        if differs:
            versions = ", ".join(f"{name} {theirs.get(name)} (here {own[name]})" for name in differs)
            announce(f"worker {address} has other versions: {versions}")


@contextlib.contextmanager
def scheduler_errors(client: Any) -> Iterator[None]:
    """Turns what Dask raises in the block into one RefsrError where the scheduler ended meanwhile."""
    from concurrent.futures import CancelledError

    try:
        yield
    except Exception as error:
        # A lost connection is an OSError, also before the client knows of it; a client that knows raises more kinds.
        if isinstance(error, OSError | CancelledError) or client.status != "running":
            raise RefsrError(GONE) from error
        raise


def worker_count(client: Any) -> int:
    """Workers that are there now."""
    return len(client.scheduler_info(n_workers=-1)["workers"])
