"""`refsr restore --hsi`: a cube's file is read as those that the network learnt with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import refsr
from refsr.cli.main import main
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.load import load_options
from refsr.data.images import read_image, write_image
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.model_file import ModelCard, write_model
from refsr.training.snapshot import cube_record

CENTRES = [450.0, 550.0, 650.0, 860.0, 1400.0, 1650.0]
NETWORK = {
    "scale": 4, "side": 8, "hsi_bands": 3, "nf": 4, "n_blocks": 1, "n_layers": 1, "growth": 2, "attention": 2,
    "style_channels": 4, "latent_channels": 4,
}  # fmt: skip
LEARNT = """
name: learnt
model: SpecGAN_model
scale: 4
datasets:
  train:
    {mode: hyperspectral, dataroot_GT: HR, dataroot_hsi: cubes, lr: from_hr, n_workers: 0, GT_size: 32,
     hsi: {wavelengths: [860, 455, 1655], divide_by: 10000, clip: [0, 0.8], pairing: position, ratio: 4}}
network_G: {which_model_G: SpecGAN, side: 8, hsi_bands: 3}
network_D: {which_model_D: StyleGAN2Discriminator, side: 32}
train: {niter: 4, val_freq: 0, gan_weight: 1}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A network that learnt with three bands of cubes by wavelength, LR, and a cube as ENVI and as arrays."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "learnt.yml").write_text(LEARNT)
    learnt = cube_record(load_options(folder / "learnt.yml"))
    spec = NetworkSpec("SpecGAN", NETWORK)
    torch.manual_seed(0)
    card = ModelCard(spec, "SpecGAN_model", cubes=learnt)
    write_model(folder / "w.safetensors", spec.build().state_dict(), card)
    write_model(folder / "published.safetensors", spec.build().state_dict(), ModelCard(spec, "SpecGAN_model"))
    draw = np.random.default_rng(0)
    cube = draw.integers(0, 9999, (8, 8, 6)).astype(np.int16)
    for name in ("a", "b"):
        write_image(folder / "LR" / f"{name}.png", draw.integers(0, 256, (8, 8, 3), np.uint8))
        (folder / "cubes").mkdir(exist_ok=True)
        cube.tofile(folder / "cubes" / f"{name}.bip")
        (folder / "cubes" / f"{name}.hdr").write_text(
            "ENVI\nsamples = 8\nlines = 8\nbands = 6\ndata type = 2\ninterleave = bip\nwavelength units = nm\n"
            f"wavelength = {{{', '.join(map(str, CENTRES))}}}\n"
        )
    np.save(folder / "cube.npy", cube)
    np.save(folder / "many.npy", np.zeros((8, 8, 300), np.uint8))
    return folder


@pytest.fixture(autouse=True)
def inside(place, monkeypatch):
    monkeypatch.chdir(place)


def test_a_model_file_says_how_cubes_were_read(place):
    restorer = refsr.load("w.safetensors", "cpu")
    assert restorer.card.cubes == {"hsi": {"wavelengths": [860, 455, 1655], "divide_by": 10000, "clip": [0, 0.8]}}
    assert isinstance(restorer.cube_options, DatasetOptions)


def test_a_file_is_read_as_learnt(tmp_path, capsys):
    words = ["restore", "--model", "w.safetensors", "--lr", "LR/a.png", "--hsi", "cubes/a.hdr", "--device", "cpu"]
    assert main([*words, "-o", str(tmp_path / "out.png")]) == 0
    chosen = np.minimum(np.load("cube.npy")[:, :, [3, 0, 5]] / 10_000, 0.8).astype(np.float32)
    by_hand = refsr.load("w.safetensors", "cpu").restore("LR/a.png", hsi=chosen, range_hsi=(0, 1))
    found = read_image(tmp_path / "out.png")
    assert np.abs(found.astype(int) - by_hand).max() <= 1
    other = refsr.load("w.safetensors", "cpu").restore("LR/a.png", hsi=chosen[:, :, ::-1].copy(), range_hsi=(0, 1))
    assert (found != other).any()
    told = [*words, "--bands-hsi", "4", "1", "6", "--range-hsi", "0", "10000", "-o", str(tmp_path / "told.png")]
    assert main(told) == 0
    capsys.readouterr()


def test_a_folder_of_cubes(tmp_path, capsys):
    words = ["restore", "--model", "w.safetensors", "--lr", "LR", "--hsi", "cubes", "--device", "cpu"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    assert "2 restored by SpecGAN x4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["w.safetensors", "--hsi", "cube.npy"],
            "refsr: cube.npy: hsi.wavelengths needs wavelengths, and the file has none",
        ),
        (
            ["published.safetensors", "--hsi", "cubes/a.hdr"],
            "a.hdr: 16 bits need the raw values that become 0 and 1; give --range-hsi 0",
        ),
        (["published.safetensors", "--hsi", "many.npy"], "has 300 bands, the network takes 3; --bands-hsi 1 2 3 would"),
        (
            ["w.safetensors", "--hsi", "cubes/b.hdr", "--bands-hsi", "9"],
            "refsr: cubes/b.hdr: bands [9] are asked for, the cube has 1 to 6",
        ),
        (["w.safetensors", "--hsi", "cubes/c.hdr"], "c.hdr: no such file"),
    ],
)
def test_cubes_that_do_not_fit_are_one_clear_line(tmp_path, capsys, words, message):
    assert (
        main(["restore", "--lr", "LR/a.png", "-o", str(tmp_path / "x.png"), "--device", "cpu", "--model", *words]) == 1
    )
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
