"""Files that are no files, or become far more than they are: refused by one line, before anything is decoded."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from bounded import Bounded, Used
from hostile_files import GIGABYTE, bloated_weights, large_png, wide_tiff

from refsr.core.errors import DataError
from refsr.core.foreign_files import MOST_PIXELS, allow_pixels
from refsr.core.window import Window
from refsr.data.cubes.files import open_cube
from refsr.data.images import files, probe_image, read_image
from refsr.geo.raster_source import RasterSource

MODEL = "rrsnet-small-x4"
MOST_SECONDS, MOST_MEGABYTES = 1.0, 200.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, side in (("lr.png", 24), ("ref.png", 96)):
        cv2.imwrite(str(tmp_path / name), np.random.default_rng(1).integers(0, 255, (side, side, 3), np.uint8))
    return tmp_path


@pytest.fixture(autouse=True)
def own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFSR_MAX_PIXELS", "")


def said(used: Used) -> str:
    """The one line of a command that was refused in little time and memory."""
    assert used.code in (1, 2), used.err
    assert "internal error" not in used.err
    assert used.seconds < MOST_SECONDS, used
    assert used.megabytes < MOST_MEGABYTES, used
    (line,) = [line for line in used.err.splitlines() if line.startswith("refsr: ")]
    return line


Restore = Callable[..., Used]


@pytest.fixture
def restore(folder: Path, bounded: Bounded) -> Restore:
    """`refsr restore` of a folder's lr.png and ref.png with some of its files changed."""

    def run(**changed: Any) -> Used:
        given = {"model": MODEL, "lr": folder / "lr.png", "ref": folder / "ref.png", **changed}
        words = [word for name, value in given.items() for word in (f"--{name}", value)]
        return bounded("restore", *words, "-o", folder / "out.png")

    return run


BOMBS = [("data/0", 6 * GIGABYTE, True), ("extra", 20 * GIGABYTE, False), ("data.pkl", 6 * GIGABYTE, True)]


@pytest.mark.parametrize(("entry", "size", "used"), BOMBS)
def test_weights_that_unfold(entry: str, size: int, used: bool, bounded: Bounded, tmp_path: Path) -> None:
    file = bloated_weights(tmp_path / "G.pth", entry, size, used)
    line = said(bounded("import", file, "-o", tmp_path / "G.safetensors"))
    assert "G.pth" in line
    assert "unfold" in line
    assert not (tmp_path / "G.safetensors").exists()


def test_a_wheel_that_unfolds(bounded: Bounded, tmp_path: Path) -> None:
    file = bloated_weights(tmp_path / "G.pth", "extra", 6 * GIGABYTE, used=False)
    file.rename(tmp_path / "G.whl")
    assert "unfold" in said(bounded("import", tmp_path / "G.whl", "-o", tmp_path / "G.safetensors"))


@pytest.mark.parametrize("role", ["lr", "ref"])
def test_a_tiff_of_many_bands(role: str, restore: Restore, folder: Path) -> None:
    pytest.importorskip("rasterio")
    file = wide_tiff(folder / "bands.tif")
    assert file.stat().st_size == 200
    line = said(restore(**{role: file}))
    assert "bands.tif: 65535 bands, at most" in line


@pytest.mark.parametrize("role", ["lr", "ref"])
def test_a_large_picture_beside_a_small_one(role: str, restore: Restore, folder: Path) -> None:
    large_png(folder / "large.png", 30000)
    line = said(restore(**{role: folder / "large.png"}))
    assert "large.png: 30000x30000, 900,000,000 pixels; at most" in line
    assert "--max-pixels 900000000" in line


def test_sizes_that_do_not_agree_are_seen_before_pixels(restore: Restore, folder: Path) -> None:
    large_png(folder / "large.png", 10000)
    line = said(restore(lr=folder / "large.png", register="none"))
    assert "ref.png: is 96x96; beside" in line
    large_png(folder / "grey.png", 10000, colour=0)
    assert "grey.png: has 1 band" in said(restore(ref=folder / "grey.png"))


