"""A real cube with real wavelengths, AVIRIS over Indian Pines, through every format and choice.

The package tensorly carries it; nothing of it is copied here, and where the package is absent these tests are skipped.
"""

from __future__ import annotations

import numpy as np
import pytest
from test_cube_files import put_envi, put_tiff

from refsr.core.errors import DataError
from refsr.core.options.datasets import DatasetOptions
from refsr.data.build import build_dataset
from refsr.data.cubes.band_selection import BandSelection
from refsr.data.cubes.cube_file import CubeHints
from refsr.data.cubes.envi import ORDERS
from refsr.data.cubes.files import open_cube
from refsr.data.cubes.folder import CubeFolder
from refsr.data.images import write_image

# The cube has 145 pixels along a side; a set of images beside it takes a multiple of the scale.
SIDE, SCALE, RATIO = 144, 4, 2
# Red, green, blue, near infrared and two of the short-wave infrared, and AVIRIS's bands nearest to them.
WANTED = [645.0, 550.0, 470.0, 860.0, 1650.0, 2200.0]


@pytest.fixture(scope="module")
def pines():
    """The cube (145, 145, 200) and its wavelengths."""
    datasets = pytest.importorskip("tensorly.datasets", reason="no package tensorly, which carries Indian Pines")
    found = datasets.load_indian_pines()
    return found.tensor.astype(np.uint16), np.array(found.ticks[1], float)


@pytest.mark.parametrize("kind", ["envi", "tiff", "mat", "npy"])
def test_every_format_gives_the_same_sample(tmp_path, pines, kind):
    whole, centres = pines
    cube, folder = np.ascontiguousarray(whole[:SIDE, :SIDE]), tmp_path / "hsi"
    folder.mkdir()
    if kind == "envi":
        put_envi(folder, cube, "bil", wavelength=f"{{{', '.join(map(str, centres))}}}", wavelength_units="Nanometers")
    elif kind == "tiff":
        put_tiff(folder / "a.tif", cube, [f"{centre} nm" for centre in centres])
    elif kind == "mat":
        from scipy.io import savemat

        savemat(folder / "a.mat", {"indian_pines_corrected": cube, "indian_pines_gt": cube[:, :, 0]})
    else:
        np.save(folder / "a.npy", cube)
    if kind in ("mat", "npy"):
        (folder / "wavelengths.txt").write_text("\n".join(map(str, centres)))
    write_image(tmp_path / "HR" / "a.npy", np.zeros((SIDE * RATIO, SIDE * RATIO, 3), np.uint8))
    options = DatasetOptions(
        mode="hyperspectral", lr="from_hr", dataroot_GT=tmp_path / "HR", dataroot_hsi=folder,
        hsi={"wavelengths": WANTED, "divide_by": 10_000, "clip": [0, 0.6]},
    )  # fmt: skip
    dataset = build_dataset(options, SCALE, 0)
    nearest = [int(np.abs(centres - wanted).argmin()) for wanted in WANTED]
    assert np.abs(centres[nearest] - WANTED).max() < 6
    expected = np.minimum(cube[:, :, nearest] / 10_000, 0.6)
    np.testing.assert_allclose(dataset[0]["hsi"].permute(1, 2, 0), expected, atol=1e-6)
    assert dataset.notes == []


def test_water_vapour_is_missing_and_told_by_spans(tmp_path, pines):
    """The corrected cube lacks the bands near 1400 and 1900 nm already, so leaving these spans out leaves all."""
    cube, centres = pines
    np.save(tmp_path / "a.npy", cube)
    found = open_cube(tmp_path / "a.npy", CubeHints(band_centres=centres))

    usable = BandSelection(bad_wavelength_ranges=[(1353, 1422), (1820, 1953)]).bands_of(200, found.cube_info, "a")
    assert usable == list(range(200))
    visible = BandSelection(wavelength_ranges=[(400, 700)]).bands_of(200, found.cube_info, "a")
    assert [centres[visible[0]], centres[visible[-1]]] == [400.02, pytest.approx(692, abs=8)]
    np.testing.assert_array_equal(found.read(bands=visible), cube[:, :, visible])


@pytest.mark.parametrize("part", [np.s_[:, :], np.s_[:64, :100], np.s_[40:56, 40:56]], ids=["whole", "part", "patch"])
@pytest.mark.parametrize("true", ORDERS)
@pytest.mark.parametrize("told", ORDERS)
def test_a_wrong_interleave_is_seen_from_the_values(tmp_path, pines, part, true, told):
    """The size of the file is right in any order; that of the header is refused where it is wrong, and only there."""
    cube = np.ascontiguousarray(pines[0][part])
    header = put_envi(tmp_path, cube, true)
    header.write_text(header.read_text().replace(f"interleave = {true}", f"interleave = {told}"))
    if told == true:
        assert CubeFolder(tmp_path).info("a").bands == 200
        return
    with pytest.raises(DataError, match=rf"a\.hdr: says interleave {told}, but read as {true} .* times as smooth"):
        CubeFolder(tmp_path).info("a")
    np.testing.assert_array_equal(CubeFolder(tmp_path, CubeHints(interleave=true)).read("a"), cube)
    assert CubeFolder(tmp_path, CubeHints(interleave=told)).info("a").bands == 200
