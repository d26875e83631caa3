"""Two lenses: LR stays aligned with HR, Ref is off by the boresight."""

from __future__ import annotations

import numpy as np
import pytest

from refsr.core.seeding import numpy_generator
from refsr.worlds.optics import draw_dual_zoom, draw_shift, short_lens_light
from refsr.worlds.sensor import Sensor


def test_shift_has_the_length_asked_for() -> None:
    generator = numpy_generator(0, "shift")
    lengths = [np.hypot(*draw_shift(generator, 10.0)) for _ in range(200)]
    assert 4 <= min(lengths) < 5
    assert 9 < max(lengths) <= 10
    assert draw_shift(generator, 0.0) == (0.0, 0.0)


@pytest.mark.parametrize("index", range(5))
def test_short_lens_is_calibrated_to_half_an_hr_pixel(index: int) -> None:
    dual = draw_dual_zoom(numpy_generator(index, "lens"), Sensor(), 480, 10, 1, 1)
    grid = dual.short.view(480, 640).grid() - 80
    rows, columns = np.mgrid[0:480, 0:480]
    off = np.hypot(grid[..., 0] - rows, grid[..., 1] - columns)
    assert 0 < off.max() < 0.75
    shift = dual.long.view(480, 640).to_canvas(np.array([239.5, 239.5])) - 319.5
    np.testing.assert_allclose(shift, dual.long.shift)


def test_short_lens_sums_light_over_its_pixels() -> None:
    dual = draw_dual_zoom(numpy_generator(0, "lens"), Sensor(), 64, 10, 1, 1)
    rows, columns = np.mgrid[0:96, 0:96]
    ramp = np.repeat((1 + 0.01 * rows + 0.02 * columns)[:, :, None], 3, axis=2).astype(np.float32)
    coarse = short_lens_light(ramp, dual, 64, 4)
    expected = ramp[16:80, 16:80].reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    assert coarse.shape == (16, 16, 3)
    np.testing.assert_allclose(coarse, expected, atol=0.02)


def test_short_lens_is_softer_and_noisier() -> None:
    sensor = Sensor()
    dual = draw_dual_zoom(numpy_generator(0, "lens"), sensor, 64, 10, 1, 1)
    assert dual.short_sensor.blur > sensor.blur
    assert dual.short_sensor.electrons < sensor.electrons
