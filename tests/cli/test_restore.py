"""`refsr restore` as its user meets it."""

from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import pytest
import torch

import refsr
from refsr.cli.main import main
from refsr.data.images import read_image, write_image
from refsr.networks.descriptor import NetworkSpec
from refsr.ops.resize import imresize
from refsr.runs.model_file import ModelCard, write_model


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model with random weights, and images to restore with it."""
    folder = tmp_path_factory.mktemp("place")
    spec = NetworkSpec("RRSNet", {"scale": 2, "nf": 4, "n_blocks": 0, "deformable_groups": 1})
    torch.manual_seed(0)
    write_model(folder / "w.safetensors", spec.build().state_dict(), ModelCard(spec, "RRSNet_model"))
    draw = np.random.default_rng(0)
    for name in ("a", "b"):
        write_image(folder / "LR" / f"{name}.png", draw.integers(0, 256, (7, 9, 3), np.uint8))
        write_image(folder / "Ref" / f"{name}.png", draw.integers(0, 256, (14, 18, 3), np.uint8))
    write_image(folder / "16.png", draw.integers(0, 4096, (7, 9, 3)).astype(np.uint16))
    write_image(folder / "grey.png", draw.integers(0, 256, (14, 18), np.uint8))
    (folder / "damaged.safetensors").write_bytes((folder / "w.safetensors").read_bytes()[:-7])
    return folder


@pytest.fixture(autouse=True)
def inside(place, monkeypatch):
    monkeypatch.chdir(place)


GOOD = ["restore", "--model", "w.safetensors", "--lr", "LR/a.png", "--ref", "Ref/a.png", "--device", "cpu"]


def test_one_image(tmp_path, capsys):
    out = tmp_path / "new" / "out.png"
    assert main([*GOOD, "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 14x18, 3 bands, uint8, by RRSNet x2\n"
    expected = refsr.load("w.safetensors", "cpu").restore(lr="LR/a.png", ref="Ref/a.png")
    np.testing.assert_array_equal(read_image(out), expected)
    assert main([*GOOD, "-o", str(out)]) == 2
    assert "is there already (--overwrite replaces it)" in capsys.readouterr().err
    assert main([*GOOD, "-o", str(out), "--overwrite", "--tile", "4"]) == 0
    assert np.abs(read_image(out).astype(int) - expected).max() <= 1


def test_a_folder(tmp_path, capsys):
    out = tmp_path / "out"
    words = ["restore", "--model", "w.safetensors", "--lr", "LR", "--ref", "Ref", "-o", str(out)]
    assert main(words) == 0
    assert capsys.readouterr().out == f"{out}: 2 restored by RRSNet x2, 0 already there, 2 in all\n"
    assert main(words) == 0
    assert "0 restored by RRSNet x2, 2 already there" in capsys.readouterr().out


def test_sixteen_bits_have_the_range_of_their_scene_or_the_declared_one(tmp_path, caplog):
    pytest.importorskip("rasterio")
    words = [*GOOD, "--lr", "16.png", "-o", str(tmp_path / "out.png")]
    with caplog.at_level(logging.INFO):
        assert main([*words, "--range", "auto"]) == 0
    assert "(percentiles 0.1 and 99.9 of the scene)" in caplog.text
    assert main([*words, "--range", "0", "4095", "--overwrite"]) == 0
    restored = read_image(tmp_path / "out.png")
    assert restored.dtype == np.uint16
    assert restored.max() <= 4095


@pytest.mark.parametrize(
    ("changes", "code", "answer"),
    [
        (["--model", "x.safetensors"], 1, "x.safetensors: no such file"),
        (["--model", "damaged.safetensors"], 1, "damaged.safetensors: is"),
        (["--model", "LR"], 1, "LR: is no folder of a run with a checkpoint"),
        (["--lr", "c.png"], 1, "c.png: no such file"),
        (["--lr", "w.safetensors"], 1, "w.safetensors: cannot be opened as a raster: 'w.safetensors' not recognized"),
        (["--lr", "LR"], 2, "LR is a folder and Ref/a.png is not"),
        (["--ref", "LR/a.png"], 1, "LR/a.png: is 7x9; beside LR/a.png of 7x9, scale 2 needs 14x18"),
        (
            ["--ref", "grey.png"],
            1,
            "grey.png: has 1 band, the network takes 3; --bands-ref 1 1 1 would take it for each of them",
        ),
        (["--ref", "16.png"], 1, "16.png: 16 bits need the raw values that become 0 and 1; give --range-ref 0 65535"),
        (["--mask", "grey.png"], 2, "grey.png: RRSNet takes lr, lr_up, ref, ref_down, and no mask"),
        (["-o", "out.gif"], 2, "out.gif: no image format has the suffix '.gif'"),
        (["-o", "w.safetensors/out.png"], 1, "w.safetensors is no folder that can be written to"),
        (["-o", "Ref"], 2, "Ref: is a folder; a file in it would do, such as Ref/a.png"),
        (["--samples", "4"], 2, "--samples 4: counts the images of --spread FILE, which is not given"),
        (["--tile", "0"], 2, "--tile 0: expected 1 or more"),
        (["--overlap", "-1"], 2, "--overlap -1: expected 0 or more"),
        (["--device", "abacus"], 2, "device 'abacus' is not known"),
        (["--range", "5", "5"], 1, "LR/a.png: range [5.0, 5.0] must rise"),
        (["--range", "nan", "5"], 1, "LR/a.png: range [nan, 5.0] must rise"),
        (["--bands", "1", "2", "²"], 2, "LR/a.png: has no band '²'"),
        (["--bands", "1", "2", "7"], 1, "LR/a.png: bands [7] are asked for, the image has 1 to 3"),
    ],
)
def test_mistakes_are_one_line(changes, code, answer, capsys, place):
    before = sorted(place.rglob("*"))
    # A second --ref would be another reference.
    words = [word for word in GOOD if word not in ("--ref", "Ref/a.png")] if "--ref" in changes else GOOD
    words = words if "-o" in changes else [*words, "-o", "out.png"]
    assert main([*words, *changes]) == code
    printed = capsys.readouterr()
    assert answer in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert sorted(place.rglob("*")) == before


@pytest.fixture(scope="module")
def denoiser(place):
    """A denoiser at x4 that learnt with masks in some coding, and images for it."""
    ref = imresize(np.random.default_rng(1).random((24, 24, 3)), 4)
    lr = imresize(ref, 0.25)
    lr[8:16, 8:16] = 1 - lr[8:16, 8:16]
    for name, image in (("LR4", lr), ("Ref4", ref)):
        write_image(place / name / "a.png", (image.clip(0, 1) * 255).astype(np.uint8))
    write_image(place / "mask4" / "a.png", np.eye(96, dtype=np.uint8) * 3)
    keywords = {"scale": 4, "model_channels": 4, "channel_mult": [1, 1, 1], "num_blocks": 0, "transform_channels": 4}
    spec = NetworkSpec("RefDiff", keywords)
    torch.manual_seed(0)
    network = spec.build()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    sampling = {"steps": 2, "sigma_max": 1.0}
    for encoding in ("changed", "grey"):
        card = ModelCard(spec, "RefDiff_model", {}, sampling, {"encoding": encoding, "values": None})
        write_model(place / f"{encoding}.safetensors", network.state_dict(), card)
    return ["restore", "--lr", "LR4/a.png", "--ref", "Ref4/a.png", "--device", "cpu", "--model"]


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_where_the_mask_came_from_is_told_and_kept(denoiser, tmp_path, capsys):
    """A file's, an estimate and none are three images; a TIFF says which."""
    rasterio = pytest.importorskip("rasterio")
    told = {
        "mask4/a.png": "the change mask is a file's",
        "estimate": "change masks are estimated from LR and Ref; on worlds held out, x4: precision 0.",
        "none": "the change mask says that nothing changed",
    }
    images = []
    for mask, words in told.items():
        out = tmp_path / f"{len(images)}.tif"
        assert main([*denoiser, "changed.safetensors", "--mask", mask, "-o", str(out)]) == 0
        assert f"by RefDiff x4; {words}" in capsys.readouterr().out
        with rasterio.open(out) as kept:
            assert kept.tags()["TIFFTAG_IMAGEDESCRIPTION"].startswith(words)
        images.append(read_image(out))
    assert all(not np.array_equal(one, other) for one, other in zip(images, [*images[1:], images[0]], strict=True))
    # The mask was read as the network learnt it: where it is not zero, it is one.
    restorer = refsr.load("changed.safetensors", "cpu")
    given = {"lr": "LR4/a.png", "ref": "Ref4/a.png"}
    somewhere = np.eye(96, dtype=np.uint8)
    np.testing.assert_array_equal(images[0], restorer.restore(**given, mask=somewhere))
    np.testing.assert_array_equal(images[2], restorer.restore(**given, mask=0 * somewhere))
    grey = refsr.load("grey.safetensors", "cpu")
    assert not np.array_equal(grey.restore(**given, mask=somewhere), images[0])


def test_a_folder_without_masks(denoiser, tmp_path, capsys):
    words = ["restore", "--lr", "LR4", "--ref", "Ref4", "--mask", "none", "--model", "grey.safetensors"]
    assert main([*words, "-o", str(tmp_path)]) == 0
    assert "1 restored by RefDiff x4, 0 already there, 1 in all; the change mask says" in capsys.readouterr().out
    assert read_image(tmp_path / "a.png").shape == (96, 96, 3)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["grey.safetensors", "--mask", "estimate"], "masks in grey coding, which need classes"),
        (["grey.safetensors"], "a change mask (mask) is missing: RefDiff takes lr, ref, mask; mask estimate or none"),
        (["changed.safetensors", "--mask", "estimat"], "estimat: no such file"),
        (["w.safetensors", "--mask", "none"], "mask none: RRSNet takes lr, lr_up, ref, ref_down, and no mask"),
    ],
)
def test_masks_that_cannot_be_had_are_named(denoiser, words, answer, tmp_path, capsys):
    assert main([*denoiser, *words, "-o", str(tmp_path / "a.png")]) in (1, 2)
    printed = capsys.readouterr()
    assert answer in printed.err
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_help_needs_no_torch():
    code = "import sys, refsr.cli.restore; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
