"""Rasters on other grids, against ground whose brightness is known at every point."""

from __future__ import annotations

import ground
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.projection import shared_ground
from refsr.geo.raster_source import RasterSource
from refsr.geo.warped import WarpedRaster


def grid(affine: Affine, height: int, width: int, crs: str = ground.HOME) -> Grid:
    return Grid(Geotransform(crs, tuple(affine)[:6]), height, width)


TARGET = grid(ground.north_up(10), 96, 128)


def degrees(pixel: float) -> Affine:
    """A grid in longitude and latitude that covers the target with room to spare."""
    return Affine(pixel * 1.35, 0, -111.001, 0, -pixel, 42.0025)


SOURCES = {
    "same grid": (ground.north_up(10), 96, 128, ground.HOME),
    "half a pixel off": (ground.north_up(10, ground.EAST - 25, ground.NORTH + 35), 110, 140, ground.HOME),
    "twice as fine": (ground.north_up(5, ground.EAST - 50, ground.NORTH + 50), 220, 280, ground.HOME),
    "8 times as fine": (ground.north_up(1.25, ground.EAST - 5, ground.NORTH + 5), 780, 1040, ground.HOME),
    "2.7 times as fine": (ground.north_up(3.7, ground.EAST - 50, ground.NORTH + 50), 300, 380, ground.HOME),
    "coarser": (ground.north_up(16, ground.EAST - 50, ground.NORTH + 50), 70, 90, ground.HOME),
    "south up": (Affine(10, 0, ground.EAST - 40, 0, 10, ground.NORTH - 1000), 110, 140, ground.HOME),
    "turned by 30 degrees": (
        Affine.translation(ground.EAST + 640, ground.NORTH - 480)
        @ Affine.rotation(-30)
        @ Affine.scale(9, -9)
        @ Affine.translation(-110, -110),
        220,
        220,
        ground.HOME,
    ),
    "the next UTM zone": (Affine(10, 0, -1024, 0, -10, 4_676_500), 0, 0, "EPSG:32613"),
    "degrees": (degrees(9e-5), 140, 180, "EPSG:4326"),
    "web mercator": (Affine(12, 0, -12356500, 0, -12, 5162200), 0, 0, "EPSG:3857"),
}


def around(affine: Affine, height: int, width: int, crs: str) -> tuple[Affine, int, int]:
    """A size for a grid that must hold the target; one without a size is laid around it."""
    if height:
        return affine, height, width
    from rasterio.warp import transform

    x, y = TARGET.outline()
    x, y = map(np.array, transform(ground.HOME, crs, x, y))
    pixel = affine.a
    left, top = x.min() - 5 * pixel, y.max() + 5 * pixel
    size = [int(np.ptp(line) / pixel) + 11 for line in (y, x)]
    return Affine(pixel, 0, left, 0, -pixel, top), size[0], size[1]


@pytest.mark.parametrize("name", SOURCES)
def test_every_grid_shows_the_same_ground(name, tmp_path):
    affine, height, width, crs = SOURCES[name]
    affine, height, width = around(affine, height, width, crs)
    with RasterSource(ground.write(tmp_path / "a.tif", affine, height, width, crs)) as source:
        warped, valid = WarpedRaster(source, TARGET).read(TARGET.window)
    inside = valid.copy()
    inside[[0, 1, -2, -1]] = inside[:, [0, 1, -2, -1]] = False
    assert inside.mean() > 0.85
    error = (warped - ground.truth(ground.north_up(10), 96, 128))[inside]
    # A tenth of a pixel off would be 4 grey levels at these frequencies; coarser pixels lose some of the waves.
    assert np.sqrt((error**2).mean()) < (6.0 if name == "coarser" else 1.5)
    assert abs(error.mean()) < 0.05


