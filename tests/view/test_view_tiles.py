"""Tiles show the ground where it lies, whatever grids the files have; values are those of the files."""

from __future__ import annotations

import multiprocessing
import threading
import time

import ground
import numpy as np
import pytest
import rasterio
from pictures import picture
from rasterio.env import get_gdal_config

from refsr.core.errors import UsageError
from refsr.view import overviews
from refsr.view.opening import NamedFile, open_scene
from refsr.view.plane import TILE, TileWindow
from refsr.view.state import CACHE, State
from refsr.view.tiled import write_tiled
from refsr.view.tiles import Look, chosen_overview, tile_picture
from refsr.view.values import footprint, profile, values_at

GREY = Look((1, 2, 3), ((0, 255),) * 3)


def ground_under(window: TileWindow, pixel: float) -> np.ndarray:
    """What a tile of a plane of such pixels should show."""
    corner = ground.north_up(pixel) @ ground.Affine.translation(window.left, window.top)
    return ground.truth(corner @ ground.Affine.scale(window.step), TILE, TILE)


@pytest.fixture
def scene(named, tmp_path):
    found = open_scene(named, tmp_path)
    yield found
    found.close()


def test_the_plane_is_the_grid_of_the_finest_layer(scene):
    assert (scene.plane.grid.height, scene.plane.grid.width) == (256, 192)
    assert scene.plane.grid.geotransform.transform[0] == 2.5


def test_a_tile_of_the_finest_layer_is_its_pixels(scene, places):
    shown = picture(tile_picture(scene.plane, scene.of("sr"), TileWindow(0, 0, 1), GREY))
    with rasterio.open(places["sr"]) as source:
        stored = np.moveaxis(source.read(), 0, 2)
    np.testing.assert_array_equal(shown[:256, :192, :3], stored)
    assert shown[:256, :192, 3].min() == 255
    assert shown[:, 192:, 3].max() == 0


def test_layers_of_all_grids_show_the_same_ground_in_the_same_place(scene):
    window = TileWindow(32, 64, 0.5)
    truth = ground_under(window, 2.5)
    for role, apart in (("sr", 6), ("ref", 8), ("lr", 22)):
        shown = picture(tile_picture(scene.plane, scene.of(role), window, GREY))
        there = shown[:, :, 3] > 0
        assert there.mean() > 0.9
        # Pixels are shown as they are: half of one lies between a point and its middle.
        error = np.abs(shown[:, :, :3].astype(float) - truth)[there].mean()
        assert error < apart, (role, error)


def test_large_pixels_are_interpolated_on_request(scene):
    window = TileWindow(32, 64, 0.5)
    truth = ground_under(window, 2.5)
    plain, smooth = (
        np.abs(
            picture(tile_picture(scene.plane, scene.of("lr"), window, look))[16:-16, 16:-16, :3] - truth[16:-16, 16:-16]
        ).mean()
        for look in (GREY, Look(GREY.bands, GREY.ranges, smooth=True))
    )
    assert smooth < plain / 3


def test_a_stretch_maps_its_ends_to_black_and_white(scene):
    shown = picture(tile_picture(scene.plane, scene.of("sr"), TileWindow(0, 0, 1), Look((2,), ((100, 150),))))
    plain = picture(tile_picture(scene.plane, scene.of("sr"), TileWindow(0, 0, 1), Look((2,), ((0, 255),))))
    values = plain[:256, :192, 0].astype(float)
    expected = np.clip((values - 100) / 50, 0, 1) * 255
    np.testing.assert_allclose(shown[:256, :192, 0], expected, atol=1)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint32", "float64"])
def test_every_type_is_stretched(dtype, tmp_path):
    path = tmp_path / "typed.tif"
    write_tiled(path, np.linspace(-100 if dtype[0] in "if" else 0, 100, 4096).reshape(64, 64, 1).astype(dtype))
    scene = open_scene([NamedFile("sr", str(path))], tmp_path)
    shown = picture(tile_picture(scene.plane, scene.layers[0], TileWindow(0, 0, 1), Look((1,), ((0, 100),))))
    column = shown[:64, 0, 0].astype(int)
    assert column[0] == 0
    assert column[-1] > 240
    assert (np.diff(column) >= 0).all()


