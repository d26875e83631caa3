"""Knobs: what is refused and how, presets, splits, and the margin that holds every view."""

from __future__ import annotations

import dataclasses
import math
from itertools import product
from typing import Any

import numpy as np
import pytest

from refsr.core.errors import UsageError
from refsr.worlds.draws import draw
from refsr.worlds.knobs import LIKE, Knobs, knobs_like
from refsr.worlds.optics import Lens


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"size": 190}, "size 190 is not a multiple of scale 4; 188 or 192 would be"),
        ({"size": 16}, "size 16 is out of range, 32 to 8192 is allowed"),
        ({"change": 1.5}, "change 1.5 is out of range, 0 to 1 is allowed"),
        ({"haze": math.nan}, "haze nan is out of range"),
        ({"places": 0}, "places 0 is out of range"),
        ({"places": 3, "val": 2, "test": 2}, "val 2 and test 2 together are more than places 3"),
        ({"places": 2.5}, "places 2.5 is float, expected int"),
        ({"geo": 1}, "geo 1 is int, expected bool"),
        ({"bands": 12}, "bands 12 is below 30"),
        ({"bands": 48, "cube_factor": 7}, "size 480 is not a multiple of cube_factor 7"),
        ({"bits": 12}, "bits 12 is neither 8 nor 16"),
        ({"bits": 16, "jpeg": 90}, "jpeg 90 holds 8 bits"),
        ({"geo": True, "jpeg": 90}, "jpeg 90 holds no coordinate system"),
        ({"optics": "dual"}, "did you mean 'dual-zoom'"),
        ({"degradation": "bicubc"}, "did you mean 'bicubic'"),
        ({"optics": "dual-zoom", "degradation": "mtf"}, "the lens makes LR"),
        ({"optics": "dual-zoom", "change": 0.3}, "both lenses see one moment"),
        ({"hardness": 1.5}, "hardness 1.5 is out of range, 0 to 1 is allowed"),
        ({"ref_texture": 2.0}, "ref_texture 2.0 is out of range, 0.0 to 1.0 is allowed"),
        ({"hardness": 0.5, "optics": "dual-zoom"}, "hardness 0.5 has no place in optics dual-zoom"),
        ({"ref_jitter": 2.0, "geo": True, "ref_pixel": 2.0}, "ref_jitter 2.0 has no place where Ref has a grid"),
        ({"hardness": 0.5, "bits": 16}, "JPEG holds 8 bits, bits is 16; give ref_jpeg 0"),
        ({"chnge": 0.3}, "no knob 'chnge'; did you mean 'change'?"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as error:
        knobs_like(None, given)
    assert says in str(error.value)


def test_presets() -> None:
    assert knobs_like("rrssrd", {}).jpeg == 95
    assert knobs_like("rrssrd", {"jpeg": 0}).jpeg == 0
    with pytest.raises(UsageError, match="did you mean 'kagglesrd'"):
        knobs_like("kaglesrd", {})
    with pytest.raises(UsageError, match="exclude each other"):
        knobs_like("rrssrd", {"optics": "dual-zoom"})


def test_splits_keep_their_places_when_a_world_grows() -> None:
    small, large = Knobs(places=16, val=2, test=3), Knobs(places=40, val=2, test=3)
    assert [small.split_of(index) for index in range(6)] == ["val", "val", "test", "test", "test", "train"]
    assert all(small.split_of(index) == large.split_of(index) for index in range(16))
    assert Knobs(places=1).split_of(0) == "train"
    assert (Knobs(places=64).val, Knobs(places=64).test) == (8, 8)


@pytest.mark.parametrize("like", [None, *LIKE])
def test_every_view_lies_on_the_canvas(like: str | None) -> None:
    knobs = knobs_like(like, {"size": 256})
    for index in range(30):
        view = draw(knobs, index).reference.lens.view(knobs.size, knobs.canvas)
        corners = view.to_canvas(np.array([(0, 0), (0, 255), (255, 0), (255, 255)]))
        assert corners.min() >= 2
        assert corners.max() <= knobs.canvas - 3


@pytest.mark.parametrize("given", [(30.0, 6.0, 25.0), (30.0, 6.0, 30.0), (64.0, 15.0, 30.0)])
def test_strong_misregistration_stays_on_the_canvas(given: tuple[float, float, float]) -> None:
    """The extremes of every knob at once, to all sides, not what a few draws reach."""
    shift, rotation, percent = given
    knobs = Knobs(size=256, misregistration=shift, rotation=rotation, scale_difference=percent, view_angle=0.0)
    outline = np.array([(0, 0), (0, 255), (255, 0), (255, 255)])
    for turn, ratio, way in product((-1, 1), (-1, 1), np.linspace(0, 2 * np.pi, 16)):
        moved = (shift * math.sin(way), shift * math.cos(way))
        corners = Lens(moved, turn * rotation, 1 + ratio * percent / 100, 0.0).view(256, knobs.canvas)
        found = corners.to_canvas(outline)
        assert found.min() >= 1
        assert found.max() <= knobs.canvas - 2
    found_scales = [draw(knobs, index).reference.lens.scale for index in range(40)]
    assert min(found_scales) < 1 - 0.8 * percent / 100
    assert max(found_scales) > 1 + 0.8 * percent / 100


def test_draws_follow_the_knobs() -> None:
    for index in range(10):
        pair = draw(knobs_like("kagglesrd", {}), index)
        assert pair.hr.time == pair.reference.time
        assert pair.reference.date == 1
        assert 1 <= abs(pair.reference.lens.rotation) <= 4
        assert 0.01 <= abs(pair.reference.lens.scale - 1) <= 0.04
        dual = draw(Knobs(optics="dual-zoom"), index)
        assert (dual.hr.viewing, dual.hr.time) == (dual.reference.viewing, dual.reference.time)
        assert dual.dual_zoom is not None


def test_one_knob_moves_one_thing() -> None:
    usual, misty = draw(Knobs(), 3), draw(Knobs(haze=0.8, misregistration=3.0), 3)
    assert (usual.hr.time, usual.hr.sensor, usual.reference.sensor) == (
        misty.hr.time,
        misty.hr.sensor,
        misty.reference.sensor,
    )
    assert misty.reference.haze == pytest.approx(4 * usual.reference.haze)
    np.testing.assert_allclose(
        np.array(misty.reference.lens.shift) / 3, np.array(usual.reference.lens.shift) / 8, rtol=1e-9
    )


def test_softness_blurs_both_cameras_and_moves_nothing_else() -> None:
    for index in range(8):
        sharp, soft = (draw(Knobs(softness=softness), index) for softness in (0.0, 1.0))
        for one, other in ((sharp.hr, soft.hr), (sharp.reference, soft.reference)):
            added = math.sqrt(other.sensor.blur**2 - one.sensor.blur**2)
            assert 0.5 <= added <= 1.0
            assert dataclasses.replace(other, sensor=one.sensor) == one
            assert dataclasses.replace(other.sensor, blur=one.sensor.blur) == one.sensor


def test_hardness_sets_what_is_not_given() -> None:
    assert not Knobs().hardening.any
    assert Knobs(hardness=0.5).hardening.jitter == 1.0
    assert Knobs(hardness=0.5, ref_jitter=0.0).hardening.jitter == 0.0
    assert Knobs(hardness=0.5, ref_jitter=0.0).hardening.texture > 0
    assert Knobs(ref_wrong=0.15).hardening.any
