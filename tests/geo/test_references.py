"""Several rasters of one scene: the first that holds data wins, seams are soft, ranges are each raster's own."""

from __future__ import annotations

import ground
import numpy as np
import pytest
import rasterio

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.raster_source import RasterSource
from refsr.geo.references import FEATHER, Reference, References
from refsr.geo.value_range import BeyondRange, Samples, ValueRange, find_range, joint_range, sampled
from refsr.geo.warped import WarpedRaster

TARGET = Grid(Geotransform(ground.HOME, tuple(ground.north_up(10))[:6]), 96, 128)


def constant(path, value, affine, height, width, dtype="uint8", **more):
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype=dtype, crs=ground.HOME,
        transform=affine, **more,
    ) as sink:  # fmt: skip
        sink.write(np.full((1, height, width), value, dtype))
    return path


def opened(path, low=0.0, high=255.0) -> Reference:
    return Reference(WarpedRaster(RasterSource(path), TARGET), ValueRange(low, high, "as declared"))


@pytest.fixture
def pair(tmp_path):
    """One that covers columns 0 to 63, one that covers all, in other units."""
    left = constant(tmp_path / "left.tif", 51, ground.north_up(10), 96, 64)
    whole = constant(
        tmp_path / "whole.tif", 6000, ground.north_up(10, ground.EAST - 200, ground.NORTH + 200), 140, 170, "uint16"
    )
    return opened(left), opened(whole, 0, 10000)


def test_the_first_that_holds_data_wins(pair):
    values, weight = References(pair).read(TARGET.window)
    np.testing.assert_allclose(weight, 1, atol=1e-6)
    np.testing.assert_allclose(values[10:-10, 10 : 64 - FEATHER - 1], 0.2, atol=1e-5)
    np.testing.assert_allclose(values[:, 64:], 0.6, atol=1e-5)
    steps = np.diff(values[48, :, 0])
    assert np.abs(steps).max() < 0.4 / FEATHER + 1e-3


def test_what_nobody_covers_has_no_weight(pair):
    values, weight = References(pair[:1]).read(TARGET.window)
    assert (weight[:, 64:] == 0).all()
    assert np.isfinite(values).all()
    assert weight[48, 63] == pytest.approx(1 / (FEATHER + 1), abs=1e-5)


def test_a_window_is_what_the_whole_has_there(pair):
    references = References(pair)
    whole, _ = references.read(TARGET.window)
    part, _ = references.read(Window(30, 50, 20, 30))
    np.testing.assert_allclose(part, whole[30:50, 50:80], atol=1e-6)


def scene(path, values, **more):
    bands, height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=bands, dtype=values.dtype, crs=ground.HOME,
        transform=ground.north_up(10), **more,
    ) as sink:  # fmt: skip
        sink.write(values)
    return RasterSource(path)


def range_of(source: RasterSource, declared=None) -> ValueRange:
    return find_range(source, sampled(source), declared)


def test_ranges_by_declaration_type_tags_and_percentiles(tmp_path):
    values = np.random.default_rng(0).normal(2000, 300, (3, 400, 500)).clip(1, 60000)
    # A glint is no reason to make all else dark.
    values[:, 0, 0] = 60000
    plain = scene(tmp_path / "a.tif", values.astype("uint16"))
    assert range_of(plain, (0, 4095)) == ValueRange(0, 4095, "as declared")
    found = range_of(plain)
    assert found.reason == "percentiles 0.1 and 99.9 of the scene"
    assert 300 < found.low < 1100
    assert 2900 <= found.high < 4000
    with rasterio.open(tmp_path / "a.tif", "r+") as sink:
        sink.scales, sink.offsets = (1e-4,) * 3, (-0.1,) * 3
    tagged = range_of(RasterSource(tmp_path / "a.tif"))
    assert (tagged.low, tagged.high) == pytest.approx((1000, 11000))
    assert range_of(scene(tmp_path / "b.tif", np.ones((1, 30, 30), np.uint8))).high == 255
    with pytest.raises(DataError, match="all values are 7"):
        range_of(scene(tmp_path / "c.tif", np.full((1, 30, 30), 7, np.uint16)))
    with pytest.raises(DataError, match="no pixel holds data"):
        range_of(scene(tmp_path / "d.tif", np.full((1, 30, 30), 7, np.uint16), nodata=7))
    with pytest.raises(DataError, match="must rise"):
        range_of(plain, (4095, 0))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
