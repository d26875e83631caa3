"""The lock of an archive's folder, and its record of settings."""

from __future__ import annotations

import threading

import pytest

from refsr.archive import folder as archive_folder
from refsr.archive.folder import LOCK, ArchiveFolder
from refsr.core.errors import DataError, UsageError
from refsr.core.locks import held


@pytest.fixture
def folder(tmp_path):
    return ArchiveFolder(tmp_path)


def looking(folder: ArchiveFolder, seconds: float) -> threading.Thread:
    """Another process that holds the lock for so long, from now on."""
    has_it, release = threading.Event(), threading.Event()

    def look() -> None:
        with held(folder.path / LOCK, UsageError("busy")):
            has_it.set()
            release.wait(seconds)

    thread = threading.Thread(target=look)
    thread.start()
    assert has_it.wait(10)
    return thread


def test_a_command_that_starts_while_another_looks_is_not_kept_out(folder):
    """--status takes the lock for a moment, and two that look do not take each other for a command at work."""
    thread = looking(folder, 0.05)
    assert not folder.in_use
    thread.join()
    thread = looking(folder, 0.05)
    with folder.locked():
        thread.join()


def test_one_that_works_keeps_others_out(folder, monkeypatch):
    monkeypatch.setattr(archive_folder, "PATIENCE", 0.1)
    with folder.locked():
        assert folder.in_use
        with pytest.raises(UsageError, match="another archive command is writing here"), folder.locked():
            pass
    assert not folder.in_use


def test_settings_that_are_none_are_one_line(folder):
    folder.settings.write_text("[1]")
    with pytest.raises(DataError, match=r"archive\.json: is damaged"):
        folder.claim({"model": "x"})
