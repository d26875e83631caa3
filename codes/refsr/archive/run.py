"""Restores a catalog on a cluster: tasks are handed out a few at a time, and what fails is tried again or set aside."""

from __future__ import annotations

import heapq
import itertools
import queue
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from refsr.archive.cluster import GONE, scheduler_errors, worker_count
from refsr.archive.folder import ArchiveFolder
from refsr.archive.journal import ASIDE, BLOCKS, DONE, RETRY, Journal
from refsr.archive.settings import ArchiveSettings, Outcome, SceneWork
from refsr.archive.worker import finish_scene, restore_blocks, restore_scenes
from refsr.core.errors import RefsrError
from refsr.core.progress import Announce, ProgressBar, counted
from refsr.geo.raster_source import is_remote

TASKS_A_WORKER = 2
"""One that runs and one that waits, so that no worker waits for the scheduler."""
BLOCKS_A_TASK = 4
"""At least, of a scene that is shared."""
TASKS_OF_A_SCENE = 8
"""For each worker, at most. Where tiles fade, those before a task's blocks are restored for it again, so fewer tasks
are less work; with more, all workers end at nearly the same time."""
MOST_SCENES_A_TASK = 64
SECONDS_A_TASK = 2.0
"""Of small scenes that are handed out together."""
TRIES = 3
"""Of a scene, before it is set aside; of one whose source is on a server, MOST_TRIES."""
MOST_TRIES = 5
PAUSE = 2.0
"""Seconds before a source on a server is tried again; each time twice as long."""
TICK = 0.5
SECONDS_WITHOUT_WORKERS = 30.0


@dataclass
class Unit:
    """A task: scenes together, or blocks of one, or the end of one."""

    scenes: list[SceneWork]
    blocks: tuple[int, ...] = ()
    finish: bool = False


@dataclass
class Shared:
    """A scene whose blocks several workers restore."""

    left: int
    """Tasks that have not ended."""
    reason: str | None = None
    """Why one of them failed."""


@dataclass
class ArchiveCounts:
    """What an archive came to."""

    done: int = 0
    blocks: int = 0
    megapixels: float = 0.0
    seconds: float = 0.0
    """Of processors, on all workers."""
    aside: dict[str, str] = field(default_factory=dict)
    """Scenes that could not be restored, and why."""


