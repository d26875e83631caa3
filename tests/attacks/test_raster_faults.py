"""What goes wrong while a raster is restored: one clear line, nothing lost, and the same command goes on."""

from __future__ import annotations

import http.server
import random
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from command_process import Commands, Ended
from geo_world import place, raw, write
from mixing import write_mixing

TILE = ("--tile", "8")


class Job:
    """LR, Ref and a model in a folder of their own, and the command that restores them."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        case = place(ref_crs="next-utm", ref_pixel=0.7)
        self.folder, self._commands = folder, commands
        self.lr = write(folder / "lr.tif", case.lr, case.lr_home)
        self.ref = write(folder / "ref.tif", case.ref, case.ref_grid.geotransform)
        self.output = folder / "out" / "sr.tif"
        self.output.parent.mkdir()
        self.model = write_mixing(folder / "mixing.safetensors")

    def run(self, moment: int = 0, action: str = "none", **changed: Any) -> Ended:
        words = {"--model": self.model, "--lr": self.lr, "--ref": self.ref, "-o": self.output} | {
            f"--{name}": value for name, value in changed.items()
        }
        flat = [part for pair in words.items() for part in pair]
        return self._commands("restore", *flat, *TILE, moment=moment, action=action)

    def left(self) -> list[str]:
        """What lies beside the result."""
        return [file.name for file in self.output.parent.iterdir() if file != self.output]

    def must_go_on(self, whole: bytes, **changed: Any) -> Ended:
        """The same command ends with the bytes of an uninterrupted run, and nothing else."""
        ended = self.run(**changed)
        assert ended.code == 0, ended.err
        assert self.output.read_bytes() == whole
        assert self.left() == []
        return ended


@pytest.fixture
def job(tmp_path: Path, commands: Commands) -> Job:
    return Job(tmp_path, commands)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, commands: Commands) -> tuple[bytes, int]:
    """The bytes of an uninterrupted run, and its steps."""
    one = Job(tmp_path_factory.mktemp("whole"), commands)
    ended = one.run()
    assert ended.code == 0, ended.err
    assert "16/16" in ended.err
    assert one.left() == []
    return one.output.read_bytes(), ended.steps


def fault_of(ended: Ended) -> str:
    """The one line that says what is wrong, where nothing else than decisions was printed before."""
    assert ended.code in (1, 2), (ended.code, ended.err)
    lines = ended.err.splitlines()
    assert [line for line in lines if line.startswith("refsr: ")] == lines[-1:]
    for noise in ("Traceback", "internal error", "ERROR 1", "CPLE_", "GDAL signalled", "Warning"):
        assert noise not in ended.err
    return lines[-1]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_kill_at_a_random_step(seed: int, job: Job, whole: tuple[bytes, int]) -> None:
    expected, steps = whole
    moment = random.Random(seed).randint(1, steps)
    assert job.run(moment, "kill").code == -9
    job.must_go_on(expected)


def test_a_kill_before_the_first_block_and_after_the_last(job: Job, whole: tuple[bytes, int]) -> None:
    expected, steps = whole
    for moment in (2, 3, steps):
        assert job.run(moment, "kill").code == -9
        job.must_go_on(expected)
        job.output.unlink()


def test_kill_upon_kill(job: Job, whole: tuple[bytes, int]) -> None:
    """Runs that are all killed get on, and what is done is not done again."""
    expected, steps = whole
    done = 0
    for _ in range(3):
        # The steps of some blocks, from wherever it goes on.
        assert job.run(steps // 4, "kill").code == -9
        blocks = len(list(job.output.parent.glob(".sr.tif.blocks/*-*.tif")))
        assert blocks > done
        done = blocks
    ended = job.must_go_on(expected)
    assert "16/16" in ended.err


def test_kills_in_a_second_pass(job: Job) -> None:
    """Results that are resampled after the network are made of a first pass's blocks, which are removed last."""
    ended = job.run(resolution="0.7")
    assert ended.code == 0, ended.err
    expected = job.output.read_bytes()
    job.output.unlink()
    for moment in (ended.steps - 2, ended.steps - 25, ended.steps - 45, ended.steps // 2):
        assert job.run(moment, "kill", resolution="0.7").code == -9
        job.must_go_on(expected, resolution="0.7")
        job.output.unlink()


@pytest.mark.slow
def test_fifty_kills(job: Job, whole: tuple[bytes, int]) -> None:
    """At any step, and between steps while GDAL reads and writes."""
    expected, steps = whole
    draws = random.Random(17)
    killed = 0
    for number in range(50):
        moment = draws.randint(1, steps)
        action = "kill" if number % 2 else f"soon:{draws.uniform(1e-4, 0.05):.5f}"
        code = job.run(moment, action).code
        # What was to be killed soon may have ended before.
        assert code in (-9, -14, 0)
        killed += code < 0
        if draws.random() < 0.5 and not job.output.exists():
            assert job.run(draws.randint(1, steps), "kill").code in (-9, 0)
        # A kill that comes after the last step finds all done.
        if not job.output.exists() or job.left():
            job.must_go_on(expected)
        assert job.output.read_bytes() == expected
        job.output.unlink()
    assert killed >= 40


def test_an_interrupt_says_how_much_is_done_and_how_to_go_on(job: Job, whole: tuple[bytes, int]) -> None:
    expected, steps = whole
    ended = job.run(steps // 2, "interrupt")
    assert ended.code == 130
    said = ended.err.splitlines()[-1]
    found = re.search(r"refsr: stopped; .*sr\.tif: (\d+) of 16 blocks are done; the same command continues", said)
    assert found, ended.err
    assert len(list(job.output.parent.glob(".sr.tif.blocks/*-*.tif"))) in (int(found[1]), int(found[1]) + 1)
    assert not job.output.exists()
    job.must_go_on(expected)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.75])
