"""Bands beside the restored ones, read from rasters by windows."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from refsr.core.window import Window
from refsr.geo import other_bands
from refsr.geo.other_bands import OtherBands
from refsr.geo.raster_source import RasterSource
from refsr.ops.resize import imresize

SCALE = 4
HEIGHT, WIDTH = 90, 150


def ground(seed: int) -> np.ndarray:
    image = gaussian_filter(np.random.default_rng(seed).normal(size=(SCALE * HEIGHT, SCALE * WIDTH)), 1.2)
    return 1000 + 150 * image / image.std()


@pytest.fixture(scope="module")
def sharp() -> np.ndarray:
    return np.stack([ground(seed) for seed in (1, 2, 3)], axis=2)


@pytest.fixture(scope="module")
def near_infrared(sharp) -> np.ndarray:
    return 3000 + sharp @ np.array([-0.9, 0.2, 0.4])


def write(path, planes: np.ndarray, **more) -> str:
    count, height, width = planes.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=count, dtype=planes.dtype, **more
    ) as sink:
        sink.write(planes)
    return str(path)


@pytest.fixture(scope="module")
def lr(sharp, near_infrared, tmp_path_factory) -> str:
    """Four bands of 16 bits; the fourth has a hole of its own, and a second where all have one."""
    stack = np.concatenate([sharp, near_infrared[:, :, None]], axis=2)
    low = np.rint(imresize(stack, f"1/{SCALE}")).astype(np.uint16)
    low[20:30, 40:60, 3] = 0
    low[60:64, 100:110] = 0
    return write(tmp_path_factory.mktemp("lr") / "lr.tif", np.moveaxis(low, 2, 0), nodata=0)


def reader(sharp: np.ndarray, hole: Window | None = None):
    def read(window: Window):
        part = np.rint(sharp[window.top : window.bottom, window.left : window.right]).astype(np.uint16)
        valid = np.ones(part.shape[:2], bool)
        if hole is not None and not hole.common(window).empty:
            rows, columns = hole.common(window).within(window)
            part[rows, columns], valid[rows, columns] = 0, False
        return part, valid

    return read


def bands(lr: str, method="guided") -> OtherBands:
    return OtherBands(RasterSource(lr, [1, 2, 3]), [RasterSource(lr, [4])], SCALE, method)


EMPTY = Window(60, 100, 4, 10).times(SCALE)
WHOLE = Window(0, 0, SCALE * HEIGHT, SCALE * WIDTH)


def test_guided_is_nearer_to_the_ground_and_holes_are_exact(lr, sharp, near_infrared):
    guided, valid = bands(lr).read(WHOLE, reader(sharp, EMPTY))[0]
    enlarged, known = bands(lr, "enlarge").read(WHOLE, reader(sharp))[0]
    np.testing.assert_array_equal(valid, known)
    expected = np.ones(valid.shape, bool)
    expected[80:120, 160:240] = expected[240:256, 400:440] = False
    np.testing.assert_array_equal(valid, expected)
    assert guided.dtype == enlarged.dtype == np.uint16
    apart = [np.abs(image.astype(float) - near_infrared) for image in (guided, enlarged)]
    inner = np.zeros(valid.shape, bool)
    inner[8:-8, 8:-8] = valid[8:-8, 8:-8]
    assert apart[0][inner].mean() < 0.35 * apart[1][inner].mean()
    # Next to a hole, too, there is no worse than what is between bicubic and a filled edge.
    ring = inner & ~np.roll(valid, 4, 0) | inner & ~np.roll(valid, -4, 0)
    assert apart[0][ring].max() < 1.5 * apart[1][ring].max()


def test_enlarge_is_bicubic(lr, sharp):
    found, _ = bands(lr, "enlarge").read(WHOLE, reader(sharp))[0]
    with rasterio.open(lr) as source:
        low = source.read(4).astype(np.float64)
    expected = imresize(low, SCALE)
    for part in (np.s_[200:230, 20:300], np.s_[:40, :100]):
        assert np.abs(found[part] - expected[part]).max() < 0.5 + 1e-3


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_a_window_has_the_bytes_of_the_whole(lr, sharp, data):
    method = data.draw(st.sampled_from(["guided", "enlarge"]))
    top, left = data.draw(st.integers(0, WHOLE.height - 1)), data.draw(st.integers(0, WHOLE.width - 1))
    window = Window(
        top, left, data.draw(st.integers(1, WHOLE.height - top)), data.draw(st.integers(1, WHOLE.width - left))
    )
    whole, valid = _whole(lr, sharp, method)
    part, known = bands(lr, method).read(window, reader(sharp))[0]
    np.testing.assert_array_equal(part, whole[top : window.bottom, left : window.right])
    np.testing.assert_array_equal(known, valid[top : window.bottom, left : window.right])


_kept: dict = {}


def _whole(lr, sharp, method):
    if method not in _kept:
        _kept[method] = bands(lr, method).read(WHOLE, reader(sharp))[0]
    return _kept[method]


def test_squares_agree_where_they_meet(lr, sharp, monkeypatch):
    whole, valid = _whole(lr, sharp, "guided")
    for cell in (17, 40, 64):
        made = bands(lr)
        made.cell = cell
        apart = np.abs(made.read(WHOLE, reader(sharp))[0][0].astype(int) - whole)
        # What is seen around a square holds all that its pixels depend on, but for rounding.
        assert apart.max() <= 1
        # In a hole, which nearest pixel stands for it depends on the square; nothing of that is written.
        assert (apart[valid] > 0).mean() < 1e-4


def test_the_halo_is_no_larger_than_needed(lr, sharp):
    whole, _ = _whole(lr, sharp, "guided")
    made = bands(lr)
    made.cell, made._halo = 17, 3
    assert np.abs(made.read(WHOLE, reader(sharp))[0][0].astype(int) - whole).max() > 1


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_every_band_keeps_its_own_values(dtype, sharp, tmp_path):
    """A band far from the restored ones' range, at the end of its type's, is neither clipped nor scaled."""
    low = imresize(sharp, f"1/{SCALE}")
    kind = np.dtype(dtype)
    top = (
        1e12
        if dtype == "float64"
        else 250.0
        if kind == np.uint8
        else float(np.iinfo(kind).max) - 100
        if kind.kind in "iu"
        else 1e4
    )
    band = (top + 20 * np.sin(np.arange(WIDTH) / 20))[None, :].repeat(HEIGHT, 0)
    if kind.kind in "iu":
        band = np.clip(np.rint(band), 0, np.iinfo(kind).max)
    file = write(tmp_path / "band.tif", band.astype(kind)[None])
    guides = write(tmp_path / "lr.tif", np.moveaxis(np.rint(low).astype(np.uint16), 2, 0))
    for method in ("guided", "enlarge"):
        made = OtherBands(RasterSource(guides), [RasterSource(file)], SCALE, method)
        found, valid = made.read(WHOLE, reader(sharp))[0]
        assert found.dtype == kind
        assert valid.all()
        smooth = imresize(band.astype(kind).astype(np.float64), SCALE)
        assert np.abs(found - smooth)[8:-8, 8:-8].max() <= 2.0


def test_not_a_number_is_a_hole_and_stays_one(sharp, tmp_path):
    low = imresize(sharp, f"1/{SCALE}")
    band = low[:, :, 0].astype(np.float32)
    band[5:9, 5:9] = np.nan
    band[:, 60:] = np.nan
    files = [
        write(tmp_path / "n.tif", band[None]),
        write(tmp_path / "l.tif", np.moveaxis(low.astype(np.float32), 2, 0)),
    ]
    made = OtherBands(RasterSource(files[1]), [RasterSource(files[0])], SCALE, "guided")
    found, valid = made.read(WHOLE, reader(sharp))[0]
    np.testing.assert_array_equal(valid, np.isfinite(band).repeat(SCALE, 0).repeat(SCALE, 1))
    assert np.isfinite(found).all()
    apart = np.abs(found - sharp[:, :, 0])
    assert apart[valid].mean() < 12


def test_a_band_without_any_data_is_empty(sharp, tmp_path):
    low = imresize(sharp, f"1/{SCALE}").astype(np.float32)
    files = [
        write(tmp_path / "n.tif", np.full((1, HEIGHT, WIDTH), np.nan, np.float32)),
        write(tmp_path / "l.tif", np.moveaxis(low, 2, 0)),
    ]
    for method in other_bands.OTHER_BANDS[:2]:
        found, valid = OtherBands(RasterSource(files[1]), [RasterSource(files[0])], SCALE, method).read(
            WHOLE, reader(sharp)
        )[0]
        assert not valid.any()
        assert np.isfinite(found).all()
