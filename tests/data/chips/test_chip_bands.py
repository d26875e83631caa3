"""Bands of HR, Ref and LR in chips: those of the same colours, wherever each file has them."""

from __future__ import annotations

import chip_ground
import ground
import numpy as np
import pytest
import rasterio
from chip_ground import cut, record

from refsr.core.errors import DataError
from refsr.data.images import read_image


def named(path, names):
    """The file with its bands called so, without GDAL's guess at their colours."""
    with rasterio.open(path, "r+") as sink:
        sink.colorinterp = [rasterio.enums.ColorInterp.gray] + [rasterio.enums.ColorInterp.undefined] * 2
        sink.descriptions = names
    return path


def lowered(path, **more):
    return ground.write(
        path, ground.north_up(40, ground.EAST - 120, ground.NORTH + 80), 150, 180, **{"dtype": "uint8", **more}
    )


def turned(path, order):
    """The file with its bands in another order."""
    with rasterio.open(path, "r+") as sink:
        image = sink.read()
        sink.write(image[list(order)])
    return path


def test_ref_and_lr_give_the_colours_of_hr(tmp_path):
    """NIR, red and green of HR were given red, green and NIR of Ref, and green, NIR and red of LR."""
    hr = named(chip_ground.hr(tmp_path / "hr.tif"), ("nir", "red", "green"))
    ref = named(turned(chip_ground.ref(tmp_path / "ref.tif"), (1, 2, 0)), ("red", "green", "nir"))
    lr = named(turned(lowered(tmp_path / "lr.tif"), (2, 0, 1)), ("green", "nir", "red"))
    cut(tmp_path / "set", hr, ref=[ref], lr=[lr])
    for file in (tmp_path / "set").glob("*/HR/*"):
        high = read_image(file).astype(float)
        split = file.parents[1]
        assert np.sqrt(((read_image(split / "Ref" / file.name) - high) ** 2).mean()) < 3
        low = read_image(split / "LR" / file.name).astype(float)
        for band in range(3):
            coarse = high[:, :, band].reshape(16, 4, 16, 4).mean((1, 3))
            assert np.corrcoef(coarse.ravel(), low[:, :, band].ravel())[0, 1] > 0.9
    sources = record(tmp_path / "set")["settings"]["sources"]
    assert [sources[role][role]["bands"] for role in ("hr", "ref", "lr")] == [[1, 2, 3], [3, 1, 2], [2, 3, 1]]


def test_scenes_of_one_set_show_the_same_colours(tmp_path):
    first = named(chip_ground.hr(tmp_path / "a.tif"), ("nir", "red", "green"))
    second = named(turned(chip_ground.hr(tmp_path / "b.tif", width=576), (2, 1, 0)), ("green", "red", "nir"))
    cut(tmp_path / "set", first, second)
    assert record(tmp_path / "set")["settings"]["sources"]["hr"]["b"]["bands"] == [3, 2, 1]
    other = named(chip_ground.hr(tmp_path / "c.tif", width=576), ("red", "green", "blue"))
    said = r"c\.tif: would give red, green, blue of HR for nir, red, green of the first HR .*--bands 1 2 3"
    with pytest.raises(DataError, match=said):
        cut(tmp_path / "another", first, other)


def test_a_reference_of_other_colours_is_taken_only_where_asked(tmp_path):
    hr = named(chip_ground.hr(tmp_path / "hr.tif"), ("nir", "red", "green"))
    ref = named(chip_ground.ref(tmp_path / "ref.tif"), ("red", "green", "blue"))
    with pytest.raises(DataError, match=r"red, green, blue of Ref for nir, red, green of HR .*--bands-ref 1 2 3 takes"):
        cut(tmp_path / "set", hr, ref=[ref])
    cut(tmp_path / "set", hr, ref=[ref], bands_ref=(1, 2, 3))