def test_pixels_without_data_are_transparent(tmp_path):
    path = ground.write(tmp_path / "holes.tif", ground.north_up(10), 64, 64, dtype="float32", nodata=-1)
    with rasterio.open(path, "r+") as sink:
        pixels = sink.read()
        pixels[:, :10], pixels[1, 20:30] = -1, np.nan
        sink.write(pixels)
    scene = open_scene([NamedFile("sr", str(path))], tmp_path)
    shown = picture(tile_picture(scene.plane, scene.layers[0], TileWindow(0, 0, 1), GREY))[:64, :64, 3]
    assert shown[:10].max() == 0
    assert shown[20:30].max() == 0
    assert shown[10:20].min() == 255


def test_coarse_tiles_read_overviews(tmp_path):
    """A tile of a whole scene reads the overview that is as fine as the tile, not all pixels."""
    assert chosen_overview((2, 4, 8, 16), 1.0) is None
    assert chosen_overview((2, 4, 8, 16), 2.0) == 0
    assert chosen_overview((2, 4, 8, 16), 7.9) == 1
    assert chosen_overview((2, 4, 8, 16), 100) == 3
    pixels = np.zeros((2048, 2048, 1), np.uint8)
    path = tmp_path / "large.tif"
    write_tiled(path, pixels)
    with rasterio.open(path, "r+") as sink:
        # The pixels change, and the overviews stay as they were: whoever reads the pixels shows it.
        sink.write(np.full((1, 2048, 2048), 200, np.uint8))
    scene = open_scene([NamedFile("sr", str(path))], tmp_path)
    layer = scene.layers[0]
    look = Look((1,), ((0, 255),))
    assert picture(tile_picture(scene.plane, layer, TileWindow(0, 0, 8), look))[:, :, 0].max() == 0
    assert picture(tile_picture(scene.plane, layer, TileWindow(0, 0, 1), look))[:, :, 0].min() == 200