def test_values_come_back_in_their_type(dtype):
    values = np.array([[-5.0, 0, 1, 77, 120]]).clip(0 if dtype.startswith("u") else None).astype(dtype)[:, :, None]
    span = ValueRange(-100, 20000, "as declared")
    back = span.raw(span.unit(values), dtype)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, values, atol=0 if np.dtype(dtype).kind in "iu" else 2e-3)
    assert span.raw(np.float32([[9.0]]), "uint8") == 255


def test_values_beyond_a_range_are_counted():
    beyond = BeyondRange(ValueRange(0, 4095, "as declared"))
    pixels = np.array([[[0], [4095], [6165], [-3]]], np.int32)
    beyond.count(pixels[np.array([[True, True, True, False]])])
    beyond.count(pixels[np.zeros((1, 4), bool)])
    assert (beyond.below, beyond.above, beyond.total) == (0, 1, 3)
    assert str(beyond) == "33.33% of the values lie beyond 0 to 4095: from 0 to 6165"


def measured(file, values: np.ndarray) -> tuple[ValueRange, Samples]:
    with scene(file, values.astype("uint16")) as source:
        samples = sampled(source)
        return find_range(source, samples), samples


def joint(*about: tuple[ValueRange, Samples]) -> ValueRange | None:
    return joint_range([span for span, _ in about], [samples for _, samples in about])


def test_rasters_of_one_scale_get_one_range_and_others_their_own(tmp_path):
    draw = np.random.default_rng(0).normal(2000, 300, (3, 200, 200)).clip(1, 60000)
    lr, sharper, other = (
        measured(tmp_path / f"{name}.tif", values)
        for name, values in (("a", draw), ("b", (draw - 2000) * 1.2 + 2000), ("c", draw * 4))
    )
    both = joint(lr, sharper)
    assert both is not None
    assert (both.low, both.high) == (sharper[0].low, sharper[0].high)
    assert lr[0].low > both.low
    assert joint(lr, other) is None
    assert joint(lr) is None
    assert joint(lr, (ValueRange(0, 4095, "as declared"), sharper[1])) is None


def test_a_few_saturated_pixels_of_a_reference_are_no_other_scale(tmp_path):
    """Else the reference would have a fraction of LR's contrast, and the network would not use it."""
    draw = np.random.default_rng(0).normal(2000, 300, (3, 200, 200)).clip(1, 60000)
    saturated = draw.copy()
    saturated[:, :3] = 60000
    lr, ref = measured(tmp_path / "a.tif", draw), measured(tmp_path / "b.tif", saturated)
    assert ref[0].high > 10 * lr[0].high
    both = joint(lr, ref)
    assert both is not None
    assert (both.low, both.high) == (lr[0].low, lr[0].high)
    # A like contrast elsewhere in the values is another scale.
    assert joint(lr, measured(tmp_path / "c.tif", saturated.clip(0, 50000) + 10000)) is None


def test_rasters_that_meet_without_an_overlap_are_as_one(tmp_path):
    """No seam between them, and the weight falls only towards ground that none of them shows."""
    values = np.random.default_rng(0).integers(1, 255, (1, 40, 60)).astype(np.uint8)
    grid = Grid(Geotransform.north_up(ground.HOME, ground.EAST, ground.NORTH, 10), 40, 80)
    parts = []
    for name, left, right in (("a", 0, 25), ("b", 25, 60)):
        source = scene(tmp_path / f"{name}.tif", values[:, :, left:right])
        source.grid = Grid(grid.geotransform.moved(left, 0), 40, right - left)
        parts.append(Reference(WarpedRaster(source, grid), ValueRange(0, 255, "8 bits")))
    found, weight = References(parts).read(Window(5, 0, 30, 80))
    np.testing.assert_allclose(found[:, :60, 0], values[0, 5:35] / 255, atol=1e-6)
    assert (weight[:, :52] == 1).all()
    assert (np.diff(weight[:, 52:60], axis=1) < 0).all()
    assert not weight[:, 60:].any()
