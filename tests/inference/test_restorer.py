"""A model file restores whatever kind of image it is given, as the data sets would feed it, or says what is wrong."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch

import refsr
from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.core.options.datasets import DatasetOptions
from refsr.data.build import build_dataset
from refsr.data.images import write_image
from refsr.evaluation.images import one_batch, to_hwc
from refsr.inference import loaded_model as module
from refsr.inference import tile_layout as layout
from refsr.inference.restorer import Restorer, load
from refsr.metrics.quantise import to_uint8
from refsr.ops.resize import imresize
from refsr.runs.checkpoint import Checkpoint, write_checkpoint
from refsr.runs.model_file import read_model
from refsr.runs.run_folder import Best
from refsr.tasks.restore import single_pass


@pytest.fixture(scope="module")
def restorer(model) -> Restorer:
    return refsr.load(model, device="cpu")


def test_it_feeds_the_network_as_the_data_sets_do(restorer, scene, tmp_path):
    lr, ref = scene
    for folder, image in {"LR": lr, "Ref": ref, "HR": ref}.items():
        write_image(tmp_path / folder / "a.png", image)
    options = DatasetOptions(
        mode="reference",
        dataroot_GT=tmp_path / "HR",
        dataroot_LQ=tmp_path / "LR",
        dataroot_Ref=tmp_path / "Ref",
        lr_up="from_lr",
        ref_down="from_ref",
    )
    batch = one_batch(build_dataset(options, 2, 0)[0], torch.device("cpu"))
    with torch.no_grad():
        expected = to_uint8(to_hwc(single_pass(restorer.network, batch)[0]))
    np.testing.assert_array_equal(restorer.restore(lr=lr, ref=ref), expected)
    np.testing.assert_array_equal(
        restorer.restore(tmp_path / "LR" / "a.png", str(tmp_path / "Ref" / "a.png")), expected
    )


def test_made_members_are_the_same_tile_by_tile(restorer, scene):
    """They are derived under each tile's window, so the seams would show any pixel that is missing around it."""
    lr, ref = (np.tile(image, (3, 2, 1)).astype(np.float32) / 255 for image in scene)
    restore = functools.partial(restorer.restore, lr, ref, register="none")
    whole = restore(tile=1000)
    assert whole.shape == (72, 36, 3)
    assert np.abs(restore(tile=7) - whole).max() < 1e-6
    given = restore(lr_up=np.clip(imresize(lr, 2), 0, 1))
    assert np.abs(given - whole).max() < 1e-6
    for other in ({"lr_up": ref}, {"ref_down": ref}):
        assert np.abs(restore(**other) - whole).max() > 0.01, "made members do not count"


def answering(monkeypatch, restore):
    """Puts another restore function in the place of the task's."""
    monkeypatch.setattr(module, "restore_function", lambda model, sampling=None: restore)


def test_large_images_are_tiled_without_being_asked(restorer, scene, monkeypatch):
    lr, ref = (np.tile(image, (4, 2, 1)) for image in scene)
    expected = restorer.restore(lr, ref)
    monkeypatch.setattr(layout, "AUTOMATIC_SIDE", 40)
    monkeypatch.setattr(module, "affordable_side", lambda *about: 40)
    seen = []
    restore = module.restore_function(restorer.card.model)
    answering(monkeypatch, lambda n, b: seen.append(b["ref"].shape[-2:].numel()) or restore(n, b))
    found = restorer.restore(lr, ref)
    assert len(seen) > 4
    assert max(seen) <= 1.1 * 40**2
    # Less than the halo is seen here, so it is near only.
    assert 0 < np.abs(found.astype(int) - expected).mean() < 1


def test_every_kind_of_values_comes_back_as_it_came(restorer, scene):
    lr, ref = scene
    expected = restorer.restore(lr, ref)
    assert (expected.dtype, expected.shape) == (np.uint8, (24, 18, 3))
    floats = restorer.restore(*((image / np.float32(255)) for image in scene))
    assert floats.dtype == np.float32
    assert np.abs(floats * 255 - expected).max() < 0.501
    twelve = [np.rint(image / 255 * 4000).astype(np.uint16) + 50 for image in scene]
    found = restorer.restore(*twelve, range=(50, 4050))
    assert found.dtype == np.uint16
    assert 50 <= found.min() <= found.max() <= 4050
    assert np.abs((found.astype(float) - 50) / 4000 * 255 - expected).max() < 0.7
    mixed = restorer.restore(twelve[0], ref, range=(50, 4050))
    assert np.abs(mixed.astype(int) - found).max() < 20


def test_one_band_may_lack_its_axis(grey_model, scene):
    restorer = load(grey_model, "cpu")
    lr, ref = (image[:, :, 0] for image in scene)
    flat, deep = restorer.restore(lr, ref), restorer.restore(lr[:, :, None], ref)
    assert (flat.shape, deep.shape) == ((24, 18), (24, 18, 1))
    np.testing.assert_array_equal(flat, deep[:, :, 0])


def test_bands_are_chosen_by_number(restorer, scene):
    lr, ref = scene
    expected = restorer.restore(lr, ref)
    five = np.concatenate((lr[:, :, ::-1], lr[:, :, :2]), axis=2)
    np.testing.assert_array_equal(restorer.restore(five, ref, bands=(3, 2, 1)), expected)
    other = np.concatenate((ref, ref[:, :, :1]), axis=2)
    np.testing.assert_array_equal(restorer.restore(lr, other, bands_ref=(1, 2, 3)), expected)
    four = np.concatenate((lr, lr[:, :, :1]), axis=2)
    np.testing.assert_array_equal(restorer.restore(four, other, bands=(1, 2, 3)), expected)


