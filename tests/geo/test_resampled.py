"""Rasters at a pixel size between LR's and the network's: against the ground and against the exact resizer."""

from __future__ import annotations

import math

import ground
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsr.core.errors import UsageError
from refsr.core.window import Window
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.resampled import Resampled, find_resolution
from refsr.ops.resize import imresize


def grids(pixel: float = 10.0, scale: int = 4, crs: str | None = ground.HOME, size=(60, 80)) -> tuple[Grid, Grid]:
    coarse = Grid(Geotransform(crs, tuple(ground.north_up(pixel))[:6]), *size)
    return coarse, coarse.finer(scale)


def reader(image: np.ndarray, valid: np.ndarray | None = None):
    valid = np.ones(image.shape, bool) if valid is None else valid

    def read(window: Window):
        part = np.s_[window.top : window.bottom, window.left : window.right]
        return image[part], valid[part]

    return read


@pytest.mark.parametrize("metres", [2.6, 3.0, 4.0, 5.0, 7.7, 10.0])
def test_the_ground_stays_where_it_is(metres):
    coarse, fine = grids()
    found = find_resolution(metres, coarse, fine)
    assert found is not None
    assert found.grid.pixel_metres == pytest.approx(metres)
    assert abs(found.grid.height * metres - 600) <= metres / 2
    truth = ground.truth(fine.geotransform.affine(), fine.height, fine.width)
    made, _ = Resampled(reader(truth), (fine.height, fine.width), found.ratio).read(found.grid.window)
    expected = ground.truth(found.grid.geotransform.affine(), found.grid.height, found.grid.width)
    # A tenth of a pixel of 10 m off would be 4 grey levels.
    assert np.abs(made - expected)[3:-3, 3:-3].max() < 3.0
    assert abs((made - expected)[3:-3, 3:-3].mean()) < 0.02


@pytest.mark.parametrize("ratio", [2, 3, 4])
def test_whole_ratios_are_those_of_the_exact_resizer(ratio):
    image = np.random.default_rng(0).uniform(0, 100, (72, 96, 2))
    made, valid = Resampled(reader(image), (72, 96), ratio).read(Window(0, 0, 72 // ratio, 96 // ratio))
    expected = imresize(image, f"1/{ratio}")
    # At the border pixels are repeated, not mirrored.
    np.testing.assert_allclose(made[2:-2, 2:-2], expected[2:-2, 2:-2], atol=1e-9)
    assert valid.all()


@settings(deadline=None, max_examples=30)
@given(st.floats(1.01, 8), st.sampled_from(["uint8", "int16", "float32"]), st.data())
def test_a_window_has_the_bytes_of_the_whole(ratio, dtype, data):
    generator = np.random.default_rng(1)
    image = generator.uniform(1, 100, (61, 83, 2)).astype(dtype)
    valid = np.ones(image.shape, bool)
    valid[20:28, 30:50, 0] = False
    valid[50:, :9] = False
    height, width = math.floor(61 / ratio), math.floor(83 / ratio)
    made = Resampled(reader(image, valid), (61, 83), ratio)
    whole, known = made.read(Window(0, 0, height, width))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    window = Window(top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left)))
    part, inside = made.read(window)
    cut = np.s_[top : window.bottom, left : window.right]
    assert part.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(inside, known[cut])
    np.testing.assert_array_equal(part[inside], whole[cut][inside])


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.3])
def test_a_hole_neither_bleeds_nor_shrinks(ratio):
    image = np.full((90, 120, 1), 50.0)
    valid = np.ones(image.shape, bool)
    valid[30:60, 40:80] = False
    image[~valid] = -9999
    size = Window(0, 0, math.floor(90 / ratio), math.floor(120 / ratio))
    made, known = Resampled(reader(image, valid), (90, 120), ratio).read(size)
    assert np.abs(made[known] - 50).max() < 1e-9
    rows, columns = ((np.arange(count) + 0.5) * ratio for count in (size.height, size.width))
    expected = (rows >= 30) & (rows < 60)
    np.testing.assert_array_equal(~known[:, :, 0], expected[:, None] & ((columns >= 40) & (columns < 80))[None, :])


def test_nothing_but_holes():
    image = np.full((8, 8, 1), np.nan, np.float32)
    made, known = Resampled(reader(image, np.zeros(image.shape, bool)), (8, 8), 2.0).read(Window(0, 0, 4, 4))
    assert not known.any()
    assert np.isfinite(made).all()


def test_the_networks_own_size_needs_nothing():
    assert find_resolution(2.5, *grids()) is None
    assert find_resolution(2.5 * (1 + 1e-9), *grids()) is None


@pytest.mark.parametrize(
    ("metres", "words"),
    [(2.0, "interpolated only"), (11, "without a network"), (0, "above 0"), (-3, "above 0"), (math.nan, "above 0")],
)
def test_sizes_that_the_network_has_no_part_in(metres, words):
    with pytest.raises(UsageError, match=words):
        find_resolution(metres, *grids())


def test_without_a_coordinate_system_there_are_no_metres():
    with pytest.raises(UsageError, match="names no coordinate system"):
        find_resolution(5, *grids(crs=None))


def test_degrees_are_metres_at_the_scenes_centre():
    affine = (9e-5, 0, -111.0, 0, -9e-5, 42.0)
    coarse = Grid(Geotransform("EPSG:4326", affine), 60, 80)
    found = find_resolution(5.0, coarse, coarse.finer(4))
    assert found is not None
    a, _, left, _, e, top = found.grid.geotransform.transform
    assert a == pytest.approx(-e)
    assert (left, top) == (-111.0, 42.0)
    # Metres of a degree at 42 degrees north, by the usual series: 111.05 km and 82.85 km.
    assert math.sqrt(a * 82_850 * a * 111_050) == pytest.approx(5.0, rel=0.01)
    assert "resampled by" in str(found)
