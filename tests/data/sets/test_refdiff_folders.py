"""SECOND and CNAM-CD in the folders in which they are distributed for Ref-Diff, read by the shipped option files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from refsr.cli.main import main
from refsr.core.options.load import load_options
from refsr.data.build import build_dataset
from refsr.data.images import read_image, write_image
from refsr.data.masks import CNAM_VALUES, SECOND_GREYS
from refsr.ops.resize import imresize

OPTIONS = Path(__file__).resolve().parents[3] / "options" / "refdiff"
SIZE = 64
"""Of HR, where the distributed one has 512 in training."""


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """A world in SECOND's folders."""
    root = tmp_path_factory.mktemp("second")
    words = ["--places", "2", "--val", "0", "--test", "1", "--size", str(SIZE), "--layout", "refdiff", "--workers", "1"]
    words += ["--misregistration", "0", "--rotation", "0", "--scale-difference", "0", "--view-angle", "0"]
    assert main(["world", str(root / "dataset/SECOND/RefSR_dataset"), *words]) == 0
    return root


@pytest.fixture(scope="module")
def cnam(tmp_path_factory):
    """Drawn images in CNAM-CD's folders, where training and test images differ in size and there are no colours."""
    root, draw = tmp_path_factory.mktemp("cnam"), np.random.default_rng(0)
    for split, side, lr in (("train", SIZE, "real_LR"), ("test", SIZE // 2, "Bic_LR")):
        folder = root / "dataset/CNAM-CD/RefSR_dataset" / split
        for name in ("00012.png", "00107.png"):
            write_image(folder / "HR_512" / name, draw.integers(0, 256, (side, side, 3), np.uint8))
            write_image(folder / "Ref" / name, draw.integers(0, 256, (side, side, 3), np.uint8))
            write_image(folder / "CD_mask" / name, draw.choice(np.array(CNAM_VALUES, np.uint8), (side, side, 1)))
            for factor, size in ((8, 64), (16, 32)):
                there = size if split == "train" else size // 2
                image = draw.integers(0, 256, (side // factor, side // factor, 3), np.uint8)
                write_image(folder / f"{lr}_D{factor}_{there}" / name, image)
    return root


def dataset(root: Path, file: str, split: str, folder: str, name: str, *words: str):
    """The set that a shipped file names, with the sizes of LR's folders as they are here."""
    section = f"datasets.{name}"
    at = root / f"dataset/{folder}/RefSR_dataset/{split}"
    options = load_options(OPTIONS / f"{file}.yml")
    declared = options.datasets[name]
    roots = {"GT": declared.dataroot_GT, "Ref": declared.dataroot_Ref, "mask": declared.dataroot_mask}
    placed = [f"{section}.dataroot_{key}={root / str(path)}" for key, path in roots.items()]
    kind = Path(str(declared.dataroot_LQ)).name.rpartition("_")[0]
    (lr,) = at.glob(f"{kind}_*")
    placed.append(f"{section}.dataroot_LQ={lr}")
    options = load_options(OPTIONS / f"{file}.yml", [*placed, *words])
    return build_dataset(options.datasets[name], options.scale, 0)


@pytest.mark.parametrize("scale", [8, 16])
def test_second_is_read_as_distributed(second, scale):
    root = second / "dataset/SECOND/RefSR_dataset"
    train = dataset(second, f"second-x{scale}", "train", "SECOND", "train", f"datasets.train.GT_size={SIZE // 2}")
    assert train.provenance == dict.fromkeys(("hr", "lr", "ref", "mask"), "file")
    assert len(train) == 1
    cut, whole = train[0, 3], train[0]
    assert whole["lr"].shape == (3, SIZE // scale, SIZE // scale)
    assert cut["hr"].shape == cut["ref"].shape == (3, SIZE // 2, SIZE // 2)
    assert cut["mask"].shape == (1, SIZE // 2, SIZE // 2)
    raw = read_image(root / "train/CD_mask" / f"{train.keys[0]}.png")
    assert torch.equal(whole["mask"], torch.from_numpy(raw.astype(np.float32) / np.float32(255)).permute(2, 0, 1))
    assert set(np.unique(raw)) <= set(SECOND_GREYS)
    test = dataset(second, f"val-x{scale}", "test", "SECOND", "test_second")
    expected = imresize(read_image(root / "test/HR_512" / f"{test.keys[0]}.png") / 255, 1 / scale)
    assert np.abs(test[0]["lr"].permute(1, 2, 0).numpy() - expected.clip(0, 1)).max() < 0.6 / 255
    degraded = imresize(whole["hr"].permute(1, 2, 0).numpy(), 1 / scale)
    assert np.abs(whole["lr"].permute(1, 2, 0).numpy() - degraded).max() > 2 / 255


@pytest.mark.parametrize("scale", [8, 16])
def test_cnam_cd_is_read_as_distributed(cnam, scale):
    root = cnam / "dataset/CNAM-CD/RefSR_dataset"
    train = dataset(cnam, f"cnam-cd-x{scale}", "train", "CNAM-CD", "train", f"datasets.train.GT_size={SIZE // 2}")
    test = dataset(cnam, f"val-x{scale}", "test", "CNAM-CD", "test_cnam_cd")
    assert train.keys == test.keys == ("00012", "00107")
    assert train[1, 5]["lr"].shape == (3, SIZE // 2 // scale, SIZE // 2 // scale)
    assert test[1]["hr"].shape == (3, SIZE // 2, SIZE // 2)
    raw = read_image(root / "test/CD_mask/00107.png")
    assert torch.equal(test[1]["mask"], torch.from_numpy(raw / np.float32(255)).permute(2, 0, 1))
    words = ["mask_encoding=index", f"mask_values={list(CNAM_VALUES)}"]
    spread = dataset(
        cnam, f"val-x{scale}", "test", "CNAM-CD", "test_cnam_cd", *(f"datasets.test_cnam_cd.{word}" for word in words)
    )
    assert torch.equal(spread[1]["mask"], torch.from_numpy(raw / np.float32(5)).permute(2, 0, 1))


def test_the_world_says_what_its_greys_mean(second):
    root = second / "dataset/SECOND/RefSR_dataset"
    table = (root / "CLASS_Table.txt").read_text().splitlines()
    assert table[0] == "255 unchanged"
    assert table[5] == "38 building"
    assert sorted(folder.name for folder in (root / "train").iterdir()) == [
        *("CD_mask", "CD_mask_RGB", "HR_512", "Ref", "real_LR_D16_4", "real_LR_D8_8")
    ]
    assert sorted(folder.name for folder in (root / "test").iterdir())[:2] == ["Bic_LR_D16_4", "Bic_LR_D8_8"]
    grey, colours = (read_image(root / "train" / kind / "000001.png") for kind in ("CD_mask", "CD_mask_RGB"))
    unchanged = (colours == 255).all(axis=2)
    np.testing.assert_array_equal(grey[:, :, 0] == 255, unchanged)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--layout", "refdif"], "did you mean 'refdiff'"),
        (["--layout", "refdiff", "--geo"], "geo True has no place in layout refdiff"),
        (["--layout", "refdiff", "--size", "72"], "size 72 is not a multiple of 16"),
    ],
)
def test_what_the_layout_has_no_place_for_is_named(words, says, tmp_path, capsys):
    assert main(["world", str(tmp_path / "out"), *words]) == 2
    assert says in capsys.readouterr().err
