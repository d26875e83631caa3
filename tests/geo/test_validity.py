"""What counts as data, and what stands in where there is none."""

from __future__ import annotations

from pathlib import Path

import ground
import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from refsr.core.errors import DataError, UsageError
from refsr.core.window import Window
from refsr.geo.raster_source import RasterSource
from refsr.geo.validity import feathered, filled, filled_from

HOLE = np.s_[5:9, 7:13]


def made(path: Path, image: np.ndarray, mask: np.ndarray | None = None, **more) -> Path:
    bands, height, width = image.shape
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=more.pop("internal", True)), rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=bands, dtype=image.dtype, crs=ground.HOME,
        transform=ground.north_up(10), **more,
    ) as sink:  # fmt: skip
        sink.write(image)
        if mask is not None:
            sink.write_mask(mask)
    return path


def image(dtype="uint8", bands=3) -> np.ndarray:
    return np.random.default_rng(0).integers(10, 200, (bands, 20, 24)).astype(dtype)


WHOLE = Window(0, 0, 20, 24)


def valid_of(path: Path, window: Window = WHOLE, **how) -> np.ndarray:
    with RasterSource(path, **how) as source:
        return source.read(window)[1]


EXPECTED = np.ones((20, 24), bool)
EXPECTED[HOLE] = False


def test_nodata_in_any_band(tmp_path):
    pixels = image()
    pixels[1][HOLE] = 0
    np.testing.assert_array_equal(valid_of(made(tmp_path / "a.tif", pixels, nodata=0)), EXPECTED)
    assert valid_of(made(tmp_path / "b.tif", pixels)).all()
    np.testing.assert_array_equal(valid_of(tmp_path / "b.tif", nodata=0), EXPECTED)


def test_nodata_in_a_band_that_is_not_taken_is_no_hole(tmp_path):
    pixels = image()
    pixels[1][HOLE] = 0
    assert valid_of(made(tmp_path / "a.tif", pixels, nodata=0), bands=(1, 3)).all()


@pytest.mark.parametrize("nodata", [None, np.nan, -1.0])
def test_numbers_that_are_not_finite(tmp_path, nodata):
    pixels = image("float32")
    pixels[2][HOLE] = np.nan
    pixels[0, 5, 7] = np.inf
    np.testing.assert_array_equal(valid_of(made(tmp_path / "a.tif", pixels, nodata=nodata)), EXPECTED)


@pytest.mark.parametrize("internal", [True, False])
def test_masks_inside_the_file_and_beside_it(tmp_path, internal):
    file = made(tmp_path / "a.tif", image(), EXPECTED, internal=internal)
    assert (tmp_path / "a.tif.msk").exists() is not internal
    np.testing.assert_array_equal(valid_of(file), EXPECTED)
    np.testing.assert_array_equal(valid_of(file, Window(4, 6, 8, 9)), EXPECTED[4:12, 6:15])


