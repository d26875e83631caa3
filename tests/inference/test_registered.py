"""A reference in memory is laid on LR by a transform that SciPy made, or refused; then LR is restored without one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

import refsr
from refsr.core.errors import DataError, UsageError
from refsr.data.images import write_image
from refsr.inference.files import restore_folder
from refsr.inference.inputs import RestoreOptions
from refsr.inference.registered import REFUSED, registered
from refsr.ops.resize import imresize
from towns import town

SCALE, SIDE, MARGIN = 4, 160, 40


def ground(seed: int) -> np.ndarray:
    """(SIDE + 2 MARGIN)^2 in three bands."""
    return np.clip(town(seed, SIDE + 2 * MARGIN, 120, blur=0.8), 0, 1).astype(np.float32)


def inside(image: np.ndarray, right: float = 0, down: float = 0, size: int = SIDE) -> np.ndarray:
    """The middle of the ground, moved by so many pixels, by SciPy's splines."""
    rows, columns = np.mgrid[:size, :size].astype(float)
    start = MARGIN - (size - SIDE) / 2
    bands = [map_coordinates(image[:, :, band], [rows + start - down, columns + start - right], order=3)
             for band in range(3)]  # fmt: skip
    return np.clip(np.stack(bands, axis=2), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def place() -> tuple[np.ndarray, np.ndarray]:
    """The ground with a margin, and LR of its middle."""
    wide = ground(1)
    return wide, np.clip(imresize(inside(wide), f"1/{SCALE}"), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def restorer():
    return refsr.load("rrsnet-small-x4", device="cpu")


def error(image: np.ndarray, truth: np.ndarray, border: int = 24) -> float:
    return float(np.abs(image - truth)[border:-border, border:-border].mean())


def test_a_shifted_reference_is_laid_on_lr(place):
    wide, lr = place
    truth = inside(wide)
    found = registered(lr, {"ref": inside(wide, 9, -6)}, SCALE, "auto")
    assert error(found.images["ref"], truth) < 0.3 * error(inside(wide, 9, -6), truth)
    # Where it counts it is nearer to HR than upsampled LR is.
    assert error(found.images["ref"], truth) < 0.5 * error(np.clip(imresize(lr, SCALE), 0, 1), truth)
    assert found.weight[24:-24, 24:-24].mean() > 0.8
    assert "px" in found.line


def test_a_reference_of_another_size_is_registered_by_image(place, restorer):
    wide, lr = place
    truth = inside(wide)
    larger = inside(wide, size=SIDE + 44)
    found = registered(lr, {"ref": larger}, SCALE, "auto")
    assert found.images["ref"].shape == truth.shape
    assert error(found.images["ref"], truth) < 0.5 * error(np.clip(imresize(lr, SCALE), 0, 1), truth)
    with pytest.raises(DataError, match=r"ref: is 204x204; .* needs 160x160"):
        restorer.restore(lr, larger, register="none")
    assert restorer.restore(lr, larger).shape == truth.shape


def test_swapped_inputs_are_named(place):
    """The network would bring detail of LR's pixel size into HR."""
    wide, lr = place
    small = imresize(inside(wide), "1/4")
    assert "are LR and Ref swapped?" in registered(inside(wide), {"ref": small}, SCALE, "auto").line
    assert "swapped" not in registered(lr, {"ref": inside(wide)}, SCALE, "auto").line


def test_where_ref_counts_nothing_the_network_gets_upsampled_lr(place):
    wide, lr = place
    found = registered(lr, {"ref": inside(wide, 30, 0)}, SCALE, "auto")
    up = np.clip(imresize(lr, SCALE), 0, 1)
    # What 30 columns to the left of Ref show, nothing covers.
    assert found.weight[:, -4:].max() == 0 or found.weight[:, :4].max() == 0
    nothing = found.weight == 0
    np.testing.assert_allclose(found.images["ref"][nothing], up[nothing], atol=1e-6)


def test_another_places_reference_changes_nothing(place, restorer):
    _, lr = place
    other = inside(ground(2))
    found = registered(lr, {"ref": other}, SCALE, "auto")
    assert found.refused
    assert found.line.startswith(REFUSED)
    up = np.clip(imresize(lr, SCALE), 0, 1).astype(np.float32)
    expected = restorer.restore(lr, up, register="none")
    np.testing.assert_allclose(restorer.restore(lr, other), expected, atol=1e-5)
    assert np.abs(restorer.restore(lr, other, register="none") - expected).max() > 0.01


def test_a_reference_that_lies_on_lr_stays_as_it_is(place, restorer):
    wide, lr = place
    ref = inside(wide)
    found = registered(lr, {"ref": ref}, SCALE, "auto")
    np.testing.assert_array_equal(found.images["ref"], ref)
    assert "left as it is" in found.line
    np.testing.assert_array_equal(restorer.restore(lr, ref), restorer.restore(lr, ref, register="none"))


def test_a_given_ref_down_is_moved_along(place):
    wide, lr = place
    ref, blurred = inside(wide, 8, 5), inside(gaussian_filter(wide, (2, 2, 0)), 8, 5)
    found = registered(lr, {"ref": ref, "ref_down": blurred}, SCALE, "auto")
    truth = inside(gaussian_filter(wide, (2, 2, 0)))
    # Upsampled LR counts where the weight is small, so what counts is compared only where it is large.
    sure = found.weight > 0.99
    assert np.abs(found.images["ref_down"] - truth)[sure].mean() < 0.3 * np.abs(blurred - truth)[sure].mean()


def test_tensors_are_paired_as_they_lie_unless_asked(place, restorer):
    import torch

    wide, lr = place
    ref = inside(wide, 9, -6)
    pair = [torch.from_numpy(image.transpose(2, 0, 1).copy()) for image in (lr, ref)]
    as_it_lies = restorer.restore(lr, ref, register="none")
    np.testing.assert_array_equal(restorer.restore(*pair).numpy().transpose(1, 2, 0), as_it_lies)
    asked = restorer.restore(*pair, register="auto").numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(asked, restorer.restore(lr, ref))
    truth = inside(wide)
    assert error(asked, truth) < 0.9 * error(as_it_lies, truth)


def test_a_lr_too_small_to_compare_is_paired_as_it_lies():
    draw = np.random.default_rng(0)
    lr, ref = draw.random((9, 30, 3), np.float32), draw.random((36, 120, 3), np.float32)
    found = registered(lr, {"ref": ref}, SCALE, "auto")
    np.testing.assert_array_equal(found.images["ref"], ref)
    assert "too small to compare" in found.line


def test_a_mode_that_is_not_known_is_named(place, restorer):
    wide, lr = place
    with pytest.raises(UsageError, match=r"registration 'locl' is none of auto, global, local, none; .*local"):
        restorer.restore(lr, inside(wide), register="locl")


def test_folders_count_refused_references(place, restorer, tmp_path):
    wide, lr = place
    for name, ref in (("a", inside(wide, 9, -6)), ("b", inside(ground(2)))):
        write_image(tmp_path / "lr" / f"{name}.png", np.rint(lr * 255).astype(np.uint8))
        write_image(tmp_path / "ref" / f"{name}.png", np.rint(ref * 255).astype(np.uint8))
    folders = {"lr": tmp_path / "lr", "ref": tmp_path / "ref"}
    assert restore_folder(restorer, folders, tmp_path / "out").refused == 1
    none = restore_folder(restorer, folders, tmp_path / "plain", RestoreOptions(register="none"))
    assert none.refused == 0
