"""Rasters written block by block: what they hold, how they go on after a stop, and what is refused."""

from __future__ import annotations

import hashlib
import math
import os

import ground
import numpy as np
import pytest
import rasterio

from refsr.core.atomic import current_umask
from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.core.window import Window
from refsr.geo import raster_sink
from refsr.geo.disk_space import check_disk, check_folder
from refsr.geo.geotransform import Geotransform
from refsr.geo.raster_sink import RasterProfile, RasterSink
from refsr.geo.raster_source import BandInfo, RasterSource

HEIGHT, WIDTH, SIDE = 700, 900, 256
WINDOWS = [
    Window(top, left, SIDE, SIDE).common(Window(0, 0, HEIGHT, WIDTH))
    for top in range(0, HEIGHT, SIDE)
    for left in range(0, WIDTH, SIDE)
]
BANDS = [
    BandInfo("B04", "red", 1e-4, -0.1, "reflectance", {"WAVELENGTH": "665"}),
    BandInfo("B03", "green"),
    BandInfo("B02", "blue"),
]
GEOTRANSFORM = Geotransform(ground.HOME, (2.5, 0.0, ground.EAST, 0.0, -2.5, ground.NORTH))


def pixels(dtype="uint8") -> np.ndarray:
    values = np.random.default_rng(1).integers(0, 120, (HEIGHT, WIDTH, 3))
    return values.astype(dtype)


def hole() -> np.ndarray:
    valid = np.ones((HEIGHT, WIDTH), bool)
    valid[200:330, 250:300] = False
    return valid


def profile(dtype="uint8", bands=BANDS, **more) -> RasterProfile:
    return RasterProfile(HEIGHT, WIDTH, dtype, bands, GEOTRANSFORM, **more)


def put(sink: RasterSink, windows=WINDOWS, dtype="uint8", valid=None) -> None:
    whole, mask = pixels(dtype), hole() if valid is None else valid
    for window in windows:
        rows, columns = window.within(Window(0, 0, HEIGHT, WIDTH))
        sink.write(window, whole[rows, columns], mask[rows, columns])


def content(result) -> dict[str, bytes]:
    """The bytes of a file, or of all files of a store."""
    files = result.rglob("*") if result.is_dir() else [result]
    return {str(file.relative_to(result)): file.read_bytes() for file in files if file.is_file()}


def digest(file) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("format", ["cog", "gtiff"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "int64", "uint64", "float32", "float64"])
def test_everything_comes_back(tmp_path, dtype, format):
    nodata = 0 if dtype.startswith("u") else -9999
    sink = RasterSink(
        tmp_path / "a.tif", profile(dtype, nodata=nodata, masked=True, tags={"MODEL": "a <b> & c"}), {}, format
    )
    sink.open()
    put(sink, dtype=dtype)
    sink.finish(WINDOWS)
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]
    with rasterio.open(tmp_path / "a.tif") as made:
        assert made.dtypes == (dtype,) * 3
        assert made.crs == ground.HOME
        np.testing.assert_allclose(tuple(made.transform)[:6], GEOTRANSFORM.transform, rtol=0, atol=1e-9)
        assert made.descriptions == ("B04", "B03", "B02")
        assert [colour.name for colour in made.colorinterp] == ["red", "green", "blue"]
        assert (made.scales, made.offsets) == ((1e-4, 1, 1), (-0.1, 0, 0))
        assert made.tags()["MODEL"] == "a <b> & c"
        assert made.tags(1)["WAVELENGTH"] == "665"
        assert made.nodata == nodata
        assert made.block_shapes == [(512, 512)] * 3
        assert made.overviews(1) == ([2] if format == "cog" else [])
        np.testing.assert_array_equal(made.dataset_mask() > 0, hole())
        image = np.moveaxis(made.read(), 0, 2)
    expected = pixels(dtype)
    if nodata == 0:
        expected = np.where(expected == 0, 1, expected)
    np.testing.assert_array_equal(image[hole()], expected[hole()])
    assert (image[~hole()] == nodata).all()


def test_a_result_with_its_mask_is_read_as_it_was_written(tmp_path):
    sink = RasterSink(tmp_path / "a.tif", profile(nodata=255, masked=True), {}, "cog")
    sink.open()
    put(sink)
    sink.finish(WINDOWS)
    with RasterSource(tmp_path / "a.tif") as source:
        image, valid = source.read(source.window)
    np.testing.assert_array_equal(valid, hole())
    np.testing.assert_array_equal(image[valid], pixels()[valid])