def test_an_alpha_band_is_a_mask_and_no_band_to_take(tmp_path):
    pixels = image(bands=4)
    pixels[3] = np.where(EXPECTED, 255, 0)
    file = made(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES")
    with rasterio.open(file) as source:
        assert source.colorinterp[3] is ColorInterp.alpha
    with RasterSource(file) as raster:
        assert raster.bands == (1, 2, 3)
    np.testing.assert_array_equal(valid_of(file), EXPECTED)


def test_a_mask_and_nodata_count_both(tmp_path):
    pixels = image()
    pixels[0, 0, 0] = 0
    file = made(tmp_path / "a.tif", pixels, EXPECTED, nodata=0)
    expected = EXPECTED.copy()
    expected[0, 0] = False
    np.testing.assert_array_equal(valid_of(file), expected)


def test_holes_are_filled_from_the_nearest_pixel_and_the_rest_stays():
    pixels = np.arange(20 * 24, dtype=np.float32).reshape(20, 24, 1)
    found = filled(pixels, EXPECTED)
    np.testing.assert_array_equal(found[EXPECTED], pixels[EXPECTED])
    rows, columns = np.nonzero(~EXPECTED)
    at = np.argwhere(EXPECTED)
    for row, column in zip(rows, columns, strict=True):
        distances = np.hypot(*(at - (row, column)).T)
        source = at[found[row, column, 0] == pixels[EXPECTED][:, 0]][0]
        # The distance transform is that of a 5x5 mask: within a tenth of the true one.
        assert np.hypot(*(source - (row, column))) <= distances.min() * 1.1 + 1e-6
    assert (filled(pixels, np.zeros((20, 24), bool)) == pixels).all()


def test_feathers_rise_from_the_hole_alone():
    weight = feathered(EXPECTED, 3)
    assert (weight[~EXPECTED] == 0).all()
    assert weight[4, 10] == pytest.approx(1 / 4)
    assert weight[1, 10] == 1
    assert (weight[0, :3] == 1).all()


def test_rasters_that_have_no_grid_or_too_many_are_refused_in_words(tmp_path):
    points = [rasterio.control.GroundControlPoint(r, c, 500000 + c, 4650000 - r) for r, c in ((0, 0), (0, 9), (9, 0))]
    with rasterio.open(
        tmp_path / "gcps.tif",
        "w",
        driver="GTiff",
        height=9,
        width=9,
        count=1,
        dtype="uint8",
        gcps=points,
        crs=ground.HOME,
    ) as sink:
        sink.write(np.zeros((1, 9, 9), np.uint8))
    with pytest.raises(
        DataError, match="3 ground control points and no grid; make one first: gdalwarp -r cubic -t_srs EPSG:32612"
    ):
        RasterSource(tmp_path / "gcps.tif")
    with pytest.raises(DataError, match=r"nothing\.tif: no such file"):
        RasterSource(tmp_path / "nothing.tif")
    (tmp_path / "cut.tif").write_bytes(made(tmp_path / "a.tif", image()).read_bytes()[:300])
    with pytest.raises(DataError, match=r"cut\.tif: cannot be"), RasterSource(tmp_path / "cut.tif") as source:
        source.read(source.window)
    with pytest.raises(DataError, match=r"bands \[4\] are asked for, the raster has 1 to 3"):
        RasterSource(tmp_path / "a.tif", bands=(1, 4))


def test_holes_are_filled_from_a_finer_raster_at_the_brightness_around():
    """What is empty shows what the finer raster shows there; where that has nothing it stays."""
    draw = np.random.default_rng(0)
    finer = draw.random((48, 60, 2), np.float32) * 0.5
    truth = finer.reshape(12, 4, 15, 4, 2).mean((1, 3)) + np.float32(0.2)
    valid = np.ones((12, 15), bool)
    valid[3:7, 4:11] = False
    weight = np.ones((48, 60), np.float32)
    weight[:, 40:] = 0
    pixels = np.where(valid[:, :, None], truth, np.float32(0.9))
    found = filled_from(finer, weight, pixels, valid, 4)
    np.testing.assert_allclose(found[:, :10], truth[:, :10], atol=1e-6)
    np.testing.assert_array_equal(found[:, 10:], pixels[:, 10:])


@pytest.mark.parametrize("nodata", [-100, 0.5, 256])
def test_a_value_that_the_type_cannot_hold_is_refused(tmp_path, nodata):
    """-100 was once taken for 156 in bytes, and 0.5 for 0: pixels with data were empty in silence."""
    file = made(tmp_path / "a.tif", image())
    with pytest.raises(UsageError, match=rf"a\.tif: nodata {nodata:g} is no value of uint8"):
        RasterSource(file, nodata=nodata)
    with RasterSource(file) as source:
        source.nodata = nodata
        assert source.read(WHOLE)[1].all()


def test_a_band_described_as_near_infrared_is_no_alpha(tmp_path):
    """GDAL takes the fourth of four bands of 8 bits for alpha: where it was 0, pixels were empty."""
    four = image(bands=4)
    four[3][HOLE] = 0
    file = made(tmp_path / "a.tif", four)
    assert not valid_of(file)[HOLE].any()
    with rasterio.open(file, "r+") as raster:
        assert raster.colorinterp[3] == ColorInterp.alpha
        raster.descriptions = ("red", "green", "blue", "NIR")
    assert valid_of(file).all()
    with RasterSource(file) as source:
        assert source.bands == (1, 2, 3, 4)
        assert not source.masked


def test_each_band_has_its_own_nodata_value(tmp_path):
    """That of the first band was once taken for all; here it has none."""
    made(tmp_path / "a.tif", np.full((2, 20, 24), 7, np.uint8))
    with rasterio.open(tmp_path / "a.tif", "r+") as raster:
        raster.write(np.full((3, 4), 90, np.uint8), 2, window=((5, 8), (6, 10)))
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}">{nodata}<SimpleSource><SourceFilename relativeToVRT="1">a.tif'
        f"</SourceFilename><SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
        for band, nodata in ((1, ""), (2, "<NoDataValue>90</NoDataValue>"))
    )
    vrt = tmp_path / "a.vrt"
    vrt.write_text(f'<VRTDataset rasterXSize="24" rasterYSize="20">{bands}</VRTDataset>')
    empty = np.zeros((20, 24), bool)
    empty[5:8, 6:10] = True
    np.testing.assert_array_equal(~valid_of(vrt), empty)
    assert valid_of(vrt, bands=[1]).all()
    np.testing.assert_array_equal(~valid_of(vrt, nodata=7), np.ones_like(empty))
    with RasterSource(vrt) as source:
        assert source.may_have_holes
