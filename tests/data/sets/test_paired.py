"""Samples are aligned, depend on seed, index and draw alone, and broken data sets are one clear line."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from refsr.core.errors import DataError
from refsr.core.options.datasets import DatasetOptions
from refsr.core.window import Window
from refsr.data.augmentation import FlipRotation
from refsr.data.build import build_dataset
from refsr.data.crops import draw_crop
from refsr.data.images import write_image
from refsr.data.loading import StepSampler, quiet_worker
from refsr.data.sample import MEMBERS
from refsr.data.stores.packing import pack_folder
from refsr.ops.resize import imresize

SCALE = 4
KINDS = {
    "dataroot_GT": "HR",
    "dataroot_LQ": "LR",
    "dataroot_LQ_UX4": "LR_UX4",
    "dataroot_Ref": "Ref",
    "dataroot_Ref_DUX4": "Ref_DUX4",
}


def textured(seed: int, height: int = 64, width: int = 48) -> np.ndarray:
    rough = np.random.default_rng(seed).random((height // 4, width // 4, 3))
    return np.clip(imresize(rough, 4), 0, 1)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Float images, so that LR is the exact reduction of HR and nothing is lost to rounding."""
    folder = tmp_path_factory.mktemp("set")
    for i in range(5):
        hr, ref = textured(i), textured(100 + i)
        images = {"HR": hr, "LR": np.clip(imresize(hr, "1/4"), 0, 1), "Ref": ref}
        images["LR_UX4"] = np.clip(imresize(images["LR"], 4), 0, 1)
        images["Ref_DUX4"] = np.clip(imresize(np.clip(imresize(ref, "1/4"), 0, 1), 4), 0, 1)
        for kind, image in images.items():
            write_image(folder / kind / f"{i}.npy", image.astype(np.float32))
    return folder


def options(root, **changes) -> DatasetOptions:
    folders = {key: root / kind for key, kind in KINDS.items()}
    return DatasetOptions(
        **({"mode": "reference", "GT_size": 16, "use_flip": True, "use_rot": True, **folders} | changes)
    )


def equal(a, b) -> bool:
    return a["name"] == b["name"] and all(torch.equal(a[m], b[m]) for m in MEMBERS if m in a or m in b)


def test_members_have_their_sizes_and_range(root):
    sample = build_dataset(options(root), SCALE, 0)[2, 7]
    assert {name: tuple(sample[name].shape) for name in MEMBERS if name in sample} == {
        "hr": (3, 16, 16),
        "lr": (3, 4, 4),
        "lr_up": (3, 16, 16),
        "ref": (3, 16, 16),
        "ref_down": (3, 16, 16),
    }
    for name in MEMBERS:
        if name in sample:
            assert sample[name].dtype is torch.float32
            assert sample[name].is_contiguous()
            assert 0 <= sample[name].min() <= sample[name].max() <= 1


def test_what_is_derived_equals_what_the_files_hold(root):
    """Crops of derived members must be those of the whole derived image, borders of the crop included."""
    files = build_dataset(options(root), SCALE, 0)
    made = build_dataset(options(root, lr="from_hr", lr_up="from_lr", ref_down="from_ref"), SCALE, 0)
    assert made.provenance == {
        "hr": "file", "ref": "file", "lr": "from_hr", "lr_up": "from_lr", "ref_down": "from_ref",
    }  # fmt: skip
    for index in range(5):
        for window in (Window(0, 0, 16, 16), Window(20, 12, 16, 16), Window(48, 32, 16, 16), Window(0, 0, 64, 48)):
            a, b = files.at(index, window), made.at(index, window)
            for name in ("lr", "lr_up", "ref_down"):
                torch.testing.assert_close(a[name], b[name], atol=2e-6, rtol=0)


