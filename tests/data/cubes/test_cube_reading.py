"""Bands, holes and scaling: what is taken of a cube is what was asked for, windows are parts of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.cubes.band_selection import BandSelection
from refsr.data.cubes.cube_file import CubeInfo
from refsr.data.cubes.opening import open_cubes
from refsr.data.cubes.reading import CubeReader, CubeScaling, HoleFilling
from refsr.data.cubes.wavelengths import in_nanometres
from refsr.data.ranges import to_unit

CENTRES = (450.0, 550.0, 650.0, 860.0, 1400.0, 1650.0)
SPECTRAL = CubeInfo(CENTRES, good=(True, True, True, True, False, True))


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (BandSelection(), [1, 2, 3, 4, 6]),
        (BandSelection(use_bad_band_list=False), [1, 2, 3, 4, 5, 6]),
        (BandSelection(bands=[6, 5, 1]), [6, 5, 1]),
        (BandSelection(band_ranges=[(4, 6), (1, 2)]), [4, 6, 1, 2]),
        (BandSelection(wavelengths=[860, 455, 641]), [4, 1, 3]),
        (BandSelection(wavelengths=[1500], tolerance=200), [6]),
        (BandSelection(wavelength_ranges=[(600, 900), (400, 500)]), [1, 3, 4]),
        (BandSelection(bad_bands=[1, 2]), [3, 4, 6]),
        (BandSelection(bad_wavelength_ranges=[(1300, 1450), (860, 860)], use_bad_band_list=False), [1, 2, 3, 6]),
        (BandSelection(wavelength_ranges=[(400, 900)], bad_bands=[2]), [1, 3, 4]),
    ],
)
def test_which_bands_are_taken(selection, taken):
    assert [band + 1 for band in selection.bands_of(6, SPECTRAL, "a")] == taken


@pytest.mark.parametrize(
    ("selection", "cube_info", "message"),
    [
        (BandSelection(bands=[6, 7, 250]), SPECTRAL, r"a: bands \[7, 250\] are asked for, the cube has 1 to 6"),
        (BandSelection(band_ranges=[(5, 30)]), SPECTRAL, r"bands \[7, 8, .*, \.\.\.\] are asked for"),
        (BandSelection(bad_bands=[9]), SPECTRAL, r"bands \[9\] are asked for"),
        (BandSelection(wavelengths=[2200]), SPECTRAL, "no band within 10 nm of 2200 nm; .* is band 6 at 1650 nm"),
        (
            BandSelection(wavelengths=[1400]),
            SPECTRAL,
            "no band within 10 nm of 1400 nm; the nearest good one is band 6",
        ),
        (BandSelection(wavelengths=[549, 553]), SPECTRAL, "band 2 at 550 nm is the nearest to both 549 and 553 nm"),
        (
            BandSelection(wavelength_ranges=[(2000, 2500)]),
            SPECTRAL,
            "no band lies within 2000 to 2500 nm; the cube has 450 to 1650 nm",
        ),
        (BandSelection(wavelength_ranges=[(1300, 1500)]), SPECTRAL, "all bands of hsi.wavelength_ranges are bad"),
        (BandSelection(bad_wavelength_ranges=[(0, 9000)]), SPECTRAL, "all bands of the cube are bad"),
        (
            BandSelection(wavelengths=[550]),
            CubeInfo(),
            "hsi.wavelengths needs wavelengths, and the file has none; hsi.band_centres",
        ),
        (BandSelection(bad_wavelength_ranges=[(1, 2)]), CubeInfo(), "hsi.bad_wavelength_ranges needs wavelengths"),
    ],
)
def test_bands_that_cannot_be_taken_are_named(selection, cube_info, message):
    with pytest.raises(DataError, match=message):
        selection.bands_of(6, cube_info, "a")


def cubes(root, cube, hole_filling=None, **how):
    root.mkdir(exist_ok=True)
    np.save(root / "a.npy", cube)
    return CubeReader(open_cubes(root), hole_filling=hole_filling or HoleFilling(), **how)


def holed(dtype="int16", nodata=-99, band=2):
    """Waves of three bands with a hole of 3x4 in one of them and one lonely pixel in all."""
    rows, columns = np.mgrid[:12, :14]
    cube = np.stack([rows * 10 + columns, rows * 20, columns * 20], 2).astype(dtype)
    cube[5:8, 6:10, band] = nodata
    cube[0, 0] = nodata
    return cube


@pytest.mark.parametrize(("dtype", "nodata"), [("int16", -99), ("float32", -3.4e38), ("float32", np.nan)])
@pytest.mark.parametrize("fill", ["nearest", "zero"])
def test_holes_are_filled_and_the_rest_stays(tmp_path, dtype, nodata, fill):
    cube = holed(dtype, nodata)
    if np.isnan(nodata):
        read = cubes(tmp_path, cube, HoleFilling(not_finite="fill", fill=fill))
    else:
        read = cubes(tmp_path, cube, HoleFilling(nodata, fill=fill))
    holes = np.isnan(cube) if np.isnan(nodata) else cube == np.array(nodata, dtype)
    filled_cube = read.read("a")
    assert filled_cube.dtype == dtype
    np.testing.assert_array_equal(filled_cube[~holes], cube[~holes])
    if fill == "zero":
        assert (filled_cube[holes] == 0).all()
    else:
        # Band 3 holds the column: the nearest pixel with data to the hole's corner is beside it or above it.
        assert filled_cube[5, 6, 2] in (5 * 20, 6 * 20)
        assert filled_cube[6, 9, 2] == 10 * 20
        assert filled_cube[0, 0, 1] in (0, 20)
    assert read.note() == (
        f"1 of 1 cubes have holes, {15 / 504:.2%} of their values, filled "
        + ("by zero" if fill == "zero" else "by the nearest pixel with data")
    )
    for window in (Window(5, 6, 3, 4), Window(0, 0, 1, 1), Window(4, 4, 8, 10)):
        top, left, height, width = window
        np.testing.assert_array_equal(read.read("a", window), filled_cube[top : top + height, left : left + width])


def test_a_whole_cube_says_nothing_of_holes(tmp_path):
    whole = np.abs(holed())
    assert cubes(tmp_path, whole, HoleFilling(nodata=-1)).note() is None
    assert cubes(tmp_path, whole.astype(np.float32)).note() is None
    # A value that the type cannot hold is nowhere.
    assert cubes(tmp_path, whole.astype(np.uint16), HoleFilling(nodata=-9999)).holes("a") == 0
    assert cubes(tmp_path, whole.astype(np.uint16), HoleFilling(nodata=0.5)).holes("a") == 0


def broken(what):
    cube = holed("float32", 1, 2)
    if what == "nan":
        cube[3, 3, 1:] = np.nan
    if what == "infinite":
        cube[3, 3, 0] = np.inf
    if what == "band":
        cube[:, :, 1] = -99
    if what == "all":
        cube[:] = -99
    if what == "hole":
        cube[2, 2, 2] = -99
    return cube


@pytest.mark.parametrize(
    ("what", "hole_filling", "message"),
    [
        ("nan", HoleFilling(), r"a: 2 values of 2 bands \(2, 3\) are NaN or infinite; hsi.not_finite: fill"),
        ("infinite", HoleFilling(-99), "a: 1 value of band 1 is NaN or infinite"),
        ("band", HoleFilling(-99), "a: band 2 holds no data; hsi.bad_bands leaves bands out"),
        ("band", HoleFilling(-99, fill="zero"), "a: band 2 holds no data"),
        ("all", HoleFilling(-99), "a: holds no data at all"),
        ("hole", HoleFilling(-99, fill="refuse"), "a: 1 values of band 3 hold no data; hsi.fill: nearest or zero"),
    ],
)
def test_cubes_without_values_are_named(tmp_path, what, hole_filling, message):
    read = cubes(tmp_path, broken(what), hole_filling)
    for look in (read.read, read.holes, lambda key: read.read(key, Window(2, 2, 3, 3))):
        with pytest.raises(DataError, match=f"{tmp_path.name}: {message}"):
            look("a")


def test_an_empty_band_that_is_left_out_does_no_harm(tmp_path):
    read = cubes(tmp_path, broken("band"), HoleFilling(-99), selection=BandSelection(bad_bands=[2]))
    assert read.info("a").bands == 2
    np.testing.assert_array_equal(read.read("a"), broken("band")[:, :, [0, 2]])


def test_values_are_clipped_and_divided_as_declared(tmp_path):
    cube = np.array([[[-50, 0, 2500, 4999, 5001, 20000]]], np.int16)
    scaling = CubeScaling(divide_by=10_000, clip=(0, 0.5))
    read = cubes(tmp_path, cube, clip=scaling.raw_clip)
    assert scaling.raw_range == (0, 10_000)
    unit = to_unit(read.read("a"), *scaling.raw_range)
    np.testing.assert_allclose(unit[0, 0], [0, 0, 0.25, 0.4999, 0.5, 0.5], atol=1e-6)
    assert read.info("a").dtype == str(read.read("a").dtype) == "int16"
    beyond = cubes(tmp_path, cube, clip=(-1e9, 4999.7))
    assert beyond.read("a").ravel().tolist() == [-50, 0, 2500, 4999, 4999, 4999]
    np.testing.assert_array_equal(cubes(tmp_path, cube / 10_000, clip=(0, 0.25)).read("a").max(), np.float32(0.25))
    assert CubeScaling(divide_by=10_000).raw_range == (0, 10_000)
    assert CubeScaling(clip=(0, 0.5)).raw_range is None
    assert CubeScaling().raw_range is None
    assert CubeScaling(range=(3, 4)).raw_range == (3, 4)
    assert CubeScaling(range=(0, 6000), clip=(100, 5000)).raw_clip == (100, 5000)


def test_wavenumbers_are_ten_million_over_nanometres():
    assert in_nanometres([10_000.0, 25_000.0], "cm-1", "cube") == pytest.approx((1000, 400))
