"""The plane of all layers: its tiles, and where layers of other grids lie on it."""

from __future__ import annotations

import ground
import numpy as np
import pytest

from refsr.core.errors import DataError, UsageError
from refsr.geo.geotransform import IDENTITY, Geotransform
from refsr.geo.grid import Grid
from refsr.view.plane import TILE, Placement, Plane, corner_to_corner

FLAT = Geotransform(None, IDENTITY)


@pytest.mark.parametrize(("side", "levels"), [(1, 0), (256, 0), (257, 1), (1024, 2), (30000, 7)])
def test_the_plane_halves_until_it_fits_a_tile(side, levels):
    assert Plane(Grid(FLAT, side, 1)).levels == levels


def test_tiles_of_a_zoom_cover_the_plane_from_its_corner():
    plane = Plane(Grid(FLAT, 1000, 600))
    first = plane.origin // TILE
    window = plane.tile(plane.native, first, first)
    assert (window.left, window.top, window.step) == (0, 0, 1)
    coarse = plane.tile(plane.native - 2, first // 4, first // 4)
    assert (coarse.left, coarse.top, coarse.step) == (0, 0, 4)
    beside = plane.tile(plane.native, first + 1, first + 2)
    assert (beside.left, beside.top) == (256, 512)


@pytest.mark.parametrize("tile", [(-1, 0, 0), (99, 0, 0), (2, 4, 0), (2, 0, -1)])
def test_a_tile_that_the_world_lacks_is_refused(tile):
    with pytest.raises(UsageError, match="zooms 0 to"):
        Plane(Grid(FLAT, 100, 100)).tile(*tile)


def test_a_placement_goes_there_and_back_through_another_coordinate_system():
    plane = Geotransform(ground.HOME, tuple(ground.north_up(2.5))[:6])
    layer = Geotransform("EPSG:4326", (3.6e-5, 0.0, -111.0008, 0.0, -2.7e-5, 42.0))
    placement = Placement(plane, layer)
    columns, rows = np.array([0.0, 100.5, 260.0]), np.array([0.0, 20.25, 300.0])
    back = placement.to_layer(*placement.to_plane(columns, rows))
    np.testing.assert_allclose(back, (columns, rows), atol=1e-3)
    assert placement.warped


def test_a_grid_that_is_rotated_keeps_its_corners():
    turned = Geotransform(ground.HOME, (8.0, 6.0, ground.EAST, 6.0, -8.0, ground.NORTH))
    placement = Placement(Geotransform(ground.HOME, tuple(ground.north_up(10))[:6]), turned)
    x, y = placement.to_plane([0, 10], [0, 0])
    np.testing.assert_allclose([x, y], [[0, 8], [0, -6]])
    assert placement.outline(10, 10) == pytest.approx((0, -6, 14, 8))


def test_an_image_is_laid_corner_to_corner():
    grid = Grid(Geotransform(ground.HOME, tuple(ground.north_up(10))[:6]), 64, 48)
    place = corner_to_corner((640, 240), grid)
    assert place.point(240, 640) == pytest.approx(grid.geotransform.point(48, 64))


def test_the_finer_placement_of_a_part_begins_at_its_corner():
    placement = Placement(FLAT, FLAT).finer(4, column=5, row=3)
    x, y = placement.to_plane([0, 4], [0, 8])
    np.testing.assert_allclose([x, y], [[5, 6], [3, 5]])


def test_a_layer_beyond_its_coordinate_system_is_an_error():
    far = Geotransform("EPSG:4326", (1.0, 0.0, -400.0, 0.0, -1.0, 95.0))
    with pytest.raises(DataError, match="does not reach"):
        Placement(Geotransform("EPSG:3857", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)), far).outline(2000, 2000)
