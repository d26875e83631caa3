"""The folder of an archive: where its files are, whose work it holds, and that one command at a time writes to it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refsr.core.atomic import explain_io, write_text
from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.core.foreign_files import read_record
from refsr.core.locks import held
from refsr.geo.disk_space import check_folder

LOCK = ".lock"
PATIENCE = 0.5
"""Seconds for which a lock is waited for: who only looks whether a command is at work holds it for less."""
PROBE = 1 << 16
"""Bytes that are written to learn whether a folder takes any."""


@dataclass(frozen=True)
class ArchiveFolder:
    """The results of an archive and what is kept about them."""

    path: Path

    @property
    def collection(self) -> Path:
        return self.path / "collection.json"

    @property
    def index(self) -> Path:
        """The table of all scenes."""
        return self.path / "index.parquet"

    @property
    def page(self) -> Path:
        return self.path / "index.html"

    @property
    def journal(self) -> Path:
        """What happened, a JSON object a line."""
        return self.path / "journal.jsonl"

    @property
    def settings(self) -> Path:
        """What all results of the archive are made with."""
        return self.path / "archive.json"

    @property
    def scenes(self) -> Path:
        return self.path / "scenes"

    def result(self, name: str) -> Path:
        return self.scenes / name / f"{name}.tif"

    def evidence(self, name: str) -> Path:
        return self.scenes / name / f"{name}.evidence.tif"

    def thumbnail(self, name: str) -> Path:
        return self.scenes / name / f"{name}.png"

    def item(self, name: str) -> Path:
        """The STAC item of a scene, which is there when all else of it is."""
        return self.scenes / name / f"{name}.json"

    def draft(self, name: str) -> Path:
        """What is known of a scene before its item is there."""
        return self.scenes / name / f".{name}.draft.json"

    def finished(self) -> Iterator[str]:
        """The names of the scenes that have an item, in order."""
        if self.scenes.is_dir():
            yield from sorted(one.name for one in os.scandir(self.scenes) if self.item(one.name).exists())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other commands out."""
        check_folder(self.path / "x")
        busy = UsageError(f"{self.path}: another archive command is writing here; choose another folder")
        with contextlib.ExitStack() as stack:
            with explain_io(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(self.path / LOCK, busy, PATIENCE))
            yield

    @property
    def in_use(self) -> bool:
        """Whether a command on this machine is writing to it."""
        lock, busy = self.path / LOCK, UsageError("in use")
        with contextlib.suppress(OSError):
            try:
                with held(lock, busy, PATIENCE) if lock.exists() else contextlib.nullcontext():
                    return False
            except UsageError:
                return True
        return False

    def claim(self, settings: Mapping[str, Any]) -> None:
        """Records what all results are made with; those of other settings or another model are not mixed with them."""
        wanted = json.loads(json.dumps(settings))
        if not self.settings.exists():
            if self.path.is_dir() and any(one.name != LOCK for one in self.path.iterdir()):
                raise UsageError(f"{self.path}: is not empty and holds no archive; choose another folder")
            write_text(self.settings, json.dumps(wanted, indent=1, sort_keys=True) + "\n")
            return
        found = read_record(self.settings)
        if not isinstance(found, dict):
            raise DataError(f"{self.settings}: is damaged: expected the settings of an archive; remove the folder")
        differs = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
        if differs:
            raise UsageError(
                f"{self.path}: was begun with other settings ({', '.join(differs)}); choose another folder, or begin "
                "anew by removing this one"
            )

    def fault(self) -> str | None:
        """Why nothing can be written here; None where something can."""
        try:
            with tempfile.TemporaryFile(dir=self.path) as handle:
                handle.write(bytes(PROBE))
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            return f"{self.path}: {error.strerror or error}"
        return None


def existing(path: Path) -> ArchiveFolder:
    """The folder of an archive that was begun."""
    folder = ArchiveFolder(path)
    if not folder.settings.is_file():
        raise RefsrError(f"{path}: holds no archive")
    return folder