def test_it_shows_what_it_is(restorer):
    assert (restorer.scale, restorer.channels, restorer.inputs) == (2, 3, ("lr", "lr_up", "ref", "ref_down"))
    assert restorer.card.origin == {"weights": "random"}
    assert "RRSNet" in repr(restorer)
    assert "ref_down" in repr(restorer)
    assert not restorer.network.training


def test_no_target_is_ever_asked_for():
    assert not {"hr", "target", "gt"} & set(inspect.signature(Restorer.restore).parameters)


def test_importing_the_package_stays_light():
    code = "import sys, refsr; refsr.load; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


SMALL = np.zeros((4, 5, 3), np.uint8)
LARGE = np.zeros((8, 10, 3), np.uint8)


@pytest.mark.parametrize(
    ("given", "kind", "answer"),
    [
        ({"lr": SMALL}, UsageError, r"a reference \(ref\) is missing: RRSNet takes lr, lr_up, ref, ref_down"),
        ({"lr": SMALL, "ref": SMALL}, DataError, "ref: is 4x5; beside lr of 4x5, scale 2 needs 8x10"),
        ({"lr": SMALL, "ref": LARGE, "lr_up": SMALL}, DataError, "lr_up: is 4x5; beside lr of 4x5, scale 2 needs 8x10"),
        ({"lr": SMALL, "ref": LARGE, "mask": LARGE[:, :, 0]}, UsageError, "mask: RRSNet takes lr, .*, and no mask"),
        ({"lr": SMALL[:, :, :1], "ref": LARGE}, DataError, "lr: has 1 band, the network takes 3; bands 1 1 1 would"),
        (
            {"lr": SMALL, "ref": np.zeros((8, 10, 4), np.uint8)},
            DataError,
            "ref: has 4 bands, the network takes 3; bands_ref 1 2 3 would choose the first 3",
        ),
        ({"lr": SMALL, "ref": LARGE, "bands": (1, 2, 4)}, DataError, r"lr: bands \[4\] are asked for, .* has 1 to 3"),
        ({"lr": SMALL.astype(np.float64), "ref": LARGE}, DataError, "lr: values are float64, supported are uint8"),
        ({"lr": SMALL[0, 0], "ref": LARGE}, DataError, r"lr: shape \(3,\) is not \(height, width, bands\)"),
        ({"lr": [SMALL], "ref": LARGE}, UsageError, "lr is a list; expected a NumPy array"),
        (
            {"lr": torch.zeros(3, 4, 5), "ref": LARGE},
            UsageError,
            "lr is a Tensor and ref is a ndarray; expected",
        ),
        ({"lr": SMALL.astype(np.uint16), "ref": LARGE}, DataError, "lr: 16 bits need .*; give range 0 65535, or"),
        ({"lr": SMALL, "ref": LARGE.astype(np.uint16)}, DataError, "ref: 16 bits need .*; give range_ref 0 65535"),
        ({"lr": SMALL, "ref": LARGE, "range": (9, 9)}, DataError, r"lr: range \[9, 9\] must rise"),
        ({"lr": np.full((4, 5, 3), np.nan, np.float32), "ref": LARGE}, DataError, "lr: has pixels that are not finite"),
        ({"lr": "nowhere.png", "ref": LARGE}, DataError, "nowhere.png: no such file"),
        ({"lr": SMALL, "ref": LARGE, "tile": 0}, UsageError, "tiles of 0 with an overlap of 0"),
    ],
)
def test_what_does_not_fit_is_named(restorer, given, kind, answer):
    with pytest.raises(kind, match=answer):
        restorer.restore(**given)


def test_a_full_memory_is_said_with_what_needs_less(restorer, monkeypatch):
    def full(network, batch):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")

    answering(monkeypatch, full)
    with pytest.raises(RefsrError, match="tiles of 5 pixels do not fit the memory of cpu; tile 2 needs less"):
        restorer.restore(SMALL, LARGE)
    answering(monkeypatch, lambda network, batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        restorer.restore(SMALL, LARGE)


def test_a_run_folder_stands_for_its_best_checkpoint(model, tmp_path):
    network, card = read_model(model)
    run = tmp_path / "run"
    for step in (1, 2, 3):
        weights = {key: torch.full_like(value, step) for key, value in network.state_dict().items()}
        averaged = {key: value + 10 for key, value in weights.items()}
        both = {"G": weights, "G_ema": averaged} if step == 2 else {"G": weights}
        write_checkpoint(run / "checkpoints", Checkpoint(step, both, dict.fromkeys(both, card), {}), "")

    def value(path):
        return load(path, "cpu").network.state_dict()["content.head.bias"][0].item()

    assert value(run) == 3
    Best("psnr", 2, 30.0).write(run / "checkpoints")
    assert value(run) == 12
    assert value(run / "checkpoints" / "1") == 1
    assert value(run / "checkpoints" / "2" / "G.safetensors") == 2


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("nowhere.safetensors", "no such file"),
        ("a.pth", r"a\.pth: is no model file of refsr; refsr import .*a\.pth makes one of published weights"),
        ("damaged.safetensors", "is damaged|is no safetensors file"),
        ("other.safetensors", "is no model file of refsr"),
        ("text.safetensors", "is no safetensors file"),
        ("empty", "is no folder of a run with a checkpoint"),
    ],
)
def test_what_is_no_model_file_is_named(model, tmp_path, name, answer):
    from safetensors.torch import save_file

    content = bytearray(model.read_bytes())
    content[-9] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(content)
    torch.save({}, tmp_path / "a.pth")
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=answer) as caught:
        load(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("device", "answer"), [("tpu", "device 'tpu' is not known"), ("cuda:99", "this machine has")])
def test_devices_that_are_not_there_are_named(model, device, answer):
    with pytest.raises(UsageError, match=answer):
        load(model, device)