def test_a_large_raster_without_overviews_gets_them_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr(overviews, "LARGE", 100)
    monkeypatch.setattr(overviews, "COARSEST", 64)
    path = ground.write(tmp_path / "plain.tif", ground.north_up(10), 256, 256, dtype="uint8", nodata=0)
    folder = tmp_path / "own"
    folder.mkdir()
    scene = open_scene([NamedFile("sr", str(path))], folder)
    before = picture(tile_picture(scene.plane, scene.layers[0], TileWindow(0, 0, 4), GREY))
    overviews.MissingOverviews(scene.layers, folder).wait()
    layer = scene.layers[0]
    assert layer.overviews == (2, 4)
    after = picture(tile_picture(scene.plane, layer, TileWindow(0, 0, 4), GREY))
    np.testing.assert_allclose(after[:64, :64].astype(float), before[:64, :64], atol=2)
    assert values_at(scene, 10, 10)["layers"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["own", "plain.tif"]
    scene.close()


@pytest.fixture
def large(tmp_path):
    """A raster without overviews that takes a second or more to get them, and a folder of the viewer."""
    path, folder = tmp_path / "large.tif", tmp_path / "own"
    folder.mkdir()
    side = 6000
    pixels = np.random.default_rng(0).integers(0, 255, (side, side), np.uint8)
    profile = {"driver": "GTiff", "height": side, "width": side, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", transform=ground.north_up(10), crs="EPSG:32612", **profile) as sink:
        sink.write(pixels, 1)
    return path, folder


def test_python_runs_on_while_overviews_are_made(large):
    """rasterio holds Python's lock meanwhile: in this process no tile would be served, and no address printed."""
    path, folder = large
    scene = open_scene([NamedFile("sr", str(path))], folder)
    made = overviews.MissingOverviews(scene.layers, folder)
    waiting = threading.Thread(target=made.wait)
    waiting.start()
    longest = 0.0
    begun = last = time.perf_counter()
    while waiting.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    assert scene.layers[0].overviews == (2, 4, 8, 16)
    assert longest < (last - begun) / 4
    scene.close()


def test_a_viewer_bounds_what_gdal_keeps_and_ends_its_processes(large):
    path, _ = large
    before = get_gdal_config("GDAL_CACHEMAX")
    with State() as state:
        state.show([NamedFile("lr", str(path))])
        assert get_gdal_config("GDAL_CACHEMAX") == CACHE
        assert eventually_busy()
    assert get_gdal_config("GDAL_CACHEMAX") == before
    assert multiprocessing.active_children() == []


def eventually_busy() -> bool:
    """Whether a process is started within some seconds."""
    until = time.monotonic() + 20
    while not (found := bool(multiprocessing.active_children())) and time.monotonic() < until:
        time.sleep(0.001)
    return found


def test_making_overviews_is_stopped(large):
    path, folder = large
    scene = open_scene([NamedFile("sr", str(path))], folder)
    made = overviews.MissingOverviews(scene.layers, folder)
    made.stop()
    assert scene.layers[0].overviews == ()
    assert multiprocessing.active_children() == []
    scene.close()


def test_overviews_that_cannot_be_made_are_left_out(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(overviews, "LARGE", 100)
    path = ground.write(tmp_path / "plain.tif", ground.north_up(10), 256, 256, dtype="uint8", nodata=0)
    scene = open_scene([NamedFile("sr", str(path))], tmp_path)
    overviews.MissingOverviews(scene.layers, tmp_path / "nowhere").wait()
    assert scene.layers[0].overviews == ()
    assert "plain.tif: no overviews could be made: " in (said := capfd.readouterr().err)
    assert "Traceback" not in said
    scene.close()


def test_a_tile_beside_a_layer_is_empty(scene):
    shown = picture(tile_picture(scene.plane, scene.of("sr"), TileWindow(4096, 0, 1), GREY))
    assert shown[:, :, -1].max() == 0


def test_a_band_that_a_layer_lacks_is_named(scene):
    with pytest.raises(UsageError, match=r"sr\.tif: has no band 7"):
        tile_picture(scene.plane, scene.of("sr"), TileWindow(0, 0, 1), Look((7,), ((0, 1),)))


def test_values_are_those_of_the_files(scene, places):
    x, y = 101.5, 63.25
    found = {one["key"]: one for one in values_at(scene, x, y)["layers"]}
    for role, column, row in (("sr", 101, 63), ("lr", 25, 15)):
        with rasterio.open(places[role]) as source:
            stored = source.read(window=((row, row + 1), (column, column + 1)))[:, 0, 0]
        one = found[scene.of(role).key]
        assert (one["column"], one["row"]) == (column, row)
        assert one["values"] == stored.tolist()
    with rasterio.open(places["ref"]) as source:
        east, north = ground.EAST + 2.5 * x, ground.NORTH - 2.5 * y
        lon, lat = rasterio.warp.transform(ground.HOME, "EPSG:4326", [east], [north])
        stored = next(source.sample([(lon[0], lat[0])]))
    assert found[scene.of("ref").key]["values"] == stored.tolist()


def test_the_footprint_is_the_pixel_of_lr(scene):
    assert footprint(scene, 101.5, 63.25) == [[100, 60], [104, 60], [104, 64], [100, 64]]
    assert footprint(scene, 500, 10) is None


def test_a_profile_has_the_values_along_its_line(scene):
    sr, lr = scene.of("sr"), scene.of("lr")
    found = profile(scene, (10.5, 20.5, 60.5, 20.5), [sr.key, lr.key])
    assert found["length"] == pytest.approx(125)
    assert found["unit"] == "m"
    along, coarse = (one["values"] for one in found["layers"])
    assert len(along) == 3
    assert along[0][:3] == [float(values_at(scene, x + 0.5, 20.5)["layers"][0]["values"][0]) for x in (10, 11, 12)]
    assert coarse[0][2] == coarse[0][3]
    beside = profile(scene, (-50, 5, 20, 5), [sr.key])["layers"][0]["values"][0]
    assert beside[0] is None
    assert beside[-1] is not None


@pytest.mark.parametrize("line", [(1, 1, 1, 1), (1, 2, 3), (0, 0, float("nan"), 1)])
def test_a_line_that_is_none_is_refused(scene, line):
    with pytest.raises(UsageError):
        profile(scene, line, [])