def test_files_that_may_not_grow(part: float, job: Job, whole: tuple[bytes, int]) -> None:
    """As with a quota: no file of the process may be written beyond some bytes, at several moments."""
    expected, steps = whole
    ended = job.run(int(part * steps), "limit")
    assert "sr.tif" in fault_of(ended)
    assert "File too large" in ended.err or "cannot be written" in ended.err
    assert not job.output.exists()
    job.must_go_on(expected)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, where this user may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("may not mount a small file system")  # fmt: skip
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("part", [0.01, 0.3, 0.6, 0.7])
def test_a_disk_that_fills(part: float, job: Job, small_disk: Path, whole: tuple[bytes, int]) -> None:
    expected, steps = whole
    job.output = small_disk / "sr.tif"
    ended = job.run(max(1, int(part * steps)), f"fill:{small_disk}")
    said = fault_of(ended)
    assert "the disk is full" in said or "No space left" in said, said
    assert not job.output.exists()
    (small_disk / "filler").unlink()
    job.must_go_on(expected)


def test_a_disk_that_is_too_small_is_seen_before(job: Job, small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2 * 2**20 - 40_000))
    job.output = small_disk / "sr.tif"
    assert re.search(r"sr\.tif: needs .* at .*disk, .* free", fault_of(job.run()))
    assert job.left() == ["filler"]


