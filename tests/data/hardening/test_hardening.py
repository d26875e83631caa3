"""Hardening: nothing at hardness 0, bounds, reproducible draws, areas, tones, and an inverse of the displacement."""

from __future__ import annotations

import numpy as np
import pytest

from refsr.core.errors import DataError, UsageError
from refsr.core.seeding import numpy_generator
from refsr.data.hardening.draws import draw_hardening
from refsr.data.hardening.elastic import draw_elastic
from refsr.data.hardening.foreign import areas, with_texture
from refsr.data.hardening.harden import harden
from refsr.data.hardening.hardness import Hardness, hardness
from refsr.data.hardening.tone import ToneCurve, draw_tone


def _image(name: str, side: int = 64) -> np.ndarray:
    return numpy_generator(0, name).random((side, side, 3), dtype=np.float32)


def test_hardness_zero_leaves_a_reference_as_it_is() -> None:
    ref = _image("ref")
    found = harden(ref, None, draw_hardening(hardness(0), 0, "a"), 0, "a")
    np.testing.assert_array_equal(found.image, ref)
    assert not found.texture.any()
    assert not found.replaced.any()


def test_a_reference_is_a_function_of_seed_and_name() -> None:
    ref, other = _image("ref"), _image("other")

    def made(seed: int, name: str) -> np.ndarray:
        return harden(ref, other, draw_hardening(hardness(1), seed, name), seed, name).image

    np.testing.assert_array_equal(made(1, "a"), made(1, "a"))
    assert (made(1, "a") != made(2, "a")).mean() > 0.5
    assert (made(1, "a") != made(1, "b")).mean() > 0.5


def test_one_amount_does_not_move_the_draws_of_another() -> None:
    alone, all_of_it = draw_hardening(Hardness(jitter=2), 0, "a"), draw_hardening(hardness(1), 0, "a")
    assert alone.elastic == all_of_it.elastic
    assert alone.tone is None


def test_only_the_ground_that_it_says_is_another_places() -> None:
    ref, other = _image("ref", 96), _image("other", 96)
    drawn = draw_hardening(Hardness(texture=0.5, replaced=0.3), 3, "a")
    found = harden(ref, other, drawn, 3, "a")
    own = (found.texture == 0) & (found.replaced == 0)
    assert own.any()
    np.testing.assert_array_equal(found.image[own], ref[own])
    whole = found.replaced == 1
    assert whole.any()
    np.testing.assert_allclose(found.image[whole], other[whole], atol=1e-6)


def test_a_wrong_reference_is_the_other_place() -> None:
    ref, other = _image("ref"), _image("other")
    found = harden(ref, other, draw_hardening(Hardness(wrong=1), 0, "a"), 0, "a")
    np.testing.assert_array_equal(found.image, other)
    assert (found.replaced == 1).all()
    wrong = [draw_hardening(Hardness(wrong=0.15), 0, index).wrong for index in range(400)]
    assert 0.1 < np.mean(wrong) < 0.2


def test_without_another_place_it_says_so() -> None:
    with pytest.raises(DataError, match="needs another place of that size, none is given"):
        harden(_image("ref"), None, draw_hardening(Hardness(texture=0.5), 0, "a"), 0, "a")


def test_texture_keeps_what_is_coarse() -> None:
    flat = np.full((64, 64, 3), 0.5, np.float32)
    stripes = flat + 0.1 * np.float32(np.arange(64) % 2 * 2 - 1)[:, None, None]
    mixed = with_texture(flat, stripes + np.float32(0.2), np.ones((64, 64), np.float32), 3.0)
    np.testing.assert_allclose(mixed[8:-8], stripes[8:-8], atol=0.01)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_areas_cover_their_share_smoothly(share: float) -> None:
    found = areas(numpy_generator(0, "areas"), (120, 160), share)
    assert abs(found.mean() - share) < 0.05
    assert np.abs(np.diff(found, axis=0)).max() < 0.2


def test_displacement_is_bounded_and_has_an_inverse() -> None:
    points = numpy_generator(0, "points").uniform(-50, 300, (400, 2))
    for index in range(10):
        elastic = draw_elastic(numpy_generator(index, "elastic"), 2.0)
        moved = elastic.at(points)
        assert 0.2 < np.hypot(*moved.T).max() <= 2
        np.testing.assert_allclose(elastic.undone(points + moved), points, atol=1e-6)


def test_the_largest_displacement_allowed_does_not_fold() -> None:
    line = np.stack(np.meshgrid(np.arange(200.0), np.arange(200.0), indexing="ij"), axis=-1)
    for index in range(10):
        moved = line + draw_elastic(numpy_generator(index, "elastic"), 8.0).at(line)
        down, right = np.diff(moved[:, :-1], axis=0), np.diff(moved[:-1], axis=1)
        assert (down[..., 0] * right[..., 1] - down[..., 1] * right[..., 0]).min() > 0


def test_tones_keep_differences_of_bands_and_strong_ones_fold() -> None:
    grey = np.linspace(0, 1, 256, dtype=np.float32)
    folds = [bool((np.diff(draw_tone(numpy_generator(index, "tone"), 1.0).of(grey)) < 0).any()) for index in range(60)]
    assert 0.1 < np.mean(folds) < 0.9
    assert (np.diff(draw_tone(numpy_generator(0, "tone"), 0.05).of(grey)) > 0).all()
    image = 0.4 + 0.1 * _image("ref")
    bent = ToneCurve((0.05,), (0.3,)).over(image)
    np.testing.assert_allclose(bent[..., 0] - bent[..., 1], image[..., 0] - image[..., 1], atol=1e-6)


@pytest.mark.parametrize(
    ("given", "says"),
    [({"texture": 1.5}, "texture 1.5 is out of range, 0 to 1 is allowed"), ({"jpeg": 99}, "jpeg 99 is out of range")],
)
def test_mistakes_are_named(given: dict[str, float], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Hardness(**given)  # type: ignore[arg-type]