class ArchiveRun:
    """Hands the scenes of a catalog to a cluster. Only tasks that run or wait next are known to the scheduler."""

    def __init__(
        self, client: Any, settings: ArchiveSettings, journal: Journal, bar: ProgressBar, announce: Announce
    ) -> None:
        self._client, self._settings, self._journal = client, settings, journal
        self._bar, self._announce = bar, announce
        self._scenes: Iterator[SceneWork] = iter(())
        self._folder = ArchiveFolder(settings.output)
        self._first: deque[Unit] = deque()
        """Tasks of scenes that were begun, which come before new ones, so that few scenes are unfinished at once."""
        self._later: list[tuple[float, int, SceneWork]] = []
        """Scenes to try again, and when."""
        self._number = itertools.count()
        self._under_way: dict[Any, Unit] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._shared: dict[str, Shared] = {}
        self._tries: dict[str, int] = {}
        self._batch = 1
        self._began = time.monotonic()
        self._alone = self._counted = self._began
        self._seen_alone = False
        self._workers = worker_count(client)
        self.counts = ArchiveCounts()

    def run(self, scenes: Iterator[SceneWork]) -> ArchiveCounts:
        """Restores all scenes; an error where the scheduler is lost, or nothing can be written."""
        self._scenes = scenes
        while self._hand_out():
            if time.monotonic() - self._counted > TICK:
                self._check_cluster()
            try:
                future = self._ended.get(timeout=TICK)
            except queue.Empty:
                continue
            unit = self._under_way.pop(future)
            self._take(future, unit)
            # Not waited for by name: the scheduler forgets the task now.
            future.release()
        return self.counts

    def _hand_out(self) -> bool:
        """Submits tasks up to the window's size; whether anything is left to wait for."""
        window = TASKS_A_WORKER * max(1, self._workers)
        while len(self._under_way) < window:
            unit = self._next()
            if unit is None:
                break
            self._submit(unit)
        return bool(self._under_way or self._first or self._later)

    def _next(self) -> Unit | None:
        if self._first:
            return self._first.popleft()
        if self._later and self._later[0][0] <= time.monotonic():
            return Unit([heapq.heappop(self._later)[2]])
        scenes = list(itertools.islice(self._scenes, self._batch))
        return Unit(scenes) if scenes else None

    def _submit(self, unit: Unit) -> None:
        settings, scene = self._settings, unit.scenes[0]
        # The number in the key keeps Dask from taking a task that is tried again for the one that failed.
        key = f"{'finish' if unit.finish else 'restore'}-{scene.name}-{next(self._number)}"
        task: tuple[Any, ...] = (restore_scenes, settings, unit.scenes)
        if unit.finish:
            task = finish_scene, settings, scene
        elif unit.blocks:
            task = restore_blocks, settings, scene, unit.blocks
        with scheduler_errors(self._client):
            future = self._client.submit(*task, key=key, pure=False)
        self._under_way[future] = unit
        future.add_done_callback(self._ended.put)

    def _take(self, future: Any, unit: Unit) -> None:
        if future.status == "finished":
            with scheduler_errors(self._client):
                outcomes: list[Outcome] = future.result()
            for scene, outcome in zip(unit.scenes, outcomes, strict=True):
                self._settle(scene, outcome, unit)
            self._adapt(unit, outcomes)
        elif future.status == "error":
            with scheduler_errors(self._client):
                error = future.exception()
            self._failed_task(unit, error)
        else:
            raise RefsrError(GONE)

    def _failed_task(self, unit: Unit, error: Any) -> None:
        """A worker that died, or that could not begin."""
        from distributed.scheduler import KilledWorker

        if isinstance(error, RefsrError):
            raise error
        if not isinstance(error, KilledWorker):
            raise RefsrError(f"a worker cannot work: {type(error).__name__}: {error}") from error
        if len(unit.scenes) > 1:
            # Which of them it was is found by one at a time.
            self._first.extend(Unit([scene]) for scene in unit.scenes)
            return
        reason = "its worker died, perhaps for want of memory"
        self._settle(unit.scenes[0], Outcome(unit.scenes[0].name, reason=reason), unit)

    def _settle(self, scene: SceneWork, outcome: Outcome, unit: Unit) -> None:
        """Takes the outcome of a scene, or of a part of one."""
        counts = self.counts
        if outcome.fatal:
            raise RefsrError(f"{outcome.reason}; the archive stops, and the same command goes on")
        counts.blocks, counts.seconds = counts.blocks + outcome.blocks, counts.seconds + outcome.seconds
        counts.megapixels += outcome.megapixels
        if outcome.done:
            counts.done += 1
            self._tries.pop(scene.name, None)
            self._journal.add(
                DONE, name=scene.name, blocks=outcome.blocks, megapixels=round(outcome.megapixels, 4),
                seconds=round(outcome.seconds, 3),
            )  # fmt: skip
            self._bar.advance(1, self._note())
        elif unit.blocks:
            self._settle_blocks(scene, outcome)
        elif outcome.reason is not None:
            self._again(scene, outcome.reason)
        else:
            self._share(scene, outcome.missing)

    def _share(self, scene: SceneWork, missing: tuple[int, ...]) -> None:
        each = max(BLOCKS_A_TASK, len(missing) // (TASKS_OF_A_SCENE * max(1, self._workers)))
        parts = [missing[start : start + each] for start in range(0, len(missing), each)]
        self._shared[scene.name] = Shared(len(parts))
        self._first.extend(Unit([scene], part) for part in parts)

    def _settle_blocks(self, scene: SceneWork, outcome: Outcome) -> None:
        shared = self._shared[scene.name]
        shared.left -= 1
        shared.reason = shared.reason or outcome.reason
        self._journal.add(BLOCKS, name=scene.name, blocks=outcome.blocks, megapixels=round(outcome.megapixels, 4))
        self._bar.advance(0, self._note())
        if shared.left:
            return
        del self._shared[scene.name]
        if shared.reason is None:
            self._first.appendleft(Unit([scene], finish=True))
        else:
            self._again(scene, shared.reason)

    def _again(self, scene: SceneWork, reason: str) -> None:
        """Tries a scene once more, or sets it aside."""
        tries = self._tries[scene.name] = self._tries.get(scene.name, 0) + 1
        remote = is_remote(scene.path) or any(is_remote(one.path) for one in scene.candidates)
        if tries < (MOST_TRIES if remote else TRIES):
            self._journal.add(RETRY, name=scene.name, reason=reason, tries=tries)
            pause = PAUSE * 2 ** (tries - 1) if remote else 0.0
            heapq.heappush(self._later, (time.monotonic() + pause, next(self._number), scene))
            return
        self.set_aside(scene, reason)

    def set_aside(self, scene: SceneWork, reason: str) -> None:
        """Goes on without a scene."""
        self._tries.pop(scene.name, None)
        self.counts.aside[scene.name] = reason
        self._journal.add(ASIDE, name=scene.name, reason=reason, bounds=scene.bounds)
        self._announce(f"{scene.name}: set aside: {reason}")
        self._bar.advance(1, self._note())

    def _adapt(self, unit: Unit, outcomes: list[Outcome]) -> None:
        """Takes so many scenes together that a task lasts a few seconds."""
        if unit.blocks or unit.finish or any(one.missing for one in outcomes):
            return
        each = sum(one.elapsed for one in outcomes) / len(outcomes)
        wanted = SECONDS_A_TASK / max(each, 1e-3)
        self._batch = int(max(1, min(wanted, 2 * self._batch, MOST_SCENES_A_TASK)))

    def _note(self) -> str:
        elapsed = max(time.monotonic() - self._began, 1e-3)
        aside = f", {len(self.counts.aside)} set aside" if self.counts.aside else ""
        return f"{counted(self.counts.blocks, 'block')}, {self.counts.megapixels / elapsed:.4g} MP/s{aside}"

    def _check_cluster(self) -> None:
        """An error where the scheduler is gone; a line where it has no workers."""
        if self._client.status != "running" or any(one.status in ("lost", "cancelled") for one in self._under_way):
            raise RefsrError(GONE)
        now = self._counted = time.monotonic()
        with scheduler_errors(self._client):
            self._workers = worker_count(self._client)
        if self._workers:
            self._alone, self._seen_alone = now, False
        elif now - self._alone > SECONDS_WITHOUT_WORKERS and not self._seen_alone:
            self._seen_alone = True
            self._announce("the scheduler has no workers; waiting for some")