def test_crops_are_aligned_and_release_crops_are_not(root):
    aligned, released = (build_dataset(options(root, crop=rule), SCALE, 0) for rule in ("aligned", "release"))
    whole = aligned[0]
    off = 0
    for draw in range(40):
        for dataset, rule in ((aligned, "aligned"), (released, "release")):
            window = draw_crop(0, draw, 0, 64, 48, 16, SCALE, rule)
            sample = dataset.at(0, window)
            torch.testing.assert_close(
                sample["hr"], whole["hr"][:, window.top : window.top + 16, window.left : window.left + 16]
            )
            top, left = window.top // SCALE, window.left // SCALE
            torch.testing.assert_close(sample["lr"], whole["lr"][:, top : top + 4, left : left + 4])
            if rule == "aligned":
                assert window.top % SCALE == window.left % SCALE == 0
            else:
                off += window.top % SCALE != 0 or window.left % SCALE != 0
    assert off > 20
    corners = {draw_crop(0, draw, 0, 64, 48, 16, SCALE, "aligned")[:2] for draw in range(2000)}
    assert corners == {(top, left) for top in range(0, 49, 4) for left in range(0, 33, 4)}


@pytest.mark.parametrize(
    "turn", [FlipRotation(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)]
)
def test_every_turn_moves_all_members_alike(root, turn):
    sample = build_dataset(options(root), SCALE, 0).at(1, Window(8, 4, 16, 16), turn)
    reduced = imresize(sample["hr"].permute(1, 2, 0).numpy(), "1/4")
    torch.testing.assert_close(sample["lr"][:, 2, 2], torch.from_numpy(reduced)[2, 2].float(), atol=0.1, rtol=0)
    plain = build_dataset(options(root), SCALE, 0).at(1, Window(8, 4, 16, 16))
    for name in ("hr", "lr", "ref"):
        expected = turn.apply(plain[name].permute(1, 2, 0).numpy()).transpose(2, 0, 1)
        np.testing.assert_array_equal(sample[name].numpy(), expected)


def test_a_sample_depends_on_seed_index_and_draw_alone(root):
    first, again, other = (build_dataset(options(root), SCALE, seed) for seed in (3, 3, 4))
    assert equal(first[1, 9], again[1, 9])
    assert not equal(first[1, 9], first[1, 10])
    assert not all(equal(first[i, i], other[i, i]) for i in range(5))


def test_packed_stores_give_the_same_samples(root, tmp_path):
    for kind in KINDS.values():
        pack_folder(root / kind, tmp_path / f"{kind}.lmdb")
    packed = build_dataset(options(root, **{key: tmp_path / f"{kind}.lmdb" for key, kind in KINDS.items()}), SCALE, 0)
    plain = build_dataset(options(root), SCALE, 0)
    for item in [(0, 0), (4, 3), 2]:
        assert equal(packed[item], plain[item])


@pytest.mark.parametrize("workers", [0, 2])
def test_worker_counts_and_processes_change_nothing(root, workers):
    dataset = build_dataset(options(root), SCALE, 0)

    def batches(rank, world, first, workers):
        sampler = StepSampler(len(dataset), 4, first, 6, seed=0, rank=rank, world=world)
        loader = DataLoader(dataset, batch_sampler=sampler, num_workers=workers, worker_init_fn=quiet_worker)
        return [(batch["name"], batch["hr"]) for batch in loader]

    whole = batches(0, 1, 1, 0)
    halves = [batches(rank, 2, 1, workers) for rank in (0, 1)]
    for step, (names, hr) in enumerate(whole):
        assert names == halves[0][step][0] + halves[1][step][0]
        assert torch.equal(hr, torch.cat([halves[0][step][1], halves[1][step][1]]))
    resumed = batches(0, 1, 4, workers)
    assert all(torch.equal(a[1], b[1]) for a, b in zip(whole[3:], resumed, strict=True))


def test_every_epoch_visits_every_sample_once():
    sampler = StepSampler(7, 7, 1, 5, seed=1)
    epochs = [sorted(index for index, _ in batch) for batch in sampler]
    assert epochs == [list(range(7))] * 5
    assert len({tuple(index for index, _ in batch) for batch in sampler}) > 1


def test_validation_takes_whole_images_cut_to_the_scale(tmp_path):
    write_image(tmp_path / "HR" / "a.png", np.random.default_rng(0).integers(0, 256, (19, 30, 3), dtype=np.uint8))
    sample = build_dataset(DatasetOptions(mode="single", dataroot_GT=tmp_path / "HR"), SCALE, 0)[0]
    assert sample["hr"].shape == (3, 16, 28)
    assert sample["lr"].shape == (3, 4, 7)


