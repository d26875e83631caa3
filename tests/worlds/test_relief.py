"""Shadows fall away from the sun, and tall things lean by height times the tangent of the look."""

from __future__ import annotations

import numpy as np
import pytest

from refsr.worlds.canvas import Canvas, Roof
from refsr.worlds.frame import Frame
from refsr.worlds.geometry import SunPosition, ViewingGeometry, direction
from refsr.worlds.relief import heights, sunlight, visible_surface

FINE = 0.25
SIZE = 240


@pytest.fixture
def tower():
    height = np.zeros((SIZE, SIZE), np.float32)
    height[110:130, 110:130] = 10
    return height


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 45), (90, 30), (180, 60), (270, 45), (135, 40)])
def test_shadows_have_the_right_place_and_length(tower, azimuth, elevation):
    shaded = sunlight(tower, SunPosition(azimuth, elevation), FINE) < 0.5
    assert not shaded[110:130, 110:130].any()
    rows, columns = np.nonzero(shaded)
    down, across = direction(azimuth)
    # Away from the sun, measured from the tower's middle along the sun's direction.
    along = (rows - 119.5) * -down + (columns - 119.5) * -across
    reach = 10 / np.tan(np.radians(elevation)) / FINE
    half = 10 * (abs(down) + abs(across))
    assert along.min() > -half
    assert along.max() == pytest.approx(reach + half, abs=3)


@pytest.mark.parametrize(("azimuth", "angle"), [(90, 10), (180, 15), (0, 8)])
def test_roofs_move_by_their_height(tower, azimuth, angle):
    seen = visible_surface(tower, ViewingGeometry(azimuth, angle), FINE)
    top = (seen.height > 9.5) & ~seen.wall
    rows, columns = np.nonzero(top)
    down, across = direction(azimuth)
    shift = 10 * np.tan(np.radians(angle)) / FINE
    assert rows.mean() == pytest.approx(119.5 + shift * down, abs=1)
    assert columns.mean() == pytest.approx(119.5 + shift * across, abs=1)
    assert seen.wall.any()
    # The foot of what is seen there lies on the tower.
    feet = np.divmod(seen.source[top], SIZE)
    assert (feet[0] >= 110).all()
    assert (feet[0] < 130).all()
    assert (feet[1] >= 110).all()
    assert (feet[1] < 130).all()


def test_from_right_above_nothing_moves(tower):
    seen = visible_surface(tower, ViewingGeometry(90, 0), FINE)
    np.testing.assert_array_equal(seen.source, np.arange(SIZE * SIZE).reshape(SIZE, SIZE))
    np.testing.assert_array_equal(seen.height, tower)
    assert not seen.wall.any()


def test_flat_ground_is_seen_where_it_is(tower):
    seen = visible_surface(tower, ViewingGeometry(90, 12), FINE)
    np.testing.assert_array_equal(seen.source[:100], np.arange(SIZE * SIZE).reshape(SIZE, SIZE)[:100])


@pytest.mark.parametrize("angle", [0.0, np.pi / 2])
def test_a_gable_falls_evenly_from_its_ridge_by_the_middles_of_pixels(angle):
    """The ridge lies on the border between two pixels: both are half a pixel away from it."""
    canvas = Canvas(Frame(0.0, 2.5, FINE, np.zeros((0, 6))), 20)
    roof = Roof(centre=(10.0, 10.0), angle=angle, half_u=10.0, half_v=10.0, eaves=3.0, rise=5.0, shape=1)
    canvas.objects[:] = canvas.add_object("asphalt", roof=roof)
    away = np.abs(np.arange(20) + 0.5 - 10)
    expected = np.repeat(3 + 5 * (1 - away / 10)[:, None], 20, 1)
    np.testing.assert_allclose(heights(canvas), expected.T if angle else expected, atol=1e-5)
