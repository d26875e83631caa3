"""Rasters from Python: names, open datasets and DataArrays in; a file, an array or a DataArray out."""

from __future__ import annotations

import ground
import numpy as np
import pytest

import refsr
from refsr.core.errors import DataError, UsageError
from refsr.data.images import write_image
from refsr.inference.raster_inputs import raster_list

rasterio = pytest.importorskip("rasterio")


@pytest.fixture(scope="module")
def restorer(model):
    return refsr.load(model, "cpu")


@pytest.fixture
def files(scene, tmp_path):
    """LR with a hole, and two halves of Ref."""
    lr = np.maximum(scene[0], 1)
    lr[3:5, 2:4] = 0
    place = {"crs": ground.HOME, "transform": ground.north_up(20)}
    write_image(tmp_path / "lr.tif", lr, profile={**place, "nodata": 0})
    fine = {"crs": ground.HOME, "transform": ground.north_up(10)}
    write_image(tmp_path / "ref.tif", scene[1], profile=fine)
    write_image(tmp_path / "north.tif", scene[1][:14], profile=fine)
    south = fine["transform"] @ rasterio.Affine.translation(0, 10)
    write_image(tmp_path / "south.tif", scene[1][10:], profile={**fine, "transform": south})
    return tmp_path


def pixels(path):
    with rasterio.open(path) as source:
        return np.moveaxis(source.read(), 0, 2)


def test_what_a_file_holds_is_what_an_array_holds(restorer, files):
    out = restorer.restore(lr=files / "lr.tif", ref=files / "ref.tif", register="none", output=files / "out.tif")
    assert out == files / "out.tif"
    array = restorer.restore(lr=str(files / "lr.tif"), ref=files / "ref.tif", register="none")
    np.testing.assert_array_equal(array, pixels(out))
    assert not array[6:10, 4:8].any()
    assert array[:6].all()


def test_open_datasets_stay_open_and_give_the_same(restorer, files):
    expected = restorer.restore(lr=files / "lr.tif", ref=files / "ref.tif", register="none")
    with rasterio.open(files / "lr.tif") as lr, rasterio.open(files / "ref.tif") as ref:
        np.testing.assert_array_equal(restorer.restore(lr=lr, ref=ref, register="none"), expected)
        assert not lr.closed
        restorer.restore(lr=lr, ref=[ref], register="none", output=files / "out.tif")
    np.testing.assert_array_equal(pixels(files / "out.tif"), expected)


def test_several_references_and_a_folder_of_them(restorer, files):
    """Both halves together are as good as the whole, but for the seam; the order is that of the list."""
    whole = restorer.restore(lr=files / "lr.tif", ref=files / "ref.tif", register="none").astype(int)
    halves = restorer.restore(lr=files / "lr.tif", ref=[files / "north.tif", files / "south.tif"], register="none")
    assert np.abs(halves - whole).max() <= 2
    (files / "mosaic").mkdir()
    for name in ("north", "south"):
        (files / f"{name}.tif").rename(files / "mosaic" / f"{name}.tif")
    folder = restorer.restore(lr=files / "lr.tif", ref=files / "mosaic", register="none")
    np.testing.assert_array_equal(folder, halves)


def test_a_data_array_gives_a_data_array_on_its_finer_grid(restorer, files):
    rioxarray = pytest.importorskip("rioxarray")
    expected = restorer.restore(lr=files / "lr.tif", ref=files / "ref.tif", register="none")
    with rioxarray.open_rasterio(files / "lr.tif") as lr, rioxarray.open_rasterio(files / "ref.tif") as ref:
        lr.attrs["long_name"] = ("red", "green", "blue")
        restored = restorer.restore(lr=lr, ref=ref, register="none")
    assert restored.dims == ("band", "y", "x")
    np.testing.assert_array_equal(restored.to_numpy(), np.moveaxis(expected, 2, 0))
    assert restored.rio.crs == rasterio.CRS.from_string(ground.HOME)
    assert restored.rio.transform().almost_equals(ground.north_up(10))
    assert restored.rio.nodata == 0
    assert restored.x.to_numpy()[0] == pytest.approx(ground.EAST + 5)
    assert restored.y.to_numpy()[0] == pytest.approx(ground.NORTH - 5)
    restored.rio.to_raster(files / "again.tif")
    np.testing.assert_array_equal(pixels(files / "again.tif"), expected)


@pytest.mark.parametrize(
    ("change", "kind", "answer"),
    [
        ({"raster": {"nodat": 0}}, UsageError, r"raster option 'nodat' is not known; did you mean 'nodata'"),
        ({"lr": "nowhere.tif"}, DataError, r"nowhere\.tif: no such file"),
        ({"ref": ["lr.tif", "nowhere.tif"]}, DataError, r"nowhere\.tif"),
        ({"ref": "/vsizip/none.zip/a.tif"}, DataError, r"/vsizip/none\.zip/a\.tif: cannot be opened as a raster"),
        ({"ref": np.zeros((24, 18, 3), np.uint8), "raster": {"nodata": 0}}, UsageError, "an array has no grid"),
    ],
)
def test_mistakes_are_named(restorer, files, change, kind, answer, monkeypatch):
    monkeypatch.chdir(files)
    words = {"lr": "lr.tif", "ref": "ref.tif", **change}
    with pytest.raises(kind, match=answer) as caught:
        restorer.restore(**words)
    assert "\n" not in str(caught.value)


def test_lr_in_the_folder_of_references_is_no_reference(tmp_path):
    """It has data everywhere, so that the others would not count."""
    for name in ("scene.tif", "older.tif"):
        (tmp_path / name).write_bytes(b"")
    lr = tmp_path / "scene.tif"
    assert raster_list({"lr": lr, "ref": tmp_path}) == [lr, tmp_path / "older.tif"]
    (tmp_path / "older.tif").unlink()
    with pytest.raises(UsageError, match="holds no raster beside LR"):
        raster_list({"lr": str(lr), "ref": tmp_path})