def test_sixteen_bits_and_many_bands_keep_their_declared_range(tmp_path):
    image = np.random.default_rng(0).integers(0, 4096, (16, 16, 6), dtype=np.uint16)
    write_image(tmp_path / "HR" / "a.npy", image)
    given = DatasetOptions(mode="single", dataroot_GT=tmp_path / "HR", range=[0, 4095], bands=[6, 1])
    sample = build_dataset(given, SCALE, 0)[0]
    np.testing.assert_allclose(sample["hr"].numpy(), image[..., [5, 0]].transpose(2, 0, 1) / 4095, atol=1e-6)


def test_change_masks_and_cubes_come_along(tmp_path):
    draw = np.random.default_rng(0)
    for kind, shape in {
        "HR": (32, 32, 3),
        "LR": (8, 8, 3),
        "Ref": (32, 32, 3),
        "mask": (32, 32, 1),
        "hsi": (4, 4, 40),
    }.items():
        image = draw.integers(0, 5 if kind == "mask" else 256, shape, dtype=np.uint8)
        write_image(tmp_path / kind / "a.npy", image)
    folders = {"dataroot_GT": tmp_path / "HR", "dataroot_LQ": tmp_path / "LR"}
    changed = DatasetOptions(
        mode="change", dataroot_Ref=tmp_path / "Ref", dataroot_mask=tmp_path / "mask", GT_size=16,
        mask_encoding="one_hot", mask_values=[0, 1, 2, 3, 4], **folders,
    )  # fmt: skip
    sample = build_dataset(changed, SCALE, 0)[0, 0]
    assert sample["mask"].shape == (5, 16, 16)
    assert torch.equal(sample["mask"].sum(0), torch.ones(16, 16))
    cube = DatasetOptions(
        mode="hyperspectral", dataroot_hsi=tmp_path / "hsi", bands_hsi=[1, 40], range_hsi=[0, 100], **folders
    )
    assert build_dataset(cube, SCALE, 0)[0]["hsi"].shape == (2, 4, 4)
    wrong = changed.model_copy(update={"mask_values": [0, 1]})
    with pytest.raises(DataError, match=r"holds \[2, 3, 4\]"):
        build_dataset(wrong, SCALE, 0)[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataroot_Ref": None}, "needs dataroot_Ref"),
        ({"dataroot_LQ_UX4": None}, "needs dataroot_LQ_UX4, or lr_up: from_lr"),
        ({"dataroot_Ref": "REF"}, "did you mean 'Ref'"),
        ({"dataroot_LQ": "LR_UX4"}, "lr is 64x48, HR of 64x48 needs 16x12"),
        ({"dataroot_GT": "few"}, r"do not pair by name(.|\n)*hr .* lacks 4 of 5: 1, 2, 3, 4"),
        ({"dataroot_GT": "empty"}, "no images here"),
        ({"GT_size": 80}, "a crop of 80 does not fit an image of 64x48"),
        ({"bands": [4]}, "bands \\[4\\] are asked for"),
    ],
)
def test_broken_data_sets_are_named(root, changes, message):
    (root / "empty").mkdir(exist_ok=True)
    write_image(root / "few" / "0.npy", np.zeros((64, 48, 3), np.float32))
    changes = {k: root / v if isinstance(v, str) else v for k, v in changes.items()}
    with pytest.raises(DataError, match=message):
        build_dataset(options(root, **changes), SCALE, 0)[0, 0]


def test_real_tuples_load(shared):
    folder = shared / "data" / "rrssrd" / "val_1st"
    names = {**KINDS, "dataroot_Ref": "google_Ref", "dataroot_Ref_DUX4": "google_Ref_DUX4"}
    dataset = build_dataset(DatasetOptions(mode="RRSNet", **{k: folder / v for k, v in names.items()}), SCALE, 0)
    assert len(dataset) == 40
    assert dataset[39]["hr"].shape == (3, 480, 480)