def test_an_equal_grid_is_not_interpolated(tmp_path):
    with RasterSource(ground.write(tmp_path / "a.tif", ground.north_up(10), 96, 128)) as source:
        warped, valid = WarpedRaster(source, TARGET).read(Window(10, 20, 30, 40))
    expected = ground.truth(ground.north_up(10), 96, 128).astype(np.float32)[10:40, 20:60]
    np.testing.assert_array_equal(warped, expected)
    assert valid.all()


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(sorted(SOURCES)), st.integers(0, 60), st.integers(0, 90), st.integers(1, 36), st.integers(1, 38))
def test_a_window_is_what_the_whole_has_there(tmp_path_factory, name, top, left, height, width):
    affine, rows, columns, crs = SOURCES[name]
    affine, rows, columns = around(affine, rows, columns, crs)
    file = tmp_path_factory.getbasetemp() / f"{name}.tif".replace(" ", "_")
    if not file.exists():
        ground.write(file, affine, rows, columns, crs, nodata=-1)
        with rasterio.open(file, "r+") as sink:
            image = sink.read()
            image[:, rows // 3 : rows // 2, columns // 3 : columns // 2] = -1
            sink.write(image)
    with RasterSource(file) as source:
        view = WarpedRaster(source, TARGET)
        whole, covered = view.read(TARGET.window)
        part, valid = view.read(Window(top, left, height, width))
    np.testing.assert_array_equal(valid, covered[top : top + height, left : left + width])
    np.testing.assert_array_equal(part[valid], whole[top : top + height, left : left + width][valid])


def test_only_what_is_covered_is_valid(tmp_path):
    half = ground.write(tmp_path / "half.tif", ground.north_up(10, ground.EAST + 400), 96, 200)
    with RasterSource(half) as source:
        _, valid = WarpedRaster(source, TARGET).read(TARGET.window)
    assert not valid[:, :40].any()
    assert valid[:, 40:].all()


def test_a_source_elsewhere_is_valid_nowhere(tmp_path):
    with RasterSource(ground.write(tmp_path / "far.tif", ground.north_up(10, ground.EAST + 9000), 96, 20)) as source:
        warped, valid = WarpedRaster(source, TARGET).read(TARGET.window)
    assert warped.shape == (96, 128, 3)
    assert not valid.any()


def test_a_hole_neither_rings_nor_shrinks(tmp_path):
    file = ground.write(
        tmp_path / "a.tif", ground.north_up(10, ground.EAST - 23, ground.NORTH + 27), 110, 140, nodata=-9999
    )
    with rasterio.open(file, "r+") as sink:
        image = sink.read()
        # In one band alone: that is enough.
        image[1, 40:60, 50:70] = -9999
        sink.write(image)
    with RasterSource(file) as source:
        warped, valid = WarpedRaster(source, TARGET).read(TARGET.window)
    assert 18 * 18 <= (~valid).sum() <= 22 * 22
    error = (warped - ground.truth(ground.north_up(10), 96, 128))[valid]
    # Next to a hole one of the cubic's outer pixels is made up, never one of the nearest two.
    assert np.abs(error).max() < 25


def test_a_displacement_moves_what_is_seen(tmp_path):
    file = ground.write(tmp_path / "a.tif", ground.north_up(10, ground.EAST - 100, ground.NORTH + 100), 130, 170)
    moved = np.empty((4, 5, 2))
    moved[:] = 2.5, -1.25
    with RasterSource(file) as source:
        warped, _ = WarpedRaster(source, TARGET, moved).read(TARGET.window)
    expected = ground.truth(ground.north_up(10, ground.EAST + 25, ground.NORTH + 12.5), 96, 128)
    assert np.sqrt(((warped - expected) ** 2).mean()) < 1.5


def test_the_antimeridian_is_crossed_where_the_source_is_in_one_piece(tmp_path):
    crs, east, north = "EPSG:32660", 830_000.0, 100_000.0
    from rasterio.warp import transform

    target = Grid(Geotransform(crs, (100.0, 0, east, 0, -100.0, north)), 64, 96)
    (longitude,), (latitude,) = transform(crs, "EPSG:4326", [east], [north])
    affine = Affine(1e-3, 0, longitude - 0.02, 0, -1e-3, latitude + 0.02)
    values = np.arange(120 * 160, dtype=np.float32).reshape(1, 120, 160) / 100
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        driver="GTiff",
        height=120,
        width=160,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=affine,
    ) as sink:
        sink.write(values)
    with RasterSource(tmp_path / "a.tif") as source:
        warped, valid = WarpedRaster(source, target).read(target.window)
    x, y = target.outline()
    assert max(transform(crs, "EPSG:4326", x, y)[0]) > 179.99
    assert valid.all()
    assert (np.diff(warped[:, :, 0], axis=1) > 0).all()