def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path):
    whole, stopped = (RasterSink(tmp_path / name / "a.tif", profile(masked=True), {"model": 1}, "cog") for name in "ab")
    whole.open()
    put(whole)
    whole.finish(WINDOWS)
    stopped.open()
    put(stopped, WINDOWS[:5])
    again = RasterSink(tmp_path / "b" / "a.tif", profile(masked=True), {"model": 1}, "cog")
    again.open()
    assert [again.has(window) for window in WINDOWS] == [True] * 5 + [False] * (len(WINDOWS) - 5)
    with pytest.raises(DataError, match=f"{len(WINDOWS) - 5} blocks of {len(WINDOWS)} are missing"):
        again.finish(WINDOWS)
    assert not (tmp_path / "b" / "a.tif").exists()
    put(again, WINDOWS[5:])
    again.finish(WINDOWS)
    assert digest(tmp_path / "a" / "a.tif") == digest(tmp_path / "b" / "a.tif")


@pytest.mark.parametrize("format", ["cog", "png", "zarr"])
def test_two_processes_that_make_the_result_at_once_make_it_whole(tmp_path, monkeypatch, format):
    """A worker that a stopped command has left at work, and one of the next command: the first is nearly done."""
    output = tmp_path / f"out.{'tif' if format == 'cog' else format}"
    about = profile(masked=True, bands=[BandInfo()] * 3 if format == "zarr" else BANDS)
    first, second = (RasterSink(output, about, {}, format) for _ in range(2))
    first.open()
    put(first)
    check = raster_sink._check

    def meanwhile(staged, wanted):
        check(staged, wanted)
        before = content(staged)
        with monkeypatch.context() as patch:
            patch.setattr(raster_sink, "_check", check)
            second.finish(WINDOWS)
        assert content(staged) == before, "nobody else writes to it"

    monkeypatch.setattr(raster_sink, "_check", meanwhile)
    first.finish(WINDOWS)
    with rasterio.open(output) as made:
        assert np.array_equal(np.moveaxis(made.read(), 0, 2)[hole()], pixels()[hole()])
    assert output.stat().st_mode & 0o777 == (0o777 if output.is_dir() else 0o666) & ~current_umask()
    assert not any("blocks" in one.name for one in tmp_path.iterdir())


def test_a_store_says_what_its_values_mean(tmp_path):
    """A raster with a scale once ended in an error of GDAL's after all the work."""
    bands = [BandInfo("B04", "red", 1e-4, -0.1, "reflectance")] * 3
    sink = RasterSink(tmp_path / "a.zarr", profile("uint16", bands, nodata=0), {}, "zarr")
    sink.open()
    put(sink, dtype="uint16")
    sink.finish(WINDOWS)
    with rasterio.open(tmp_path / "a.zarr") as made:
        assert (made.scales, made.offsets) == ((1e-4,) * 3, (-0.1,) * 3)
        assert made.units == ("reflectance",) * 3
        assert made.nodata == 0
        assert np.array_equal(np.moveaxis(made.read(), 0, 2)[hole()], np.maximum(pixels("uint16"), 1)[hole()])


def test_a_store_takes_the_place_of_another_and_leaves_nothing(tmp_path):
    output = tmp_path / "out.zarr"
    for count in range(2):
        sink = RasterSink(output, profile(bands=[BandInfo()] * 3), {"count": count}, "zarr")
        sink.open(overwrite=True)
        put(sink)
        sink.finish(WINDOWS)
        assert [one.name for one in tmp_path.iterdir()] == ["out.zarr"]


def test_a_store_that_a_kill_left_half_made_is_taken_over(tmp_path):
    output = tmp_path / "out.zarr"
    sink = RasterSink(output, profile(bands=[BandInfo()] * 3), {}, "zarr")
    sink.open()
    put(sink)
    left = sink.folder / ".result.zarr.part" / "result.zarr"
    left.mkdir(parents=True)
    (left / "junk").write_text("x")
    sink.finish(WINDOWS)
    assert not (output / "junk").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["out.zarr"]


