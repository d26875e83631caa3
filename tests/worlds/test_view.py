"""Views: inverse, identity, and sampling that is sharp and in the right place."""

from __future__ import annotations

import numpy as np
import pytest

from refsr.core.seeding import numpy_generator
from refsr.data.hardening.elastic import draw_elastic
from refsr.worlds.view import View

VIEWS = [
    View(32, 64),
    View(32, 64, shift=(3.25, -2.5)),
    View(33, 64, shift=(-1.0, 2.0), rotation=4.0, scale=1.03),
    View(32, 65, rotation=-7.0, scale=0.96, distortion=0.02),
    View(32, 64, (1.0, 2.5), 3.0, 1.02, 0.01, draw_elastic(numpy_generator(0, "elastic"), 2.0)),
]


@pytest.mark.parametrize("view", VIEWS)
def test_from_canvas_inverts_to_canvas(view: View) -> None:
    points = numpy_generator(0, "points").uniform(-4, 40, (50, 2))
    np.testing.assert_allclose(view.from_canvas(view.to_canvas(points)), points, atol=1e-6)


def test_plain_view_is_the_middle_of_the_canvas() -> None:
    canvas = numpy_generator(1, "canvas").random((64, 64, 3), dtype=np.float32)
    np.testing.assert_array_equal(View(32, 64).sample(canvas), canvas[16:48, 16:48])
    np.testing.assert_array_equal(View(32, 64).nearest(canvas), canvas[16:48, 16:48])
    np.testing.assert_array_equal(View(32, 64, shift=(2.0, -3.0)).sample(canvas), canvas[18:50, 13:45])


def test_positive_rotation_turns_the_images_right_side_down() -> None:
    view = View(33, 65, rotation=10.0)
    centre, right = view.to_canvas(np.array([(16.0, 16.0), (16.0, 26.0)]))
    assert right[0] > centre[0]
    assert right[1] > centre[1]
    np.testing.assert_allclose(np.hypot(*(right - centre)), 10)


def test_sampling_follows_a_smooth_scene() -> None:
    rows, columns = np.mgrid[0:64, 0:64].astype(np.float64)

    def scene(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return 1 + 0.5 * np.sin(row / 3.1) * np.cos(column / 2.7)

    view = View(40, 64, shift=(1.3, -2.6), rotation=2.5, scale=1.04, distortion=0.01)
    where = view.grid()
    sampled = view.sample(scene(rows, columns).astype(np.float32))
    np.testing.assert_allclose(sampled, scene(where[..., 0], where[..., 1]), atol=4e-3)


def test_sampling_keeps_texture_sharp() -> None:
    """Half a pixel off is the hardest case; linear interpolation would keep a quarter of the white noise's power."""
    canvas = 1 + 0.1 * numpy_generator(2, "texture").standard_normal((96, 96)).astype(np.float32)
    sampled = View(64, 96, shift=(0.5, 0.5)).sample(canvas)
    assert sampled.var() > 0.45 * canvas.var()


def test_light_never_gets_negative() -> None:
    canvas = np.zeros((64, 64, 3), np.float32)
    canvas[30:34, 30:34] = 5.0
    assert View(32, 64, shift=(0.4, 0.3)).sample(canvas).min() >= 0
