"""What comes out of a scene: shapes, the truth against the images, and each knob's effect."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from refsr.worlds.knobs import Knobs, knobs_like
from refsr.worlds.scene_pair import ScenePair, make_scene_pair


def _pair(index: int = 1, like: str | None = None, **given: Any) -> ScenePair:
    return make_scene_pair(knobs_like(like, {"size": 128, **given}), index)


def _psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(np.float64) - other) ** 2)))


def test_kinds_and_shapes() -> None:
    images = _pair(bands=40, light=True, palette=True, cloud_cover=0.3).images
    assert {kind: (image.shape, str(image.dtype)) for kind, image in images.items()} == {
        "HR": ((128, 128, 3), "uint8"),
        "Ref": ((128, 128, 3), "uint8"),
        "LR": ((32, 32, 3), "uint8"),
        "LR_UX4": ((128, 128, 3), "uint8"),
        "Ref_DUX4": ((128, 128, 3), "uint8"),
        "Ref_cloud": ((128, 128), "uint8"),
        "cover": ((128, 128), "uint8"),
        "mask": ((128, 128), "uint8"),
        "flow": ((128, 128, 2), "float32"),
        "flow_valid": ((128, 128), "uint8"),
        "light": ((128, 128), "uint8"),
        "cover_RGB": ((128, 128, 3), "uint8"),
        "mask_RGB": ((128, 128, 3), "uint8"),
        "hsi": ((32, 32, 40), "uint16"),
    }
    assert set(np.unique(images["cover"])) <= set(range(1, 7))
    changed = images["mask"] > 0
    np.testing.assert_array_equal(images["mask"][changed], images["cover"][changed])
    assert not images["flow_valid"][changed].any()


@pytest.mark.parametrize("hard", [{}, {"ref_jitter": 4.0, "ref_texture": 0.4, "ref_replaced": 0.2}])
@pytest.mark.parametrize("index", [1, 2])
def test_flow_takes_ref_to_hr(index: int, hard: dict[str, float]) -> None:
    """With equal sun and sensor the warped Ref is HR to within noise and interpolation; half a pixel off is not.

    Where a hardened Ref is displaced, the flow is; where it is another place's, the flow is not valid.
    """
    images = _pair(index, "kagglesrd", jpeg=0, noise=0.0, **hard).images
    own = np.moveaxis(np.stack(np.meshgrid(np.arange(128), np.arange(128), indexing="ij"), axis=-1), -1, 0)
    valid = images["flow_valid"] > 0
    assert valid.mean() > (0.2 if hard else 0.5)

    def warped(off: float) -> float:
        there = own + np.moveaxis(images["flow"], -1, 0) + off
        bands = [
            ndimage.map_coordinates(images["Ref"][:, :, band].astype(np.float32), there, order=3) for band in range(3)
        ]
        return _psnr(np.stack(bands, axis=-1)[valid], images["HR"][valid])

    plain = _psnr(images["Ref"], images["HR"])
    assert warped(0.0) > max(plain + 8, warped(0.5) + 2, warped(-0.5) + 2, 26)


STRONG = {"misregistration": 30.0, "rotation": 6.0, "scale_difference": 30.0, "size": 192}
"""Misregistration as strong as in real sets, and a little more."""


def _positions(side: int) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1).astype(np.float64)


@pytest.mark.parametrize("index", [1, 2, 3])
def test_flow_is_right_under_strong_misregistration(index: int) -> None:
    images = _pair(index, "kagglesrd", jpeg=0, noise=0.0, **STRONG).images
    valid = images["flow_valid"] > 0
    assert 0.2 < valid.mean() < 1

    def warped(off: float) -> float:
        there = np.moveaxis(_positions(192) + images["flow"] + off, -1, 0)
        bands = [
            ndimage.map_coordinates(images["Ref"][:, :, band].astype(np.float32), there, order=3) for band in range(3)
        ]
        return _psnr(np.stack(bands, axis=-1)[valid], images["HR"][valid])

    assert warped(0.0) > max(_psnr(images["Ref"], images["HR"]) + 5, warped(0.7) + 1, warped(-0.7) + 1, 23)


@pytest.mark.parametrize("index", range(4))
def test_seen_from_above_the_flow_is_the_recorded_similarity(index: int) -> None:
    """Computed here from shift, turn and scale alone; relief moves nothing where both look straight down."""
    pair = _pair(index, view_angle=0.0, change=0.0, **STRONG)
    lens = pair.record["reference"]["lens"]
    turn = np.radians(lens["rotation"])
    # A point of the ground, seen from the middle, shifted back, turned back and made smaller.
    rows, columns = np.moveaxis(_positions(192) - 95.5, -1, 0)
    rows, columns = rows - lens["shift"][0], columns - lens["shift"][1]
    row = (np.cos(turn) * rows - np.sin(turn) * columns) / lens["scale"] + 95.5
    column = (np.sin(turn) * rows + np.cos(turn) * columns) / lens["scale"] + 95.5
    expected = np.stack([row, column], axis=-1) - _positions(192)
    valid = pair.images["flow_valid"] > 0
    inside = (row >= 0) & (row <= 191) & (column >= 0) & (column <= 191)
    assert not valid[~inside].any()
    assert valid[inside].mean() > 0.9
    off = np.linalg.norm(pair.images["flow"] - expected, axis=-1)[valid]
    assert np.median(off) < 0.05
    assert np.percentile(off, 95) < 1.0


def test_equal_shots_are_equal_images_apart_from_noise() -> None:
    images = _pair(
        1, "kagglesrd", jpeg=0, misregistration=0.0, rotation=0.0, scale_difference=0.0, view_angle=0.0, noise=0.0
    ).images
    assert _psnr(images["Ref"], images["HR"]) > 35
    np.testing.assert_allclose(images["flow"][images["flow_valid"] > 0], 0, atol=1e-4)
    assert (images["flow_valid"] > 0).all()


def test_lr_ux_and_ref_dux_are_what_prepare_makes() -> None:
    from refsr.ops.resize import imresize

    images = _pair().images
    expected = imresize(imresize(images["Ref"], 0.25, rounding="never"), 4)
    np.testing.assert_allclose(images["Ref_DUX4"], np.clip(expected, 0, 255), atol=0.51)
    lr = imresize(images["HR"], 0.25, rounding="once")
    assert (images["LR"] == lr).mean() > 0.999


def test_spectral_shift_moves_the_colours() -> None:
    def distance(shift: float) -> float:
        own = _pair(
            1,
            "kagglesrd",
            misregistration=0.0,
            rotation=0.0,
            scale_difference=0.0,
            view_angle=0.0,
            spectral_shift=shift,
        ).images
        return float(np.abs(own["HR"].astype(float) - own["Ref"]).mean())

    assert distance(0.0) < distance(0.5) < distance(1.0)


def test_change_knob_changes_about_that_much() -> None:
    shares = {
        change: np.mean([(_pair(index, change=change).images["mask"] > 0).mean() for index in range(3)])
        for change in (0.0, 0.6)
    }
    assert shares[0.0] < 0.05 < 0.2 < shares[0.6]


def test_dual_zoom_lr_is_of_the_same_ground_but_of_another_lens() -> None:
    from refsr.ops.resize import imresize

    pair = _pair(1, optics="dual-zoom")
    reduced = imresize(pair.images["HR"], 0.25, rounding="once")
    assert 22 < _psnr(pair.images["LR"], reduced) < 50
    assert pair.record["degradation"] == []
    assert not pair.images["mask"].any()
    # Shifted by a whole LR pixel the images fit less: LR is aligned with HR.
    assert _psnr(pair.images["LR"][:, 1:], reduced[:, :-1]) < _psnr(pair.images["LR"], reduced) - 2


def test_sixteen_bits_use_their_range() -> None:
    image = _pair(bits=16).images["HR"]
    assert image.dtype == np.uint16
    assert len(np.unique(image)) > 2000


def test_a_place_is_a_function_of_knobs_and_index() -> None:
    one, two = _pair(1, bands=30, cloud_cover=0.2), _pair(1, bands=30, cloud_cover=0.2)
    assert one.record == two.record
    for kind, image in one.images.items():
        np.testing.assert_array_equal(image, two.images[kind], err_msg=kind)
    assert not np.array_equal(one.images["HR"], _pair(2).images["HR"])
    assert not np.array_equal(one.images["HR"], make_scene_pair(Knobs(size=128, seed=5), 1).images["HR"])


def test_a_wrong_reference_shows_nothing_of_the_place() -> None:
    images = _pair(1, "kagglesrd", ref_wrong=1.0).images
    assert not images["flow_valid"].any()
    np.testing.assert_array_equal(images["mask"], images["cover"])
    assert (images["Ref_foreign"] == 255).all()


def test_hardness_leaves_hr_and_lr_as_they_are() -> None:
    plain, hard = (_pair(1, "rrssrd", hardness=level, ref_jitter=0.0).images for level in (0.0, 1.0))
    assert (hard["Ref_foreign"] > 0).any()
    for kind in ("HR", "LR"):
        np.testing.assert_array_equal(plain[kind], hard[kind])