def test_findings_are_kept_with_their_block(tmp_path):
    kept = {"pixels": 65536.0, "covered": 0.1 + 0.2, "least": -math.inf, "most": 5e-324}
    first = RasterSink(tmp_path / "a.tif", profile(masked=True), {}, "cog")
    first.open()
    put(first, WINDOWS[1:])
    rows, columns = WINDOWS[0].within(Window(0, 0, HEIGHT, WIDTH))
    first.write(WINDOWS[0], pixels()[rows, columns], hole()[rows, columns], kept)
    again = RasterSink(tmp_path / "a.tif", profile(masked=True), {}, "cog")
    again.open()
    assert again.findings(WINDOWS[:2]) == [kept, {}]
    again.finish(WINDOWS)
    with rasterio.open(tmp_path / "a.tif") as made:
        assert not any("FINDINGS" in tag for tag in made.tags())


def test_blocks_of_other_work_are_not_taken_over(tmp_path):
    sink = RasterSink(tmp_path / "a.tif", profile(), {"model": 1, "lr": "x"}, "cog")
    sink.open()
    put(sink, WINDOWS[:1])
    other = RasterSink(tmp_path / "a.tif", profile(), {"model": 2, "lr": "x"}, "cog")
    with pytest.raises(UsageError, match=r"was begun from something else \(model\); --overwrite"):
        other.open()
    other.open(overwrite=True)
    assert not other.has(WINDOWS[0])


def test_blocks_that_do_not_fill_the_raster_are_refused(tmp_path):
    sink = RasterSink(tmp_path / "a.tif", profile(), {}, "cog")
    sink.open()
    put(sink, WINDOWS[1:])
    with pytest.raises(DataError, match="pixels of 700x900"):
        sink.finish(WINDOWS[1:])


def test_a_damaged_block_is_one_line_and_nothing_appears(tmp_path):
    sink = RasterSink(tmp_path / "a.tif", profile(), {}, "cog")
    sink.open()
    put(sink)
    block = next(sink.folder.glob("256-*.tif"))
    block.write_bytes(block.read_bytes()[:2000])
    with pytest.raises(RefsrError, match=r"a\.tif: cannot be written"):
        sink.finish(WINDOWS)
    assert not (tmp_path / "a.tif").exists()
    assert all(sink.has(window) for window in WINDOWS)
    assert not list(sink.folder.glob("*result*"))


def test_a_full_disk_is_seen_before_the_work(tmp_path):
    check_disk(tmp_path / "deep" / "a.tif", 1)
    with pytest.raises(RefsrError, match=r"a\.tif: needs 1000000000000\.0 GB at .*, [0-9.]+ GB free"):
        check_disk(tmp_path / "deep" / "a.tif", 10**21)


def test_a_folder_that_is_none_or_read_only_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"a\.tif: .*file is a file; expected a folder"):
        check_folder(tmp_path / "file" / "a.tif")
    monkeypatch.setattr(os, "access", lambda folder, _: folder != tmp_path)
    with pytest.raises(RefsrError, match=rf"a\.tif: nothing can be written to {tmp_path}"):
        check_folder(tmp_path / "deep" / "a.tif")


@pytest.mark.parametrize("nodata", [0.0, 7.0])
def test_floats_that_equal_nodata_move_by_nearly_nothing(tmp_path, nodata):
    sink = RasterSink(tmp_path / "a.tif", profile("float32", nodata=nodata), {}, "cog")
    sink.open()
    put(sink, dtype="float32")
    sink.finish(WINDOWS)
    with RasterSource(tmp_path / "a.tif") as source:
        image, valid = source.read(source.window)
    np.testing.assert_array_equal(valid, hole())
    np.testing.assert_allclose(image[valid], pixels("float32")[valid], rtol=1e-6, atol=1e-30)


def test_a_png_keeps_its_place_and_mask_in_files_beside_it(tmp_path):
    sink = RasterSink(tmp_path / "a.png", profile(masked=True), {}, "png")
    sink.open()
    put(sink)
    sink.finish(WINDOWS)
    with RasterSource(tmp_path / "a.png") as source:
        image, valid = source.read(source.window)
        assert source.grid.geotransform.same_crs(GEOTRANSFORM)
        assert source.grid.geotransform.transform == GEOTRANSFORM.transform
    assert np.array_equal(image[valid], pixels()[valid])
    assert np.array_equal(valid, hole())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", "a.png.aux.xml", "a.png.msk"]
    # Another picture in its place has neither.
    again = RasterSink(tmp_path / "a.png", RasterProfile(HEIGHT, WIDTH, "uint8", [BandInfo()] * 3), {}, "png")
    again.open(overwrite=True)
    put(again)
    again.finish(WINDOWS)
    with RasterSource(tmp_path / "a.png") as source:
        assert source.grid is None
        assert source.read(source.window)[1].all()
