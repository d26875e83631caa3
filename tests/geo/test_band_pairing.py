"""Bands of Ref that belong with LR's: never another colour in silence where both files say what they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from refsr.core.errors import DataError
from refsr.geo.band_choice import BandChoice, choose_bands
from refsr.geo.band_pairing import pair_bands
from refsr.geo.raster_source import RasterSource

FOUR = ("red", "green", "blue", "NIR")


def raster(path: Path, names: tuple[str | None, ...], dtype: str = "uint16") -> RasterSource:
    """A raster whose bands have these descriptions."""
    with rasterio.open(
        path, "w", driver="GTiff", height=4, width=4, count=len(names), dtype=dtype, crs="EPSG:32612",
        transform=rasterio.Affine(10, 0, 500_000, 0, -10, 4_650_000),
    ) as sink:  # fmt: skip
        sink.write(np.ones((len(names), 4, 4), dtype))
        sink.descriptions = names
    return RasterSource(path)


def paired(folder: Path, lr: tuple[str | None, ...], own: tuple[int, ...], ref: tuple[str | None, ...]) -> BandChoice:
    with raster(folder / "lr.tif", lr) as source, raster(folder / "ref.tif", ref) as other:
        return pair_bands(source, own, other, choose_bands("ref.tif", other.all_bands, 3), False, "--bands-ref")


@pytest.mark.parametrize(
    ("lr", "own", "ref", "expected"),
    [
        # Nothing is known on one side: as it was.
        ((None,) * 4, (4, 3, 2), FOUR, (1, 2, 3)),
        (FOUR, (4, 1, 2), (None,) * 3, (1, 2, 3)),
        # The colours agree.
        (FOUR, (1, 2, 3), ("red", "green", "blue"), (1, 2, 3)),
        # LR's near infrared gets Ref's, wherever that is.
        (FOUR, (4, 1, 2), FOUR, (4, 1, 2)),
        (FOUR, (4, 1, 2), ("near-infrared", "B3 green", "blue", "red (665 nm)"), (1, 4, 2)),
        (("B08", "B04", "B03"), (1, 2, 3), ("B02", "B03", "B04", "B08"), (4, 3, 2)),
        # A single band of a known colour stands for each, and so does its counterpart.
        (("NIR",), (1, 1, 1), FOUR, (4, 4, 4)),
        # Of several red edges the one of the same name.
        (("Red edge 2", "red", "green"), (1, 2, 3), ("red", "green", "blue", "Red edge 1", "red edge 2"), (5, 1, 2)),
    ],
)  # fmt: skip
def test_bands_of_one_colour_are_paired(lr, own, ref, expected, tmp_path):
    assert paired(tmp_path, lr, own, ref).bands == expected


def test_near_infrared_is_not_taken_for_red(tmp_path):
    words = r"ref\.tif: would give red, green, blue of Ref for nir, red, green of LR .*--bands-ref 1 2 3 takes"
    with pytest.raises(DataError, match=words):
        paired(tmp_path, FOUR, (4, 1, 2), ("red", "green", "blue"))


def test_what_was_asked_for_stays_and_is_said(tmp_path):
    with raster(tmp_path / "lr.tif", FOUR) as lr, raster(tmp_path / "ref.tif", FOUR) as ref:
        choice = pair_bands(lr, (4, 1, 2), ref, BandChoice((1, 2, 3), "as asked"), True, "--bands-ref")
    assert str(choice) == "bands 1, 2, 3 (as asked: red, green, blue of Ref for nir, red, green of LR)"


def test_the_only_band_of_a_raster_stays_and_is_said(tmp_path):
    choice = paired(tmp_path, ("NIR",), (1, 1, 1), ("red", "green", "blue"))
    assert choice.bands == (1, 2, 3)
    assert str(choice).endswith("red, green, blue of Ref for nir of LR)")


def test_descriptions_say_more_than_the_roles_that_gdal_gives_to_any_three_bytes(tmp_path):
    with raster(tmp_path / "a.tif", ("blue", "green", "red"), "uint8") as source:
        assert [band.colour for band in source.all_bands] == ["red", "green", "blue"]
        assert choose_bands("a.tif", source.all_bands, 3).bands == (3, 2, 1)
