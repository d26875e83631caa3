"""Which Ref is used and which is refused, over many seeded pairs; ground that repeats; ground that changed."""

from __future__ import annotations

import numpy as np
import pytest
from pairs import error, ground, matrix, pair, reduced, seen_from

from refsr.core.window import Window
from refsr.registration import register

SIDE = 240
PLACES = 12


def drawn(place: int) -> np.ndarray:
    """A transform as strong as in real sets."""
    draw = np.random.default_rng(1000 + place)
    turn, scale = draw.uniform(-6, 6), np.exp(draw.uniform(np.log(0.75), np.log(1.3)))
    return matrix(turn, scale, *draw.uniform(-20, 20, 2), SIDE)


@pytest.fixture(scope="module")
def places() -> list[tuple[np.ndarray, np.ndarray]]:
    """LR and Ref of each place, Ref with noise and other light."""
    made = []
    for place in range(PLACES):
        lr, ref = pair(200 + place, drawn(place))
        noise = np.random.default_rng(place).normal(0, 0.02, ref.shape)
        made.append((lr, (ref**1.3 + noise).astype(np.float32)))
    return made


@pytest.mark.parametrize("place", range(PLACES))
def test_the_right_ref_is_used_where_it_lies(places, place):
    found = register(*places[place], 4)
    assert found.accepted, found.sentence()
    assert np.median(error(found, drawn(place))) < 0.5


@pytest.mark.parametrize("step", [1, 5])
@pytest.mark.parametrize("place", range(PLACES))
def test_the_ref_of_another_place_is_refused(places, place, step):
    found = register(places[place][0], places[(place + step) % PLACES][1], 4)
    assert not found.accepted, found.sentence()
    assert not found.weight.any()


@pytest.mark.parametrize("place", range(6))
def test_a_mirrored_or_inverted_ref_of_the_same_place(places, place):
    """Mirrored, the same roofs and fields lie elsewhere: refused. Inverted, edges stay where they were: used."""
    lr, ref = places[place]
    assert not register(lr, ref[:, ::-1].copy(), 4).accepted
    inverted = register(lr, 1 - ref, 4)
    assert inverted.accepted, inverted.sentence()
    assert np.median(error(inverted, drawn(place))) < 0.8


@pytest.mark.parametrize("place", range(4))
def test_where_half_of_the_ground_changed_the_other_half_is_used(place):
    known = matrix(2, 1.05, 9, -7, SIDE)
    lr, ref = pair(300 + place, known)
    ref[:, : SIDE // 2] = ground(400 + place, SIDE)[:, : SIDE // 2]
    found = register(lr, ref, 4)
    assert found.accepted, found.sentence()
    # Away from the seam and from what Ref does not show.
    assert found.weight[40:200, 150:210].mean() > 0.8
    assert found.weight[40:200, 30:80].mean() < 0.2
    x, y = found.coordinates(Window(0, 0, SIDE, SIDE))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    true_x, true_y = (known[row, 0] * columns + known[row, 1] * rows + known[row, 2] for row in (0, 1))
    assert np.median(np.hypot(x - true_x, y - true_y)[40:200, 150:210]) < 0.5


def repeating(kind: str, period: int, side: int) -> np.ndarray:
    """Furrows, or marked places of a car park."""
    rows, columns = np.mgrid[:side, :side]
    furrows = 0.5 + 0.3 * np.sin(2 * np.pi * (columns + 0.3 * rows) / period)
    return furrows if kind == "furrows" else furrows * (0.6 + 0.4 * (rows // period % 2))


@pytest.mark.parametrize("kind", ["furrows", "cars"])
@pytest.mark.parametrize("period", [10, 17, 31])
def test_ground_that_repeats_is_laid_on_itself_or_refused(kind, period):
    """Shifted by a known amount, it fits in many places: any of them is an answer, between them none is."""
    margin = 60
    wide = repeating(kind, period, SIDE + 2 * margin).astype(np.float32)
    known = matrix(0, 1, 7, -4, SIDE)
    found = register(
        reduced(wide[margin:-margin, margin:-margin], 4), seen_from(wide, known, margin, SIDE) * 0.8 + 0.1, 4
    )
    assert found.figures.shift < 0.2 * SIDE
    if not found.accepted:
        return
    x, y = found.coordinates(Window(0, 0, SIDE, SIDE))
    # What Ref shows there, by the formula itself, against what HR shows.
    shown = seen_through_formula(kind, period, x - 7 + margin, y + 4 + margin)
    truth = wide[margin:-margin, margin:-margin]
    inner = (slice(30, -30), slice(30, -30))
    assert np.abs(shown - truth)[inner].mean() < 0.08
    assert abs(found.figures.turn) < 1.5
    assert found.figures.scale == pytest.approx(1, abs=0.03)


def seen_through_formula(kind: str, period: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    furrows = 0.5 + 0.3 * np.sin(2 * np.pi * (x + 0.3 * y) / period)
    return furrows if kind == "furrows" else furrows * (0.6 + 0.4 * (np.floor(y / period) % 2))


@pytest.mark.parametrize("period", [12, 20])
def test_a_few_landmarks_decide_between_the_places_of_repeating_ground(period):
    margin = 60
    wide = 0.6 * repeating("cars", period, SIDE + 2 * margin) + 0.2
    landmarks = ground(55, SIDE + 2 * margin)
    for row, column in ((80, 90), (200, 110), (130, 230), (240, 240), (90, 200)):
        wide[row : row + 40, column : column + 40] = landmarks[row : row + 40, column : column + 40]
    wide = wide.astype(np.float32)
    known = matrix(0, 1, 7 + period, -4, SIDE)
    found = register(reduced(wide[margin:-margin, margin:-margin], 4), seen_from(wide, known, margin, SIDE), 4)
    assert found.accepted, found.sentence()
    assert np.median(error(found, known)) < 0.5
