"""A worker process: the network, loaded once, and the tasks that Dask hands it, one at a time."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from refsr.archive.settings import ArchiveSettings, Outcome, SceneWork
from refsr.core.errors import RefsrError
from refsr.core.version import __version__

Made = TypeVar("Made")

RETRIES = {
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/:/vsis3/:/vsigs/:/vsiaz/",
}
"""How GDAL reads from servers, unless the environment says it: a request that fails is repeated, each time after a
longer pause, and that a file could not be read once is not remembered."""


def restore_scenes(settings: ArchiveSettings, scenes: Sequence[SceneWork]) -> list[Outcome]:
    """Restores small scenes; of those that several workers share, only what is to be done is found out."""

    def all_of_them(work: Any) -> list[Outcome]:
        return [_guarded(work, scene, functools.partial(work.restore, scene)) for scene in scenes]

    return PROCESS.run(settings, all_of_them)


def restore_blocks(settings: ArchiveSettings, scene: SceneWork, numbers: Sequence[int]) -> list[Outcome]:
    """Restores some blocks of a scene that was begun."""
    return PROCESS.run(settings, lambda work: [_guarded(work, scene, lambda: work.restore_blocks(scene, numbers))])


def finish_scene(settings: ArchiveSettings, scene: SceneWork) -> list[Outcome]:
    """Makes the result of a scene whose blocks are all there."""
    return PROCESS.run(settings, lambda work: [_guarded(work, scene, lambda: work.finish(scene))])


class Process:
    """The one thread of this process that uses the network and GDAL, however many Dask has, and what it has loaded."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "refsr")
        self._loaded: tuple[ArchiveSettings, Any] | None = None

    def run(self, settings: ArchiveSettings, task: Callable[[Any], Made]) -> Made:
        """Runs a task with what restores scenes, which stays the same within a command."""
        return self._thread.submit(lambda: task(self._work(settings))).result()

    def _work(self, settings: ArchiveSettings) -> Any:
        if self._loaded is None or self._loaded[0] != settings:
            if self._loaded is not None:
                self._loaded[1].close()
                self._loaded = None
            self._loaded = settings, _loaded(settings)
        return self._loaded[1]


PROCESS = Process()


def _loaded(settings: ArchiveSettings) -> Any:
    import torch

    from refsr.archive.scene_work import Restoring
    from refsr.core.memory import keep_freed_memory
    from refsr.core.user_modules import import_module
    from refsr.inference.restorer import load
    from refsr.runs.model_file import weights_digest

    if settings.version != __version__:
        raise RefsrError(f"this worker has refsr {__version__}, the command {settings.version}; install one version")
    patient_with_servers()
    for word in settings.imports:
        import_module(word)
    name, threads = _dask_worker()
    device = settings.device
    if device is None and torch.cuda.is_available():
        device = f"cuda:{int(name) % torch.cuda.device_count()}" if str(name).isdigit() else "cuda"
    torch.set_num_threads(threads)
    restorer = load(settings.model, device)
    if weights_digest(restorer.network) != settings.model_digest:
        raise RefsrError(f"{settings.model}: holds other weights on this worker than where the command runs")
    if restorer.device.type == "cpu":
        keep_freed_memory()
    return Restoring(restorer, settings)


def patient_with_servers() -> None:
    """Lets GDAL repeat its requests in this process."""
    for name, value in RETRIES.items():
        os.environ.setdefault(name, value)


def _dask_worker() -> tuple[Any, int]:
    """Name and number of threads of the worker that this process is; one thread where it is none."""
    from distributed import get_worker

    with contextlib.suppress(ValueError):
        worker = get_worker()
        return worker.name, int(worker.state.nthreads)
    from distributed.worker import Worker

    for worker in list(Worker._instances):
        return worker.name, int(worker.state.nthreads)
    return "", 1


def _guarded(work: Any, scene: SceneWork, task: Callable[[], Outcome]) -> Outcome:
    """The outcome of a task; where it failed, why, and whether the fault lies with the folder of results."""
    processor, clock = time.process_time(), time.monotonic()
    try:
        outcome = task()
    except Exception as error:
        reason = str(error) if isinstance(error, RefsrError) else f"{type(error).__name__}: {error}"
        work.close()
        fault = work.folder.fault()
        outcome = Outcome(scene.name, reason=fault or " ".join(reason.split()), fatal=fault is not None)
    return replace(outcome, seconds=time.process_time() - processor, elapsed=time.monotonic() - clock)