@pytest.mark.parametrize("which", ["lr", "ref"])
def test_a_source_that_is_cut_off_midway(which: str, job: Job, whole: tuple[bytes, int]) -> None:
    expected, steps = whole
    file: Path = getattr(job, which)
    content = file.read_bytes()
    ended = job.run(steps // 4, f"cut:{file}")
    if ended.code == 0:
        # All of it was read before, as small files are.
        assert job.output.read_bytes() == expected
        return
    assert f"{which}.tif: cannot be read at" in fault_of(ended)
    assert not job.output.exists()
    damaged = job.run()
    assert f"{which}.tif" in fault_of(damaged)
    file.write_bytes(content)
    job.must_go_on(expected)


def large_raster(path: Path, suffix: str) -> Path:
    """A scene in many strips or tiles, so that a part of the file can be missing."""
    case = place(ref_crs="next-utm", ref_pixel=0.7)
    image = np.tile(raw(case.lr, "uint16"), (16, 16, 1))
    image += np.random.default_rng(1).integers(0, 200, image.shape, np.uint16)
    plain = write(
        path / "plain.tif", image, case.lr_home, compress="deflate", tiled=True, blockxsize=128, blockysize=128
    )
    target = path / f"large{suffix}"
    if suffix == ".jp2":
        rasterio.shutil.copy(
            plain, target, driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES", BLOCKXSIZE=128, BLOCKYSIZE=128
        )
    else:
        plain.rename(target)
    return target


@pytest.mark.parametrize("role", ["lr", "ref"])
@pytest.mark.parametrize("suffix", [".tif", ".jp2"])
@pytest.mark.parametrize("part", [0.02, 0.6, 0.99])
def test_truncated_files(part: float, suffix: str, role: str, job: Job) -> None:
    """A file whose end is missing is named; it is never taken for one with dark ground."""
    if suffix == ".jp2" and "JP2OpenJPEG" not in rasterio.drivers.raster_driver_extensions().values():
        pytest.skip("rasterio without JP2OpenJPEG")
    file = large_raster(job.folder, suffix)
    content = file.read_bytes()
    file.write_bytes(content[: int(part * len(content))])
    said = fault_of(job.run(**{role: file}))
    assert f"large{suffix}: " in said
    assert not job.output.exists()


def test_files_that_are_none(job: Job) -> None:
    (job.folder / "text.tif").write_text("no raster\n" * 50)
    (job.folder / "empty.tif").write_bytes(b"")
    for name, says in (("text.tif", "text.tif"), ("empty.tif", "empty.tif"), ("nothing.tif", "nothing.tif")):
        for role in ("lr", "ref"):
            assert says in fault_of(job.run(**{role: job.folder / name}))
    assert job.left() == []


class Server(http.server.BaseHTTPRequestHandler):
    """Serves a file by ranges until `patience` requests are over, then does what `then` says."""

    content: ClassVar[bytes] = b""
    patience: ClassVar[int] = 10**6
    then: ClassVar[str] = "drop"

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        cls = type(self)
        if not self.path.endswith("ref.tif"):
            # Masks and tags beside it, which GDAL looks for.
            return self.send_error(404)
        cls.patience -= 1
        if cls.patience < 0:
            if cls.then.isdigit():
                return self.send_error(int(cls.then))
            # Some bytes of what was promised, and no more.
            self.send_response(200)
            self.send_header("Content-Length", str(len(cls.content)))
            self.end_headers()
            self.wfile.write(cls.content[:100])
            self.close_connection = True
            return None
        first, last = 0, len(cls.content) - 1
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked:
            first, last = int(asked[1]), min(last, int(asked[2] or last))
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(cls.content)}")
        self.end_headers()
        if body:
            self.wfile.write(cls.content[first : last + 1])
        return None


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server on this machine."""
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    Server.patience, Server.then = 10**6, "drop"
    yield f"http://127.0.0.1:{found.server_port}/ref.tif"
    found.shutdown()
    found.server_close()


def large_ref(job: Job) -> bytes:
    """Ref with much around it, so that it is read in many requests."""
    case = place(ref_crs="next-utm", ref_pixel=0.7)
    noise = np.random.default_rng(3).integers(1, 255, (1200, 1200, 3), np.uint8)
    height, width = case.ref.shape[:2]
    noise[400 : 400 + height, 600 : 600 + width] = case.ref
    where = case.ref_grid.geotransform.moved(-600, -400)
    return write(job.folder / "served.tif", noise, where, tiled=True, blockxsize=64, blockysize=64).read_bytes()


@pytest.mark.parametrize("spelled", ["{}", "/vsicurl/{}"])
@pytest.mark.parametrize("then", ["drop", "500", "404"])
def test_a_server_that_gives_up(then: str, spelled: str, server: str, job: Job) -> None:
    Server.content = large_ref(job)
    address = spelled.format(server)
    ended = job.run(ref=address)
    assert ended.code == 0, ended.err
    expected = job.output.read_bytes()
    needed = 10**6 - Server.patience
    assert needed > 3
    job.output.unlink()
    for patience in (0, 1, needed // 2, needed - 1):
        Server.patience, Server.then = patience, then
        said = fault_of(job.run(ref=address))
        assert re.search(r"http://127\.0\.0\.1:\d+/ref\.tif: cannot be (read|opened)", said), said
        assert not job.output.exists()
    Server.patience = 10**6
    ended = job.run(ref=address)
    assert ended.code == 0, ended.err
    assert job.output.read_bytes() == expected
    assert job.left() == []


def test_an_address_of_nothing(server: str, job: Job) -> None:
    for address in (server.replace("ref.tif", "other.tif"), "http://127.0.0.1:9/ref.tif"):
        assert address in fault_of(job.run(ref=address))
    assert job.left() == []
