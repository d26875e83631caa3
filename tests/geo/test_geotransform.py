"""One affine transform: grids made coarser, finer and cut, pixels to points and back, and what rasterio reads of it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.geo.geotransform import Geotransform

ROTATED = Geotransform("EPSG:32633", (0.4, 0.3, 400_000.0, 0.3, -0.4, 5_200_000.0))
PLAIN = Geotransform.north_up("EPSG:32633", 400_000, 5_200_000, 0.5)


def test_points_and_pixels_are_inverse_also_on_a_rotated_grid():
    columns, rows = np.meshgrid(np.arange(5.0), np.arange(7.0))
    x, y = ROTATED.point(columns, rows)
    assert (x[2, 3], y[2, 3]) == pytest.approx((400_001.8, 5_200_000.1), rel=0, abs=1e-6)
    back = ROTATED.pixel(x, y)
    np.testing.assert_allclose(back[0], columns, atol=1e-8)
    np.testing.assert_allclose(back[1], rows, atol=1e-8)


def test_north_up_counts_rows_downwards():
    assert PLAIN.transform == (0.5, 0, 400_000, 0, -0.5, 5_200_000)
    assert PLAIN.point(2, 4) == (400_001, 5_199_998)


@pytest.mark.parametrize("grid", [PLAIN, ROTATED])
def test_coarser_and_finer_grids_keep_their_corner(grid):
    coarse, fine = grid.coarser(4), grid.finer(4)
    assert coarse.point(0, 0) == fine.point(0, 0) == grid.point(0, 0)
    np.testing.assert_allclose(coarse.point(3, 5), grid.point(12, 20), rtol=0, atol=1e-6)
    np.testing.assert_allclose(fine.point(12, 20), grid.point(3, 5), rtol=0, atol=1e-6)
    assert coarse.finer(4).transform == grid.transform


def test_a_moved_grid_begins_at_another_pixel():
    moved = ROTATED.moved(10, 20)
    assert moved.point(0, 0) == ROTATED.point(10, 20)
    np.testing.assert_allclose(moved.point(1, 2), ROTATED.point(11, 22), rtol=0, atol=1e-6)
    assert moved.crs == ROTATED.crs


def test_the_identity_says_nothing():
    assert Geotransform(None, (1, 0, 0, 0, 1, 0)).is_identity
    assert not PLAIN.is_identity


def test_coordinate_systems_are_compared_by_meaning():
    crs = pytest.importorskip("rasterio.crs")
    words = Geotransform(crs.CRS.from_epsg(32633).to_wkt(), PLAIN.transform)
    assert PLAIN.same_crs(words)
    assert words.same_crs(PLAIN)
    assert not PLAIN.same_crs(Geotransform("EPSG:32634", PLAIN.transform))
    unnamed = Geotransform(None, PLAIN.transform)
    assert not unnamed.same_crs(unnamed)
    with pytest.raises(DataError, match="'EPSG:nowhere' is no coordinate system"):
        PLAIN.same_crs(Geotransform("EPSG:nowhere", PLAIN.transform))
    with pytest.raises(DataError, match="names no coordinate system"):
        unnamed.coordinate_system()


def test_a_raster_written_with_its_profile_gives_it_back(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    from refsr.geo.raster import RasterTags, geotransform_of, raster_tags, rasterio_open

    for name, tags in {
        "named": RasterTags(ROTATED, 7.0),
        "unnamed": RasterTags(Geotransform(None, PLAIN.transform)),
        "nowhere": None,
    }.items():
        file = tmp_path / f"{name}.tif"
        shape = {"height": 3, "width": 4, "count": 1, "dtype": "uint8"}
        with rasterio.open(file, "w", driver="GTiff", **shape, **({} if tags is None else tags.profile())) as sink:
            sink.write(np.zeros((1, 3, 4), np.uint8))
        with rasterio_open(file) as source:
            found = raster_tags(source)
            assert geotransform_of(source) == (None if found is None else found.geotransform)
        if tags is None:
            assert found is None
            continue
        assert found is not None
        assert found.nodata == tags.nodata
        assert found.geotransform.transform == pytest.approx(tags.geotransform.transform)
        assert found.geotransform.same_crs(tags.geotransform) == (tags.geotransform.crs is not None)


def test_a_broken_raster_is_one_line(tmp_path):
    pytest.importorskip("rasterio")
    from refsr.geo.raster import rasterio_open

    file = tmp_path / "a.tif"
    file.write_bytes(b"II*\x00 and no more")
    with pytest.raises(DataError, match=r"a\.tif: broken or unsupported TIFF"), rasterio_open(file):
        pass


def test_importing_needs_no_rasterio():
    code = "import sys, refsr.geo.geotransform, refsr.geo.raster; assert 'rasterio' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_points_of_an_uneven_grid_are_the_affine_map():
    """Where b and d differ, rows and columns cannot stand for one another."""
    grid = Geotransform(None, (2.0, 0.5, 100.0, -0.25, -3.0, 200.0))
    assert grid.point(4, 6) == (2 * 4 + 0.5 * 6 + 100, -0.25 * 4 - 3 * 6 + 200)
    assert grid.pixel(*grid.point(4.0, 6.0)) == pytest.approx((4, 6))
    assert grid.moved(4, 6).point(1, 2) == pytest.approx(grid.point(5, 8))