def test_the_limit_can_be_moved(restore: Restore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = said(restore(**{"max-pixels": 1000}))
    assert "ref.png: 96x96, 9,216 pixels; at most 1,000" in line
    allow_pixels(96 * 96)
    assert read_image(folder / "ref.png").shape == (96, 96, 3)
    allow_pixels(96 * 96 - 1)
    with pytest.raises(DataError, match="--max-pixels 9216"):
        read_image(folder / "ref.png")
    assert said(restore(**{"max-pixels": -1})).endswith("--max-pixels -1: expected 1 or more")


STRANGE = {
    "a device": lambda at: at.symlink_to("/dev/zero"),
    "a FIFO": os.mkfifo,
    "a folder": Path.mkdir,
    "a loop": lambda at: at.symlink_to(at),
}


@pytest.mark.parametrize("what", STRANGE)
def test_what_is_no_file(what: str, bounded: Bounded, folder: Path) -> None:
    make: Callable[[Path], None] = STRANGE[what]
    places = [folder / name for name in ("x.safetensors", "x.pth", "x.png", "x.csv", "x.geojson", "x.yml")]
    for place in places:
        make(place)
    model, weights, image, points, area, options = places
    asked = [["import", weights, "-o", folder / "o.safetensors"], ["train", options], ["options", "check", options]]
    if what != "a folder":
        asked += [["info", model]]
        asked += [["restore", "--model", MODEL, "--lr", image, "--ref", folder / "ref.png", "-o", folder / "o.png"]]
    for words in asked:
        line = said(bounded(*words))
        assert what in line, line
        assert "x." in line
    from refsr.geo.area_of_interest import read_area
    from refsr.geo.control_points import read_control_points

    for read, place in ((read_area, area), (read_control_points, points), (read_image, image)):
        with pytest.raises(DataError, match=f"{place}: .*{what}"):
            read(place)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null"])
def test_devices_by_their_names(name: str, bounded: Bounded) -> None:
    assert name in said(bounded("info", name))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("options", "check"), "is larger than 256 KiB"),
        (("report",), "has 1,073,741,824 bytes; a file of its kind has at most 16,777,216"),
    ],
)
def test_texts_are_bounded(words: tuple[str, ...], says: str, bounded: Bounded, tmp_path: Path) -> None:
    """Of a gigabyte that is all hole nothing is read."""
    file = tmp_path / "results.json"
    file.touch()
    os.truncate(file, GIGABYTE)
    assert said(bounded(*words, file)).startswith(f"refsr: {file}: {says}")


def test_rasters_are_bounded_by_their_blocks(tmp_path: Path) -> None:
    """A scene beyond the limit is read by windows; a block beyond it is not."""
    rasterio = pytest.importorskip("rasterio")
    one_tile = wide_tiff(tmp_path / "tile.tif", bands=1, side=30000, tiled=True)
    with pytest.raises(DataError, match=r"tile.tif: a block of 30000x30000, 900,000,000 pixels"):
        RasterSource(one_tile)
    allow_pixels(300 * 300)
    profile = {"height": 512, "width": 512, "count": 1, "dtype": "uint8", "tiled": True}
    with rasterio.open(tmp_path / "scene.tif", "w", driver="GTiff", blockxsize=256, blockysize=256, **profile) as sink:
        sink.write(np.zeros((1, 512, 512), np.uint8))
    with RasterSource(tmp_path / "scene.tif") as source:
        assert source.read(source.window)[0].shape == (512, 512, 1)
    with pytest.raises(DataError, match="262,144 pixels"):
        read_image(tmp_path / "scene.tif")
    assert read_image(tmp_path / "scene.tif", Window(0, 0, 64, 64)).shape == (64, 64, 1)


def test_tiffs_without_rasterio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "has_rasterio", lambda: False)
    with pytest.raises(DataError, match="65535 bands"):
        read_image(wide_tiff(tmp_path / "a.tif"))
    with pytest.raises(DataError, match="30000x30000"):
        probe_image(wide_tiff(tmp_path / "b.tif", bands=1, side=30000))
    cv2.imwrite(str(tmp_path / "c.tif"), np.zeros((5, 7, 3), np.uint8))
    assert probe_image(tmp_path / "c.tif").shape == (5, 7, 3)


def test_arrays_and_cubes(tmp_path: Path) -> None:
    """A file of few bytes on disk whose header promises as many numbers as a sparse file has room for."""
    file = tmp_path / "cube.npy"
    array = np.lib.format.open_memmap(file, "w+", np.uint8, (20000, 20000, 4))
    del array
    for read in (read_image, lambda path: open_cube(path).read()):
        with pytest.raises(DataError, match="400,000,000 pixels"):
            read(file)
    assert open_cube(file).info.shape == (20000, 20000, 4)
    assert MOST_PIXELS < 400_000_000


PALETTE = struct.pack(">I4s6sI", 6, b"PLTE", bytes(6), zlib.crc32(b"PLTE" + bytes(6)))
ALPHA = struct.pack(">I4s1sI", 1, b"tRNS", bytes(1), zlib.crc32(b"tRNS" + bytes(1)))


@pytest.mark.parametrize(("colour", "more"), [(2, b""), (0, b""), (3, PALETTE), (3, PALETTE + ALPHA)])
def test_headers_say_what_pixels_say(colour: int, more: bytes, tmp_path: Path) -> None:
    file = large_png(tmp_path / "a.png", 16, colour, more)
    assert probe_image(file) == files.info_of(read_image(file))
