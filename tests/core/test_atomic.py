import os
import signal
import subprocess
import sys

import pytest

from refsr.core.atomic import atomic_file, atomic_folder, sweep, write_text
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


KILLED = """
import os, signal, sys
from pathlib import Path
from refsr.core.atomic import atomic_file, atomic_folder

with atomic_file(sys.argv[1]) as handle, atomic_folder(sys.argv[2]) as staged:
    handle.write(b"half")
    handle.flush()
    (staged / "deep").mkdir()
    (staged / "deep" / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_kill_left_is_taken_over_by_the_next_one(tmp_path):
    file, folder = tmp_path / "a", tmp_path / "b"
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", KILLED, str(file), str(folder)], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert sorted(one.name for one in tmp_path.iterdir()) == [".a.part", ".b.part"]
    write_text(file, "x")
    with atomic_folder(folder) as staged:
        (staged / "x").write_text("1")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b"]
    assert file.read_text() == "x"
    assert [one.name for one in folder.iterdir()] == ["x"]


def test_what_another_one_is_writing_is_left_alone(tmp_path):
    with atomic_file(tmp_path / "a") as first, atomic_folder(tmp_path / "b") as staged:
        first.write(b"first")
        write_text(tmp_path / "a", "second")
        assert (tmp_path / "a").read_text() == "second"
        with atomic_folder(tmp_path / "b") as other:
            assert other != staged
            (other / "x").write_text("2")
        (tmp_path / "b").rename(tmp_path / "c")
        (staged / "x").write_text("1")
    assert (tmp_path / "a").read_text() == "first"
    assert ((tmp_path / "b" / "x").read_text(), (tmp_path / "c" / "x").read_text()) == ("1", "2")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b", "c"]


def test_what_lies_in_the_way_of_a_staged_file_stays(tmp_path):
    (tmp_path / ".a.part").mkdir()
    (tmp_path / ".b.part").write_text("a file")
    (tmp_path / "else").write_text("else")
    (tmp_path / ".c.part").symlink_to(tmp_path / "else")
    for name in ("a", "c"):
        write_text(tmp_path / name, "x")
    with atomic_folder(tmp_path / "b"):
        pass
    assert (tmp_path / "else").read_text() == "else"
    assert sorted(one.name for one in tmp_path.iterdir()) == [".a.part", ".b.part", ".c.part", "a", "b", "c", "else"]


def test_sweeping_leaves_what_is_being_written(tmp_path):
    (tmp_path / "deep" / ".left.txt.part").parent.mkdir()
    (tmp_path / "deep" / ".left.txt.part").write_text("half")
    (tmp_path / ".left.part").mkdir()
    with atomic_file(tmp_path / "deep" / "a.txt") as handle, atomic_folder(tmp_path / "run") as staged:
        handle.write(b"new")
        (staged / "x").write_text("1")
        sweep(tmp_path)
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["a.txt", "deep", "run", "x"]
