"""A scene's reference is found by tie points: false ones filtered, changed ground without weight, memory bounded."""

from __future__ import annotations

import numpy as np
import pytest
from pairs import ground, reduced
from scipy.ndimage import map_coordinates

from refsr.core.window import Window
from refsr.registration.result import field_under
from refsr.registration.scenes import register_scene

SIDE, MARGIN, SCALE = 768, 60, 4


def bend(x, y):
    return 4 * np.sin(x / 250) + 8, 3 * np.cos(y / 220) - 11 + 0.008 * x


@pytest.fixture(scope="module")
def wide():
    return ground(21, SIDE + 2 * MARGIN)


@pytest.fixture(scope="module")
def other():
    return ground(22, SIDE + 2 * MARGIN)


def moved(wide: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    x, y = columns, rows
    for _ in range(30):
        right, down = bend(x, y)
        x, y = columns - right, rows - down
    return map_coordinates(wide, [y + MARGIN, x + MARGIN], order=3, mode="mirror").astype(np.float32)


class Reader:
    """Windows of an array in raw values, counted."""

    def __init__(self, image: np.ndarray, gain: float, valid: np.ndarray | None = None) -> None:
        self.image, self.gain, self.largest = image, gain, 0
        self.valid = np.ones(image.shape, bool) if valid is None else valid

    def __call__(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        height, width = self.image.shape
        assert 0 <= window.top < window.bottom <= height
        assert 0 <= window.left < window.right <= width
        self.largest = max(self.largest, window.height * window.width)
        part = (slice(window.top, window.bottom), slice(window.left, window.right))
        return (self.image[part] * self.gain)[:, :, None].repeat(3, axis=2), self.valid[part]


def lr_of(wide: np.ndarray) -> np.ndarray:
    return reduced(wide[MARGIN:-MARGIN, MARGIN:-MARGIN], SCALE)


def errors(found) -> np.ndarray:
    """Distances in HR pixels from the truth, NaN where Ref does not reach."""
    field = field_under(found.displacement, Window(0, 0, SIDE, SIDE), (SIDE, SIDE))
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    right, down = bend(columns, rows)
    off = np.hypot(field[:, :, 0] - right, field[:, :, 1] - down)
    inside = (columns + right >= 0) & (columns + right < SIDE) & (rows + down >= 0) & (rows + down < SIDE)
    return np.where(inside, off, np.nan)


def test_a_bent_reference_is_found(wide):
    lr, ref = Reader(lr_of(wide), 4000), Reader(moved(wide), 900)
    calls = []
    found = register_scene(lr, ref, (SIDE, SIDE), SCALE, progress=lambda done, total: calls.append((done, total)))
    assert found.accepted, found.verdict
    off = errors(found)
    assert np.nanmedian(off) < 0.8
    assert np.nanpercentile(off, 95) < 2.0
    assert found.shift == pytest.approx(13, abs=2.5)
    assert found.unmatched < 0.2
    assert "corrected" in found.sentence()
    assert calls[-1][0] == calls[-1][1] == len(calls)
    # Windows, never the whole: a tile, what Ref may be beside it, and a margin.
    assert lr.largest <= 64 * 64
    assert ref.largest <= (64 * SCALE + 2 * 14 * SCALE) ** 2


def test_changed_ground_gets_no_weight_and_bends_nothing(wide, other):
    ref = moved(wide)
    ref[200:500, 300:600] = other[200:500, 300:600]
    found = register_scene(Reader(lr_of(wide), 1), Reader(ref, 1), (SIDE, SIDE), SCALE)
    assert found.accepted
    weight = field_under(found.weight[:, :, None], Window(0, 0, SIDE, SIDE), (SIDE, SIDE))[:, :, 0]
    assert weight[260:450, 350:540].mean() < 0.15
    assert weight[:150].mean() > 0.8
    off = errors(found)
    assert np.nanmedian(off[weight > 0.5]) < 0.8
    # Without tie points the field goes on smoothly.
    assert np.nanmax(off[260:450, 350:540]) < 6


def test_another_place_is_refused(wide, other):
    found = register_scene(Reader(lr_of(wide), 1), Reader(moved(other), 1), (SIDE, SIDE), SCALE)
    assert not found.accepted
    assert "agree" in found.sentence()
    assert not found.weight.any()
    assert not found.displacement.any()


def test_what_holds_no_data_gives_no_tie_points(wide):
    valid = np.zeros((SIDE, SIDE), bool)
    valid[:, : SIDE // 2] = True
    found = register_scene(Reader(lr_of(wide), 1), Reader(moved(wide), 1, valid), (SIDE, SIDE), SCALE)
    assert found.accepted
    assert found.tie_points.x.max() < SIDE // 2 + 64
    assert not found.weight[:, -4:].any()
    nothing = register_scene(Reader(lr_of(wide), 1), Reader(moved(wide), 1, valid & False), (SIDE, SIDE), SCALE)
    assert not nothing.accepted
    assert "too little common ground" in nothing.sentence()


def test_flat_and_tiny_scenes_are_refused():
    flat = np.full((SIDE, SIDE), 0.5, np.float32)
    found = register_scene(Reader(flat[:192, :192], 1), Reader(flat, 1), (SIDE, SIDE), SCALE)
    assert not found.accepted
    tiny = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    found = register_scene(Reader(tiny[:2, :2], 1), Reader(tiny, 1), (8, 8), SCALE)
    assert not found.accepted
    assert found.displacement.shape == (1, 1, 2)


def test_equal_scenes_give_equal_fields(wide):
    one, other = (register_scene(Reader(lr_of(wide), 1), Reader(moved(wide), 1), (SIDE, SIDE), SCALE) for _ in range(2))
    np.testing.assert_array_equal(one.displacement, other.displacement)
    np.testing.assert_array_equal(one.kept, other.kept)
