"""Bands by what a file says of them, and an error where it does not say enough."""

from __future__ import annotations

import pytest

from refsr.core.errors import DataError, UsageError
from refsr.geo.band_choice import bands_to_show, choose_bands, colour_of
from refsr.geo.raster_source import BandInfo

PLAIN = [BandInfo() for _ in range(3)]
NAIP = [BandInfo(colour=colour) for colour in ("red", "green", "blue", "undefined")]
SENTINEL = [BandInfo(name) for name in ("B02", "B03", "B04", "B08")]
SAFE = [
    BandInfo("B4, central wavelength 665 nm"),
    BandInfo("B3, central wavelength 560 nm"),
    BandInfo("B2, central wavelength 490 nm"),
    BandInfo("B8, central wavelength 842 nm"),
]
BY_TAG = [BandInfo(tags={"wavelength": value}) for value in ("0.49", "0.56", "0.665", "0.705", "0.842")]
LANDSAT_8 = [BandInfo(f"B{number}") for number in range(1, 8)]


@pytest.mark.parametrize(
    ("bands", "expected"),
    [
        (PLAIN, (1, 2, 3)),
        (NAIP, (1, 2, 3)),
        (list(reversed(NAIP)), (4, 3, 2)),
        (SENTINEL, (3, 2, 1)),
        (SAFE, (1, 2, 3)),
        (BY_TAG, (3, 2, 1)),
        ([*PLAIN, BandInfo(colour="alpha")], (1, 2, 3)),
        # Three bands in another order are put into the model's.
        ([BandInfo(colour=colour) for colour in ("blue", "green", "red")], (3, 2, 1)),
    ],
)
def test_rgb_is_found(bands, expected):
    assert choose_bands("a.tif", bands, 3).bands == expected


def test_what_is_not_said_is_not_guessed():
    with pytest.raises(
        DataError, match=r"a\.tif: has 7 bands \(1 B1, 2 B2, .*the model takes 3; choose .*--bands 1 2 3"
    ):
        choose_bands("a.tif", LANDSAT_8, 3)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [((4, 3, 2), (4, 3, 2)), (("B5", "b4", "3"), (5, 4, 3))],
)
def test_bands_by_number_and_name(wanted, expected):
    assert choose_bands("a.tif", LANDSAT_8, 3, wanted).bands == expected
    assert choose_bands("a.tif", SENTINEL, 3, ("nir", "red", "green")).bands == (4, 3, 2)


def test_wrong_wishes_are_named():
    with pytest.raises(UsageError, match="band 9 is asked for, the raster has 1 to 7"):
        choose_bands("a.tif", LANDSAT_8, 3, (1, 2, 9))
    with pytest.raises(UsageError, match="has no band 'B44'; did you mean 'B4'"):
        choose_bands("a.tif", LANDSAT_8, 3, ("B44", 2, 3))
    with pytest.raises(UsageError, match="2 bands are asked for, the model takes 3"):
        choose_bands("a.tif", LANDSAT_8, 3, (1, 2))


def test_colours_of_single_bands():
    assert [colour_of(band) for band in SAFE] == ["red", "green", "blue", "nir"]
    assert colour_of(BandInfo("B11")) is None


@pytest.mark.parametrize(
    ("option", "words"), [("--bands-ref", r"--bands-ref 1 2 3$"), ("bands_ref", r"bands_ref=\[1, 2, 3\]$")]
)
def test_a_message_names_the_option_that_chooses(option, words):
    with pytest.raises(DataError, match=words):
        choose_bands("a.tif", [BandInfo()] * 4, 3, option=option)


def test_a_single_band_stands_for_each():
    """A panchromatic raster, with or without an alpha band; two bands are not guessed at."""
    assert choose_bands("a.tif", [BandInfo()], 3).bands == (1, 1, 1)
    assert choose_bands("a.tif", [BandInfo(colour="alpha"), BandInfo()], 3).bands == (2, 2, 2)
    with pytest.raises(DataError, match=r"has 2 bands \(1 undefined, 2 undefined\), the model takes 3"):
        choose_bands("a.tif", [BandInfo()] * 2, 3)


@pytest.mark.parametrize(
    ("bands", "numbers", "shown"),
    [
        (list(reversed(NAIP)), (1, 2, 3, 4), (4, 3, 2)),
        ([BandInfo()] * 5, (1, 2, 3, 4, 5), (1, 2, 3)),
        ([BandInfo()] * 2, (1, 2), (1,)),
        ([BandInfo(colour="alpha"), BandInfo()], (2,), (2,)),
    ],
)
def test_pictures_show_what_a_model_would_take_and_else_the_first_bands(bands, numbers, shown):
    assert bands_to_show("a.tif", bands, numbers) == shown
