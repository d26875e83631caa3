"""The displacement field against a scene whose projection is written down here: flat ground with leaning boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from refsr.worlds.truth import PALETTE, Surface, change_mask, displacement, in_colours
from refsr.worlds.view import View

CANVAS, SIZE = 160, 96
# Boxes: rows, columns, height in metres.
BOXES = [((60, 84), (50, 70), 12.0), ((90, 110), (86, 118), 20.0), ((40, 50), (95, 105), 6.0)]


@dataclass(frozen=True)
class Scene:
    """A rendering of the boxes as the contract of places describes it."""

    radiance: np.ndarray
    surface: Surface


def _texture(foot: np.ndarray, height: np.ndarray) -> np.ndarray:
    row, column = foot[..., 0], foot[..., 1]
    return 1 + 0.4 * np.sin(row / 2.9) * np.cos(column / 3.3) + 0.2 * np.sin(column / 7 + height)


def _render(lean: tuple[float, float], boxes: list = BOXES) -> Scene:
    """Later boxes and greater heights cover what is below; walls are drawn a decimetre at a time."""
    place = np.stack(np.meshgrid(np.arange(CANVAS), np.arange(CANVAS), indexing="ij"), axis=-1).astype(np.float64)
    ground, height = place.copy(), np.zeros((CANVAS, CANVAS))
    material = np.zeros((CANVAS, CANVAS), np.uint8)
    for number, (rows, columns, top) in enumerate(boxes, 1):
        for level in np.arange(0, top + 0.05, 0.1):
            foot = place - level * np.asarray(lean)
            inside = (rows[0] <= foot[..., 0]) & (foot[..., 0] <= rows[1])
            inside &= (columns[0] <= foot[..., 1]) & (foot[..., 1] <= columns[1]) & (level >= height)
            ground[inside], height[inside] = foot[inside], level
            material[inside] = number
    return Scene(_texture(ground, height).astype(np.float32), Surface(ground, height, material))


VIEW = View(SIZE, CANVAS)
REFERENCE_VIEWS = [
    View(SIZE, CANVAS),
    View(SIZE, CANVAS, shift=(4.3, -6.8)),
    View(SIZE, CANVAS, shift=(-5.0, 3.0), rotation=3.0, scale=1.03),
    View(SIZE, CANVAS, shift=(2.0, 1.0), rotation=-2.0, scale=0.98, distortion=0.01),
]


@pytest.mark.parametrize("lean", [(0.0, 0.0), (0.4, -0.3), (-0.6, 0.2)])
@pytest.mark.parametrize("reference_view", REFERENCE_VIEWS)
def test_warping_ref_by_the_flow_gives_hr(lean: tuple[float, float], reference_view: View) -> None:
    from scipy import ndimage

    seen, reference = _render((0.1, 0.15)), _render(lean)
    way = displacement(seen.surface, VIEW, reference.surface, reference_view, lean)
    line = np.arange(SIZE)
    own = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    image = reference_view.sample(reference.radiance)
    warped = ndimage.map_coordinates(image, np.moveaxis(own + way.flow, -1, 0), order=3, mode="mirror")
    error = np.abs(warped - VIEW.sample(seen.radiance))
    assert way.valid.mean() > 0.6
    # Splines ring beside edges of boxes; away from them only interpolation is left.
    assert np.median(error[way.valid]) < 0.01
    assert np.quantile(error[way.valid], 0.95) < 0.08
    # Half a pixel off must show, or the test says nothing.
    wrong = ndimage.map_coordinates(image, np.moveaxis(own + way.flow + 0.5, -1, 0), order=3, mode="mirror")
    assert np.median(np.abs(wrong - VIEW.sample(seen.radiance))[way.valid]) > 0.03


def test_roofs_move_further_than_the_ground() -> None:
    lean = (0.5, 0.0)
    way = displacement(_render((0.0, 0.0)).surface, VIEW, _render(lean).surface, VIEW, lean)
    margin = (CANVAS - SIZE) // 2
    roof, ground = way.flow[70 - margin, 60 - margin], way.flow[5, 5]
    np.testing.assert_allclose(roof, (6.0, 0.0), atol=0.06)
    np.testing.assert_allclose(ground, 0, atol=1e-5)


def test_what_a_box_hides_is_not_valid() -> None:
    lean = (0.5, 0.0)
    way = displacement(_render((0.0, 0.0)).surface, VIEW, _render(lean).surface, VIEW, lean)
    margin = (CANVAS - SIZE) // 2
    # Below the first box's lower edge its wall and roof now lie over the ground, six pixels of it.
    assert not way.valid[86 - margin : 89 - margin, 55 - margin : 65 - margin].any()
    assert way.valid[93 - margin : 96 - margin, 55 - margin : 65 - margin].all()


def test_what_lies_outside_ref_is_not_valid() -> None:
    reference_view = View(SIZE, CANVAS, shift=(10.0, 0.0))
    flat = _render((0.0, 0.0), boxes=[])
    way = displacement(flat.surface, VIEW, flat.surface, reference_view, (0.0, 0.0))
    assert not way.valid[:10].any()
    assert way.valid[10:].all()
    np.testing.assert_allclose(way.flow, np.broadcast_to((-10.0, 0.0), way.flow.shape), atol=1e-5)


def test_what_another_thing_replaced_is_not_valid() -> None:
    other = [((60, 84), (50, 70), 4.0)]
    way = displacement(_render((0, 0)).surface, VIEW, _render((0, 0), other).surface, VIEW, (0.0, 0.0))
    margin = (CANVAS - SIZE) // 2
    assert not way.valid[62 - margin : 82 - margin, 52 - margin : 68 - margin].any()


def test_mask_names_the_later_class_where_it_changed() -> None:
    before = np.array([[1, 2, 5], [4, 5, 6]], np.uint8)
    after = np.array([[1, 5, 5], [3, 5, 6]], np.uint8)
    np.testing.assert_array_equal(change_mask(before, after), [[0, 5, 0], [3, 0, 0]])
    replaced = np.array([[False, False, True], [False, False, False]])
    np.testing.assert_array_equal(change_mask(before, after, replaced), [[0, 5, 5], [3, 0, 0]])


def test_colours_are_seconds() -> None:
    np.testing.assert_array_equal(in_colours(np.array([[0, 5]])), [[(255, 255, 255), (128, 0, 0)]])
    assert len({tuple(colour) for colour in PALETTE.tolist()}) == 7
