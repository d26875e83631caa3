"""Whatever is given, an answer or "no match": never an exception, a fold or a wild warp."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import ground, reduced

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.registration import RegistrationOptions, register
from refsr.registration.local import jacobian

KINDS = ("constant", "noise", "stripes", "chess", "holes", "ground", "dot", "ramp", "zeros", "infinite")


def image(kind: str, height: int, width: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    period = int(draw.integers(2, 24))
    made = {
        "constant": lambda: np.full((height, width), draw.random()),
        "zeros": lambda: np.zeros((height, width)),
        "noise": lambda: draw.random((height, width)),
        "stripes": lambda: (columns // period % 2).astype(float),
        "chess": lambda: ((columns // period + rows // period) % 2).astype(float),
        "ramp": lambda: (rows + columns) / (height + width),
        "ground": lambda: ground(seed, max(height, width, 8))[:height, :width],
    }
    if kind in made:
        return made[kind]().astype(np.float32)
    result = ground(seed, max(height, width, 8))[:height, :width].copy()
    if kind == "holes":
        result[draw.random((height, width)) < draw.random()] = np.nan
    elif kind == "infinite":
        result[: height // 2 + 1] = np.inf
    else:
        result[:] = 0
        result[height // 2, width // 2] = 1
    return result


sides = st.integers(1, 40)


@settings(max_examples=60, deadline=None)
@given(
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    size=st.tuples(sides, sides),
    ref_size=st.none() | st.tuples(st.integers(1, 90), st.integers(1, 90)),
    scale=st.sampled_from([2, 3, 4]),
    bands=st.integers(1, 5),
    seed=st.integers(0, 5),
    same=st.booleans(),
)
def test_any_pair_gets_an_answer(kinds, size, ref_size, scale, bands, seed, same):
    height, width = ref_size or (size[0] * scale, size[1] * scale)
    ref = image(kinds[1], height, width, seed if same else seed + 10)
    lr = image(kinds[0], *size, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = register(lr, np.repeat(ref[:, :, None], bands, axis=2), scale)
    assert np.isfinite(found.transform).all()
    assert np.isfinite(found.weight).all()
    assert 0 <= found.weight.min() <= found.weight.max() <= 1
    assert found.accepted or found.verdict.reasons
    assert found.sentence()
    if found.field is not None:
        pressed = jacobian(found.field, found.size[0] / found.field.shape[0])
        assert not pressed.size or pressed.min() > 0
    warped, covered = found.warp(np.nan_to_num(ref, nan=0.5, posinf=0.5))
    assert warped.shape == covered.shape == found.size
    assert np.isfinite(warped).all()
    assert found.figures.scale == pytest.approx(1, abs=0.6)
    assert abs(found.figures.turn) < 25


@pytest.mark.parametrize("period", [4, 9, 16, 40])
def test_what_repeats_never_goes_astray(period):
    """A car park or a field of furrows fits in many places; equal images stay where they are."""
    rows, columns = np.mgrid[:192, :192]
    ref = ((columns // period + rows // period) % 2).astype(np.float32)
    found = register(reduced(ref, 4), ref, 4)
    x, y = found.coordinates(Window(0, 0, 192, 192))
    assert np.hypot(x - columns, y - rows).max() < 2


@settings(max_examples=25, deadline=None)
@given(
    period=st.floats(3, 40),
    turned=st.floats(0, 180),
    rows_of_cars=st.booleans(),
    same=st.booleans(),
    other=st.floats(3, 40),
)
def test_fields_and_car_parks_get_no_wild_warp(period, turned, rows_of_cars, same, other):
    """Moved by no more than was searched, turned and scaled no more either, and no ground folded over."""
    side = 160
    ref = repeating(side, other if not same else period, turned, rows_of_cars)
    found = register(reduced(repeating(side, period, turned + (0 if same else 40), rows_of_cars), 4), ref, 4)
    if not found.accepted:
        assert found.verdict.reasons
        assert not found.weight.any()
        return
    # The search's own limits, and what refinement may add at a corner.
    assert found.figures.shift < (0.15 + 0.08 * 2) * side
    assert abs(found.figures.turn) < 7.5 + 9
    assert 0.6 < found.figures.scale < 1.6
    x, y = found.coordinates(Window(0, 0, side, side))
    for moved in (np.diff(x, axis=1), np.diff(y, axis=0)):
        assert moved.min() > 0
    assert found.figures.residual < 0.1 * side


def repeating(side: int, period: float, turned: float, rows_of_cars: bool) -> np.ndarray:
    """Furrows, or marked places in rows, in a direction."""
    rows, columns = np.mgrid[:side, :side]
    along = columns * np.cos(np.radians(turned)) + rows * np.sin(np.radians(turned))
    across = rows * np.cos(np.radians(turned)) - columns * np.sin(np.radians(turned))
    image = 0.5 + 0.3 * np.sin(2 * np.pi * along / period)
    return (image * (0.6 + 0.4 * (across // (2 * period) % 2)) if rows_of_cars else image).astype(np.float32)


@pytest.mark.parametrize("shape", [(0, 0), (0, 20), (20, 0, 3)])
def test_an_image_without_pixels_is_said_to_be_none(shape):
    full = np.zeros((20, 20), np.float32)
    for lr, ref, name in ((np.zeros(shape, np.float32), full, "LR"), (full, np.zeros(shape, np.float32), "Ref")):
        with pytest.raises(DataError, match=f"^{name} of shape"):
            register(lr, ref, 4)


def test_identical_images_stay_where_they_are():
    ref = ground(31, 240)
    found = register(reduced(ref, 4), ref, 4)
    assert found.accepted
    rows, columns = np.mgrid[:240, :240]
    x, y = found.coordinates(Window(0, 0, 240, 240))
    assert np.median(np.hypot(x - columns, y - rows)) < 0.05
    assert np.hypot(x - columns, y - rows).max() < 0.5
    assert found.figures.matched > 0.95


def test_holes_get_no_weight_and_leave_no_edge():
    ref = ground(32, 240)
    lr = reduced(ref, 4)
    ref = np.roll(ref, (6, -8), (0, 1))
    holed = ref.copy()
    holed[60:130, 80:170] = np.nan
    found = register(lr, holed, 4, RegistrationOptions(reach=30))
    assert found.accepted
    rows, columns = np.mgrid[:240, :240]
    x, y = found.coordinates(Window(0, 0, 240, 240))
    inner = (slice(16, -16), slice(16, -16))
    assert np.median(np.hypot(x - columns + 8, y - rows - 6)[inner]) < 0.3
    inside = (x > 82) & (x < 167) & (y > 62) & (y < 127)
    assert not found.weight[inside].any()
    warped, covered = found.warp(holed)
    assert np.isfinite(warped).all()
    assert not covered[inside].any()