@pytest.mark.parametrize("whole_turn", [360, -360])
def test_longitudes_counted_from_another_side_are_the_same_ground(tmp_path, whole_turn):
    """A raster at 181 degrees and one at -179 once shared no ground."""
    pixel, left = 1e-4, 180.0005 if whole_turn > 0 else -179.9995
    here = Grid(Geotransform("EPSG:4326", (pixel, 0, left, 0, -pixel, 1)), 20, 24)
    there = ground.north_up(pixel, left - whole_turn, 1)
    image = np.random.default_rng(0).integers(0, 256, (3, 20, 24)).astype(np.uint8)
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", height=20, width=24, count=3, dtype="uint8", crs="EPSG:4326",
        transform=there,
    ) as sink:  # fmt: skip
        sink.write(image)
    with RasterSource(tmp_path / "a.tif") as source:
        assert shared_ground(here, source.grid) == pytest.approx(1)
        values, valid = WarpedRaster(source, here).read(here.window)
    assert valid.all()
    np.testing.assert_allclose(values, np.moveaxis(image, 0, 2), atol=1e-3)


def test_a_scene_over_a_pole_is_refused_in_words(tmp_path):
    affine = Affine(0.1, 0, -180, 0, -0.1, 90)
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        driver="GTiff",
        height=100,
        width=3600,
        count=1,
        dtype="uint8",
        crs="EPSG:4326",
        transform=affine,
    ) as sink:
        sink.write(np.zeros((1, 100, 3600), np.uint8))
    pole = Grid(Geotransform("EPSG:3413", (5000.0, 0, -320_000, 0, -5000.0, 320_000)), 128, 128)
    with RasterSource(tmp_path / "a.tif") as source, pytest.raises(DataError, match="gdalwarp"):
        WarpedRaster(source, pole).read(pole.window)


@pytest.mark.parametrize("finer", [2, 4, 7])
def test_pixels_that_are_no_squares_lose_only_what_is_too_fine(tmp_path, finer):
    """Columns that are finer than the grid's are averaged; rows that are as tall stay as sharp as they are."""
    draw = np.random.default_rng(0)
    rows = np.broadcast_to(draw.uniform(0, 200, (96, 1)), (96, 128 * finer))
    noise = draw.normal(0, 20, (96, 128 * finer))
    found = []
    for image in (rows, noise):
        file = tmp_path / "a.tif"
        affine = Affine(10 / finer, 0, ground.EAST, 0, -10, ground.NORTH)
        with rasterio.open(
            file, "w", driver="GTiff", height=96, width=128 * finer, count=1, dtype="float32", crs=ground.HOME,
            transform=affine,
        ) as sink:  # fmt: skip
            sink.write(image.astype("float32")[None])
        with RasterSource(file) as source:
            found.append(WarpedRaster(source, TARGET).read(TARGET.window)[0][:, :, 0])
    np.testing.assert_allclose(found[0], rows[:, :128], atol=1e-3)
    means = noise.reshape(96, 128, finer).mean(2)
    assert found[1].std() == pytest.approx(means.std(), rel=0.2)
    assert np.corrcoef(found[1].ravel(), means.ravel())[0, 1] > 0.85
