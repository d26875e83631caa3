"""Sensors: exposure, noise as asked for, and two makes that differ as much as the knob says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from refsr.core.seeding import numpy_generator
from refsr.worlds.sensor import Sensor, draw_other_sensor, draw_sensor, interpolate_sensor, light_level

PLAIN = Sensor(gamma=1.0, blur=0.0)


def _scene() -> np.ndarray:
    return numpy_generator(0, "scene").uniform(0.02, 0.3, (96, 96, 3)).astype(np.float32)


def test_plain_sensor_is_proportional_to_light() -> None:
    seen = PLAIN.expose(_scene(), 0.5, numpy_generator(0, "noise"), noise=0.0)
    np.testing.assert_allclose(seen, _scene() / 0.5, rtol=1e-5)


def test_automatic_exposure_does_not_burn_out() -> None:
    scene = _scene() * 7
    seen = PLAIN.expose(scene, light_level(scene), numpy_generator(0, "noise"), noise=0.0)
    assert np.quantile(seen.mean(axis=2), 0.985) == pytest.approx(0.62, abs=0.01)


@pytest.mark.parametrize("level", [0.1, 0.5])
def test_noise_is_shot_and_read_noise(level: float) -> None:
    flat = np.full((200, 200, 3), level, np.float32)
    sensor = dataclasses.replace(PLAIN, electrons=2000.0, read=20.0)
    seen = sensor.expose(flat, 1.0, numpy_generator(1, "noise"))
    assert seen.std() == pytest.approx(np.sqrt(level * 2000 + 400) / 2000, rel=0.03)
    assert seen.mean() == pytest.approx(level, rel=0.01)


def test_blur_softens_without_moving_or_losing_light() -> None:
    point = np.zeros((31, 31, 3), np.float32)
    point[15, 15] = 0.5
    seen = dataclasses.replace(PLAIN, blur=0.5).expose(point, 1.0, numpy_generator(0, "noise"), noise=0.0)
    assert seen.sum() == pytest.approx(1.5, rel=1e-3)
    assert seen[15, 15, 0] < 0.45
    assert seen[15, 14, 0] == pytest.approx(seen[15, 16, 0], rel=1e-4)


def test_towards_goes_from_one_make_to_the_other() -> None:
    generator = numpy_generator(0, "makes")
    differences = []
    for _ in range(12):
        one, other = draw_sensor(generator), draw_other_sensor(generator)

        def seen(sensor: Sensor) -> np.ndarray:
            return dataclasses.replace(sensor, blur=0.0).expose(_scene(), 0.4, numpy_generator(0, "noise"), noise=0.0)

        np.testing.assert_allclose(seen(interpolate_sensor(one, other, 0.0)), seen(one), atol=1e-5)
        differences.append(
            [np.abs(seen(interpolate_sensor(one, other, part)) - seen(one)).mean() for part in (0.25, 0.5, 1.0)]
        )
    near, middle, far = np.mean(differences, axis=0)
    assert 0 < near < middle < far
    assert far > 0.05


def test_rows_of_the_mixing_sum_to_one() -> None:
    generator = numpy_generator(0, "makes")
    sensor = interpolate_sensor(draw_sensor(generator), draw_other_sensor(generator), 2.0)
    np.testing.assert_allclose(np.sum(sensor.mixing, axis=1), 1)
    seen = sensor.expose(_scene() * 100, 0.4, numpy_generator(0, "noise"))
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert np.isfinite(seen).all()


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("exposure", 0.3, 2.5),
        ("gamma", 1.4, 3.2),
        ("contrast", -0.3, 1.2),
        ("saturation", 0.2, 2.0),
        ("black", 0.0, 0.3),
    ],
)
def test_exaggerated_differences_stay_within_what_a_camera_can_be(name: str, low: float, high: float) -> None:
    middle = (low + high) / 2
    one = dataclasses.replace(PLAIN, **{name: middle})
    for toward, limit in ((low, low), (high, high)):
        other = dataclasses.replace(PLAIN, **{name: toward})
        assert getattr(interpolate_sensor(one, other, 0.5), name) == pytest.approx((middle + toward) / 2)
        assert getattr(interpolate_sensor(one, other, 9.0), name) == limit
