"""What is done for a scene on a worker: references chosen, blocks restored, the result published with its item."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refsr.archive.folder import ArchiveFolder
from refsr.archive.items import scene_item
from refsr.archive.settings import ArchiveSettings, Outcome, SceneWork
from refsr.archive.thumbnails import write_thumbnail
from refsr.core.atomic import write_text
from refsr.core.errors import DataError
from refsr.core.foreign_files import read_record
from refsr.core.progress import NoProgressBar
from refsr.geo.raster_sink import clear_finished
from refsr.inference.findings import SceneFindings
from refsr.inference.raster_run import RasterRun, raster_run
from refsr.inference.restorer import Restorer

SHARED = 8
"""Blocks left to restore from which on a scene is shared by several workers."""
SPARE = 3
"""References that are tried, at most, in place of refused ones."""


class Restoring:
    """Restores scenes with one network. The scene that was worked on last stays open for more of its blocks."""

    def __init__(self, restorer: Restorer, settings: ArchiveSettings) -> None:
        self.folder = ArchiveFolder(settings.output)
        self._restorer, self._settings = restorer, settings
        self._open: tuple[SceneWork, RasterRun, dict[str, Any]] | None = None
        self._closing = contextlib.ExitStack()

    def close(self) -> None:
        """Closes the scene that is open."""
        self._open = None
        self._closing.close()

    def restore(self, scene: SceneWork) -> Outcome:
        """Restores a scene whole; one with many blocks left is only opened, and the blocks are named."""
        output = self.folder.result(scene.name)
        if self.folder.item(scene.name).exists():
            return Outcome(scene.name, done=True)
        if output.exists():
            self._publish(scene)
            return Outcome(scene.name, done=True)
        run = self._opened(scene)
        missing = run.missing()
        if len(missing) >= SHARED:
            return Outcome(scene.name, missing=tuple(missing))
        for number in missing:
            run.restore(number, NoProgressBar())
        pixels = self._pixels(run, missing)
        self._finish(scene, run)
        return Outcome(scene.name, done=True, megapixels=pixels, blocks=len(missing))

    def restore_blocks(self, scene: SceneWork, numbers: Sequence[int]) -> Outcome:
        """Restores those of some blocks that are not there."""
        if self.folder.result(scene.name).exists():
            return Outcome(scene.name)
        run = self._opened(scene)
        missing = sorted({*run.missing()} & {*numbers})
        for number in missing:
            run.restore(number, NoProgressBar())
        pixels = self._pixels(run, missing)
        return Outcome(scene.name, megapixels=pixels, blocks=len(missing))

    def finish(self, scene: SceneWork) -> Outcome:
        """Makes the result of blocks that are all there."""
        if not self.folder.result(scene.name).exists():
            run = self._opened(scene)
            if run.missing():
                raise DataError(f"{scene.name}: {len(run.missing())} of its blocks are missing")
            self._finish(scene, run)
        elif not self.folder.item(scene.name).exists():
            self._publish(scene)
        return Outcome(scene.name, done=True)

    def _opened(self, scene: SceneWork) -> RasterRun:
        """The scene with the references that were chosen for it, chosen now where nothing says so."""
        if self._open is not None and self._open[0] == scene and not self._open[1].output.exists():
            return self._open[1]
        self.close()
        draft = self._draft(scene)
        if "references" not in draft:
            run, draft = self._chosen(scene)
            if draft["refused"]:
                # Else whoever opens the scene next takes the same ones.
                write_text(self.folder.draft(scene.name), json.dumps(draft) + "\n")
        else:
            run = self._run(scene, draft["references"])
        self._open = scene, run, draft
        return run

    def _chosen(self, scene: SceneWork) -> tuple[RasterRun, dict[str, Any]]:
        """The best references that registration accepts; a refused one stays only where there is no other."""
        used, refused = list(scene.candidates[: self._settings.references]), list[dict[str, Any]]()
        others = list(scene.candidates[self._settings.references :][:SPARE])
        while True:
            run = self._run(scene, [one.record() for one in used])
            found = list(zip(used, run.job.scene.registrations, strict=True))
            wrong = [(one, made) for one, made in found if not made.accepted]
            if not (wrong and others):
                chosen = [{**one.record(), **_registration(made)} for one, made in found]
                return run, {"references": chosen, "refused": refused}
            for one, made in wrong[: len(others)]:
                refused.append({**one.record(), **_registration(made)})
                used.remove(one)
                used.append(others.pop(0))
            self.close()

    def _run(self, scene: SceneWork, references: Sequence[dict[str, Any]]) -> RasterRun:
        settings = self._settings
        evidence = self.folder.evidence(scene.name) if settings.evidence else None
        opened = raster_run(
            self._restorer, scene.path, [one["href"] for one in references], self.folder.result(scene.name),
            settings.options, lambda _: None, evidence=evidence,
        )  # fmt: skip
        return self._closing.enter_context(opened)

    def _finish(self, scene: SceneWork, run: RasterRun) -> None:
        assert self._open is not None
        found, draft = run.findings(), self._open[2]
        if found.empty == found.pixels:
            raise DataError(f"{scene.path}: none of its pixels holds data")
        lines = [*run.job.lines, *found.lines(run.job.scene.references is not None)]
        draft = {**draft, "lines": lines, "figures": _figures(run, found)}
        write_text(self.folder.draft(scene.name), json.dumps(draft) + "\n")
        run.finish()
        self.close()
        self._publish(scene)

    def _publish(self, scene: SceneWork) -> None:
        """Writes what lies beside a result, the item last, which says that the scene is done."""
        # Read before the item is looked for: another worker, which a stopped command has left at work, writes the item
        # first and removes the draft then.
        draft = self._draft(scene)
        if self.folder.item(scene.name).exists():
            return
        for made in (self.folder.result(scene.name), self.folder.evidence(scene.name)):
            # Of a worker that was stopped between a result and its item.
            clear_finished(made)
        write_thumbnail(self.folder.result(scene.name), self.folder.thumbnail(scene.name))
        item = scene_item(self.folder, scene, draft, self._settings)
        write_text(self.folder.item(scene.name), json.dumps(item, allow_nan=False) + "\n")
        self.folder.draft(scene.name).unlink(missing_ok=True)

    def _draft(self, scene: SceneWork) -> dict[str, Any]:
        file: Path = self.folder.draft(scene.name)
        found = read_record(file) if file.exists() else {}
        return found if isinstance(found, dict) else {}

    def _pixels(self, run: RasterRun, numbers: Sequence[int]) -> float:
        windows = run.windows
        return sum(windows[number].height * windows[number].width for number in numbers) / 1e6


def _registration(made: Any) -> dict[str, Any]:
    """How a reference was registered, for its scene's item."""
    figures = {name: round(value, 4) for name, value in made.figures.items()}
    return {"accepted": made.accepted, **({"registration": made.line, "figures": figures} if made.line else {})}


def _figures(run: RasterRun, found: SceneFindings) -> dict[str, Any]:
    """What was found in a scene, for its item."""
    figures: dict[str, Any] = {"empty": round(found.empty / found.pixels, 4) if found.pixels else 0.0}
    if run.job.scene.references is not None:
        figures["coverage"] = round(found.coverage, 4)
    if run.job.evidence:
        figures["evidence"] = {name: round(value, 6) for name, value in found.evidence_means(run.job.evidence).items()}
    return figures
