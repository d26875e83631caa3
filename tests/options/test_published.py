"""The published option files themselves train at their published widths: on small crops, for two iterations."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from refsr.cli.main import main
from refsr.runs.checkpoint import read_checkpoint

PUBLISHED = Path(__file__).resolve().parents[1] / "core" / "options" / "published"
KINDS = {"GT": "HR", "LQ": "LR", "LQ_UX4": "LR_UX4", "Ref": "Ref", "Ref_DUX4": "Ref_DUX4"}
FEWER = [
    "path.root=exp",
    "gpu_ids=[]",
    "train.niter=2",
    "datasets.train.batch_size=1",
    "datasets.train.n_workers=0",
    "datasets.train.GT_size=32",
    "val.max_images=1",
]
"""How much there is to do; what is learnt, and by what, stays as published."""
STAGES = ["train.l1_init=2", "train.lr_steps=[1]", "network_D.crop_size=32", "train.feature_network=random"]
"""Both stages in two iterations, judges for these crops; nobody has VGG19's weights here."""


@pytest.fixture(scope="module")
def root(places, tmp_path_factory):
    """Folders as the published repositories have them: databases of the published layout, and an example's folder."""
    root = tmp_path_factory.mktemp("published")
    (root / "codes" / "example" / "RRSGAN").mkdir(parents=True)
    assert main(["prepare", str(places), str(root / "images"), "--scale", "4", "--workers", "0"]) == 0
    train = str(root / "dataset" / "train")
    assert main(["pack", str(root / "images"), train, "--layout", "published", "--kinds", *KINDS.values()]) == 0
    (root / "dataset" / "val").symlink_to(train)
    return root


@pytest.fixture
def example(root, monkeypatch):
    """The folder that the published scripts are run from."""
    folder = root / "codes" / "example" / "RRSGAN"
    monkeypatch.chdir(folder)
    yield folder
    # Checkpoints of published widths are hundreds of megabytes.
    shutil.rmtree(folder / "exp", ignore_errors=True)


def trained(folder: Path, name: str, parameters: int) -> None:
    """Two iterations were learnt by a network of the published size."""
    run = folder / "exp" / "experiments" / f"001_{name}"
    checkpoint = read_checkpoint(run / "checkpoints" / "2")
    assert sum(tensor.numel() for tensor in checkpoint.weights["G"].values()) == parameters
    assert ("l_g_gan_grad" in (run / "log.txt").read_text()) == ("GAN" in name)
    assert set(checkpoint.weights) == ({"G", "D", "D_grad"} if "GAN" in name else {"G"})


def test_rrsnet_trains_on_other_data_roots(example, root):
    words = [
        f"datasets.{part}.dataroot_{key}={root / 'images' / kind}"
        for part in ("train", "val")
        for key, kind in KINDS.items()
    ]
    assert main(["train", str(PUBLISHED / "RRSNet.yml"), *words, *FEWER]) == 0
    trained(example, "RRSNet", 7_984_899)


def test_rrsgan_trains_where_the_published_data_lie(example):
    assert main(["train", str(PUBLISHED / "RRSGAN.yml"), *FEWER, *STAGES]) == 0
    trained(example, "RRSGAN", 7_984_899)


def test_rgtgan_stops_at_the_comma_and_trains_once_it_is_mended(example, capsys):
    file = example / "RGTGAN.yml"
    file.write_bytes((PUBLISHED / "RGTGAN.yml").read_bytes())
    comma = "train.lr_steps[3]: '200000，250000' has '，' (fullwidth comma, U+FF0C) where ',' belongs"
    for command in (["train", "RGTGAN.yml"], ["options", "check", "RGTGAN.yml"]):
        assert main(command) == 2
        assert comma in capsys.readouterr().err
    assert not (example / "exp").exists()
    assert main(["options", "check", "RGTGAN.yml", "--fix"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "-  lr_steps: [50000, 100000, 150000, 200000，250000]" in shown
    assert "+  lr_steps: [50000, 100000, 150000, 200000, 250000]" in shown
    assert file.read_bytes() == (PUBLISHED / "RGTGAN.yml").read_bytes().replace("，".encode(), b", ")
    assert main(["train", "RGTGAN.yml", *FEWER, *STAGES]) == 0
    trained(example, "RGTGAN", 10_681_350)


def test_without_vgg19_training_stops_before_the_first_step(example, monkeypatch, capsys):
    monkeypatch.setenv("REFSR_WEIGHTS", str(example))
    monkeypatch.setenv("TORCH_HOME", str(example))
    words = [word for word in STAGES if "feature_network" not in word]
    assert main(["train", str(PUBLISHED / "RRSGAN.yml"), *FEWER, *words]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "the perceptual network vgg19: vgg19-dcbb9e9d.pth, which is not in" in error
    assert "name that with path.perceptual_weights" in error
    assert not (example / "exp" / "experiments" / "001_RRSGAN").exists()
