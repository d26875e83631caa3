import os

import pytest

from refsr.core.atomic import atomic_file, atomic_folder, write_text
from refsr.core.errors import RefsrError


def test_a_file_is_whole_or_what_it_was(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    write_text(target, "old")

    def fail_while_writing():
        with atomic_file(target) as handle:
            handle.write(b"half of the n")
            raise ValueError("power cut")

    with pytest.raises(ValueError, match="power cut"):
        fail_while_writing()
    assert target.read_text() == "old"
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]


def test_a_folder_appears_whole_and_never_over_another(tmp_path):
    target = tmp_path / "run"
    with atomic_folder(target) as staged:
        (staged / "x").write_text("1")
        assert not target.exists()
    assert (target / "x").read_text() == "1"
    with pytest.raises(RefsrError, match="is there already"), atomic_folder(target):
        pass


def test_a_full_disk_is_one_clear_line(tmp_path):
    def fill():
        with atomic_file(tmp_path / "a") as handle:
            handle.write(b"x")
            raise OSError(28, "No space left on device")

    with pytest.raises(RefsrError, match="the disk is full"):
        fill()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_new_files_and_folders_are_as_open_as_the_umask_says(tmp_path, mask):
    """Temporary names are made for their owner alone; what takes the target's place is like any other file."""
    before = os.umask(mask)
    try:
        write_text(tmp_path / "file", "x")
        with atomic_folder(tmp_path / "folder") as staged:
            (staged / "x").write_text("1")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~mask
