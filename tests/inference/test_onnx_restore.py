"""Restoring by ONNX files: the image of the same network in torch, with all that is done around a network."""

from __future__ import annotations

import numpy as np
import pytest

import refsr
from onnx_files import CARD, Blending, write_blending
from refsr.cli.main import main
from refsr.core.errors import UsageError
from refsr.data.images import read_image, write_image
from refsr.inference.restorer import Restorer, chosen_device

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def pair():
    """LR (40, 36, 3) and a reference (160, 144, 3) that contradicts it in a corner."""
    made = refsr.worlds.make(0, size=160, scale=4, seed=5)
    ref = made.hr[:, :144].copy()
    ref[:60, :60] = 255 - ref[:60, :60]
    return np.ascontiguousarray(made.lr[:, :36]), ref


@pytest.fixture(scope="module")
def restorers(tmp_path_factory):
    """The same network in torch and from an ONNX file."""
    path = write_blending(tmp_path_factory.mktemp("onnx") / "blending.onnx")
    return Restorer(Blending(), CARD, chosen_device("cpu")), refsr.load(path)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"register": "none"},
        {"register": "none", "ref_strength": 0.5},
        {"register": "none", "guard": False, "consistent": "off"},
        {"register": "none", "consistent": "hard", "tile": 16},
    ],
    ids=str,
)
def test_the_image_is_that_of_torch(restorers, pair, options):
    for ref in (pair[1], None):
        torch_made, made = (one.restore(pair[0], ref, **options) for one in restorers)
        assert np.abs(torch_made.astype(int) - made).max() <= 1
        assert (torch_made != made).mean() < 1e-3


def test_a_reference_counts(restorers, pair):
    _, restorer = restorers
    assert np.abs(restorer.restore(*pair).astype(int) - restorer.restore(pair[0])).mean() > 1


def test_the_guard_and_the_evidence_see_both_passes(restorers, pair):
    found = [one.explained(*pair, register="none", consistent="off") for one in restorers]
    for name, plane in found[0][1].items():
        np.testing.assert_allclose(found[1][1][name], plane, atol=1e-4, err_msg=name)
    borrowed = found[1][1]["borrowed"]
    # What contradicts LR is left out.
    assert borrowed[10:50, 10:50].mean() < 0.2 < borrowed[80:, 80:].mean()


def test_the_card_travels(restorers):
    torch_made, made = restorers
    assert made.card == torch_made.card
    assert made.inputs == ("lr", "ref", "ref_weight")
    assert made.scale == 4
    assert "GatedTransfer" in repr(made)


def test_a_gpu_is_refused(restorers, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(UsageError, match="device cuda: refsr computes ONNX files on the CPU"):
        refsr.load(write_blending(tmp_path / "a.onnx"), device="cuda")


def test_a_small_image_is_one_line(tmp_path, pair, capsys):
    write_image(tmp_path / "lr.png", pair[0][:3, :9])
    model = write_blending(tmp_path / "a.onnx")
    words = ["restore", "--model", str(model), "--lr", str(tmp_path / "lr.png"), "-o", str(tmp_path / "out.png")]
    assert main(words) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("refsr: LR of 3x9: this ONNX file was compared with torch from 4 pixels a side on")
    assert not (tmp_path / "out.png").exists()


def test_rasters_name_the_file_that_made_them(tmp_path, pair, restorers):
    rasterio = pytest.importorskip("rasterio")
    ground = pytest.importorskip("ground")
    for name, image, pixel in (("lr", pair[0], 4), ("ref", pair[1], 1)):
        place = {"crs": ground.HOME, "transform": ground.north_up(pixel)}
        write_image(tmp_path / f"{name}.tif", np.maximum(image, 1), profile=place)
    tags = []
    for name, restorer in zip(("torch", "onnx"), restorers, strict=True):
        restorer.restore(
            tmp_path / "lr.tif", tmp_path / "ref.tif", output=tmp_path / f"{name}.tif", raster={"nodata": 0}
        )
        with rasterio.open(tmp_path / f"{name}.tif") as made:
            tags.append(made.tags())
    apart = read_image(tmp_path / "torch.tif").astype(int) - read_image(tmp_path / "onnx.tif")
    assert np.abs(apart).max() <= 1
    assert tags[1]["REFSR_MODEL_SHA256"] == restorers[1].network.metadata.digest
    assert tags[0]["REFSR_MODEL_SHA256"] != tags[1]["REFSR_MODEL_SHA256"]
    assert tags[0]["REFSR_TRUST"] == tags[1]["REFSR_TRUST"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["refsr-x4-fast", "rrsnet-small-x4"])
def test_bundled_weights_give_the_image_of_torch(name, tmp_path, pair):
    file = tmp_path / "m.onnx"
    assert main(["export", "--onnx", name, "-o", str(file)]) == 0
    for ref in (pair[1], None):
        if ref is None and name == "rrsnet-small-x4":
            continue
        torch_made, made = (refsr.load(one, device="cpu").restore(pair[0], ref) for one in (name, file))
        assert np.abs(torch_made.astype(int) - made).max() <= 1
        assert (torch_made != made).mean() < 1e-3
