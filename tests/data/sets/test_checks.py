"""What must hold of a data set's images: cubes stay under their crops, and what cannot be right is one clear line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refsr.core.errors import DataError
from refsr.core.options.datasets import DatasetOptions
from refsr.data.build import build_dataset
from refsr.data.images import write_image
from refsr.data.prepare.derive import PrepareSettings, prepare_pair
from refsr.data.prepare.sources import SourcePair
from refsr.data.ranges import declared
from refsr.data.sets.paired import PairedSet

SCALE = 4
CELL = 8


def stripes(side: int = 64) -> np.ndarray:
    """Bands that hold the row and the column of the cell of 8 pixels, so that any shift shows."""
    rows, columns = np.mgrid[:side, :side] // CELL / (side / CELL)
    return np.stack([rows, columns, rows * columns], 2).astype(np.float32)


def put(root, **images: np.ndarray) -> dict:
    """Writes one image a folder, named `a`, and returns the folders under their option keys."""
    keys = {"hr": "GT", "lr": "LQ", "lr_up": "LQ_UX4", "ref": "Ref", "ref_down": "Ref_DUX4"}
    for kind, image in images.items():
        write_image(root / kind / "a.npy", image)
    return {f"dataroot_{keys.get(kind, kind)}": root / kind for kind in images}


def built(folders: dict, mode: str = "single", scale: int = SCALE, **options) -> PairedSet:
    return build_dataset(DatasetOptions(mode=mode, **folders, **options), scale, 0)


@pytest.fixture
def cubes(tmp_path):
    hr = stripes()
    return put(tmp_path, hr=hr, lr=hr[::SCALE, ::SCALE], hsi=hr[::CELL, ::CELL])


def test_cubes_coarser_than_the_scale_lie_under_their_crops(cubes):
    dataset = built(cubes, "hyperspectral", GT_size=16, use_flip=True, use_rot=True)
    corners = set()
    for draw in range(100):
        sample = dataset[0, draw]
        enlarged = sample["hsi"].repeat_interleave(CELL, 1).repeat_interleave(CELL, 2)
        assert torch.equal(enlarged, sample["hr"])
        corners.add(tuple(sample["hr"][:2, 0, 0].tolist()))
    assert len(corners) > 20


def test_cubes_lie_under_whole_images_that_their_cells_do_not_fill(tmp_path):
    hr = stripes(72)[:68]
    sample = built(put(tmp_path, hr=hr, lr=hr[::4, ::4], hsi=hr[:64:8, ::8]), "hyperspectral")[0]
    assert sample["hr"].shape == (3, 64, 72)
    assert sample["lr"].shape == (3, 16, 18)
    assert torch.equal(sample["hsi"].repeat_interleave(8, 1).repeat_interleave(8, 2), sample["hr"])


@pytest.mark.parametrize("side", [4, 20])
def test_crops_that_split_a_cell_of_the_cube_are_refused(cubes, side):
    with pytest.raises(DataError, match=f"crops of {side} are no multiple of 8, .*scale 4.*hsi 8"):
        built(cubes, "hyperspectral", GT_size=side)


def test_what_is_made_equals_what_prepare_writes_for_sides_that_are_no_multiple(tmp_path):
    hr, ref = np.random.default_rng(0).random((2, 31, 46, 3), dtype=np.float32)
    folders = put(tmp_path, hr=hr, ref=ref)
    place = SourcePair("a", folders["dataroot_GT"] / "a.npy", folders["dataroot_Ref"] / "a.npy")
    prepare_pair(place, tmp_path / "made", PrepareSettings(SCALE, suffix=".npy"))
    names = {"lr": "LR", "lr_up": "LR_UX4", "ref_down": "Ref_DUX4"}
    sample = built(folders, "reference", lr="from_hr", lr_up="from_lr", ref_down="from_ref")[0]
    for member, folder in names.items():
        file = np.load(tmp_path / "made" / folder / "a.npy").clip(0, 1).transpose(2, 0, 1)
        np.testing.assert_allclose(sample[member].numpy(), file, atol=2e-6, err_msg=member)  # type: ignore[literal-required]


def test_release_crops_of_such_sides_are_whole(tmp_path):
    dataset = built(put(tmp_path, hr=np.zeros((31, 46, 3), np.float32)), lr="from_hr", GT_size=16, crop="release")
    assert {dataset[0, draw]["lr"].shape for draw in range(60)} == {(3, 4, 4)}


@pytest.mark.parametrize("kind", ["hr", "hsi"])
def test_sixteen_bits_without_a_range_say_what_to_declare(tmp_path, kind):
    images = {"hr": np.zeros((16, 16, 3), np.uint8), "hsi": np.zeros((4, 4, 9), np.uint8)}
    folders = put(tmp_path, **images | {kind: images[kind].astype(np.uint16)})
    option = {"hr": "range", "hsi": "range_hsi"}[kind]
    with pytest.raises(DataError, match=rf"{kind}: a: 16 bits .* {option}: \[0, 65535\]"):
        built(folders, "hyperspectral", lr="from_hr")
    assert len(built(folders, "hyperspectral", lr="from_hr", **{option: [0, 4095]})) == 1


def test_images_smaller_than_the_scale_are_named(tmp_path):
    with pytest.raises(DataError, match="a: HR of 3x3 holds no square of 4 pixels"):
        built(put(tmp_path, hr=np.zeros((3, 3, 3), np.uint8)))


def test_band_counts_that_do_not_fit_are_named(tmp_path):
    grey, colour = np.zeros((16, 16, 1), np.uint8), np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(DataError, match="band counts do not fit: a: lr has 3, hr has 1"):
        built(put(tmp_path, hr=grey, lr=colour))


def test_one_grey_image_among_colour_ones_is_named(tmp_path):
    folders = put(tmp_path, hr=np.zeros((16, 16, 3), np.uint8))
    write_image(tmp_path / "hr" / "b.npy", np.zeros((16, 16, 1), np.uint8))
    with pytest.raises(DataError, match="band counts do not fit: b: hr has 1, a has 3"):
        built(folders)


def test_pixels_that_are_not_finite_are_named(tmp_path):
    image = np.zeros((16, 16, 3), np.float32)
    image[3, 4] = np.nan
    with pytest.raises(DataError, match=r"hr: a: .*not finite"):
        built(put(tmp_path, hr=image))[0]


@pytest.mark.parametrize(
    ("value", "encoding", "message"),
    [
        (np.float32(-2), "index", "whole numbers"),
        (np.float32(0.5), "grey", "whole numbers"),
        (np.uint16(300), "grey", "8 bits"),
    ],
)
def test_masks_of_other_numbers_are_named(tmp_path, value, encoding, message):
    hr = np.zeros((16, 16, 3), np.uint8)
    folders = put(tmp_path, hr=hr, ref=hr, lr=hr[::4, ::4], mask=np.full((16, 16, 1), value))
    with pytest.raises(DataError, match=f"mask: a: .*{message}"):
        built(folders, "change", mask_encoding=encoding, mask_values=[0, 1])[0]


@pytest.mark.parametrize("limits", [(5, 5), (9, 3), (0.0, 0.0)])
def test_a_range_that_does_not_rise_is_refused(limits):
    with pytest.raises(DataError, match="must rise"):
        declared("uint16", limits, "image")
