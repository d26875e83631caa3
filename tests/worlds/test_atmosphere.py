"""Sun, haze and clouds: against astronomy's tables and plain geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refsr.core.seeding import numpy_generator
from refsr.worlds.atmosphere import (
    ELEVATIONS,
    AcquisitionTime,
    add_haze,
    draw_acquisition_time,
    draw_clouds,
    interpolate_time,
    solar_position,
)


@pytest.mark.parametrize(
    ("latitude", "day", "azimuth", "elevation"),
    [(50.0, 172, 180.0, 63.44), (50.0, 355, 180.0, 16.56), (-35.0, 355, 0.0, 78.44), (0.0, 172, 0.0, 66.56)],
)
def test_sun_at_noon_on_solstices(latitude: float, day: int, azimuth: float, elevation: float) -> None:
    found = solar_position(latitude, day, 12.0)
    assert (found[0] - azimuth + 180) % 360 - 180 == pytest.approx(0, abs=0.5)
    assert found[1] == pytest.approx(elevation, abs=0.1)


def test_sun_is_in_the_east_before_noon() -> None:
    assert 90 < solar_position(48.0, 80, 9.0)[0] < 180 < solar_position(48.0, 80, 15.0)[0] < 270
    # At an equinox it rises due east.
    azimuth, elevation = solar_position(48.0, 81, 6.0)
    assert azimuth == pytest.approx(90, abs=1)
    assert elevation == pytest.approx(0, abs=1)


@pytest.mark.parametrize("latitude", [-42.0, -15.0, 22.0, 55.0])
def test_moments_have_a_useful_sun(latitude: float) -> None:
    generator = numpy_generator(0, "sun")
    for _ in range(50):
        moment = draw_acquisition_time(generator, latitude)
        assert ELEVATIONS[0] <= moment.elevation <= ELEVATIONS[1]
        assert (moment.azimuth, moment.elevation) == solar_position(latitude, moment.day, moment.hour)


def test_between_takes_the_short_way_round() -> None:
    first, second = AcquisitionTime(40, 100, 10, 350, 30), AcquisitionTime(40, 200, 12, 20, 50)
    half = interpolate_time(first, second, 0.5)
    assert half.azimuth == pytest.approx(5)
    assert half.elevation == pytest.approx(40)
    assert interpolate_time(first, second, 0.0) == first


def test_haze_is_bluish_and_lowers_contrast() -> None:
    scene = numpy_generator(0, "scene").uniform(0.02, 0.3, (64, 64, 3)).astype(np.float32)
    hazy = add_haze(scene, 0.8, numpy_generator(0, "haze"))
    assert (hazy.std(axis=(0, 1)) < 0.8 * scene.std(axis=(0, 1))).all()
    lift = hazy.mean(axis=(0, 1)) - scene.mean(axis=(0, 1))
    assert lift[2] > lift[1] > lift[0] > 0
    np.testing.assert_array_equal(add_haze(scene, 0.0, numpy_generator(0, "haze")), scene)


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_clouds_cover_what_was_asked_for(fraction: float) -> None:
    clouds = draw_clouds(
        numpy_generator(0, "clouds"), 256, 32, fraction, 0.5, AcquisitionTime(45, 100, 11, 150, 45), (0.0, 0.0)
    )
    inner = clouds.cover[32:-32, 32:-32]
    assert (inner > 0).mean() == pytest.approx(fraction, abs=0.06)
    assert inner.max() > 0.5
    assert clouds.cover.shape == clouds.shadow.shape == (256, 256)


@pytest.mark.parametrize("azimuth", [90.0, 180.0, 315.0])
def test_shadows_lie_away_from_the_sun(azimuth: float) -> None:
    """The sky is matched against its shadows: the best shift is the base's height over the sun's slope."""
    side, pixel, elevation = 512, 8.0, 45.0
    generator = numpy_generator(3, "clouds")
    clouds = draw_clouds(generator, side, 0, 0.4, pixel, AcquisitionTime(45, 100, 11, azimuth, elevation), (0.0, 0.0))
    base = float(numpy_generator(3, "clouds").uniform(350, 900))
    away = math.radians(azimuth + 180)
    row, column = (round(part * base / pixel) for part in (-math.cos(away), math.sin(away)))
    moved = np.roll(clouds.cover, (row, column), (0, 1))[128:-128, 128:-128]
    there = np.corrcoef(moved.ravel(), clouds.shadow[128:-128, 128:-128].ravel())[0, 1]
    back = np.roll(clouds.cover, (-row, -column), (0, 1))[128:-128, 128:-128]
    assert there > 0.9 > np.corrcoef(back.ravel(), clouds.shadow[128:-128, 128:-128].ravel())[0, 1]


def test_a_cloud_hides_and_its_shadow_darkens() -> None:
    clouds = draw_clouds(
        numpy_generator(0, "clouds"), 256, 0, 0.4, 0.5, AcquisitionTime(45, 100, 11, 150, 45), (0.0, 0.0)
    )
    scene = np.full((256, 256, 3), 0.1, np.float32)
    seen = clouds.over(scene)
    assert seen[clouds.cover > 0.8].min() > 0.4
    assert seen[(clouds.cover == 0) & (clouds.shadow > 0.7)].max() < 0.07
    np.testing.assert_array_equal(seen[(clouds.cover == 0) & (clouds.shadow == 0)], np.float32(0.1))
