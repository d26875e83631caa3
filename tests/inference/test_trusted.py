"""Results held to LR, references weakened and guarded, evidence beside: for every kind of network, tiled and whole."""

from __future__ import annotations

import ground
import numpy as np
import pytest
import torch
from made_networks import Copying, OwnPasses
from torch import nn

import refsr
from refsr.cli.main import main
from refsr.core.errors import UsageError
from refsr.data.images import write_image
from refsr.inference import raster_blocks
from refsr.inference.error_model import FEATURES, KNOTS, ErrorModel
from refsr.inference.evidence import ABOUT
from refsr.inference.inputs import RestoreOptions
from refsr.inference.passes import both_passes
from refsr.inference.restorer import Restorer
from refsr.inference.tiling import restore_tiled
from refsr.inference.trust_options import NO_TRUST, Trust, decide
from refsr.inference.trusted import result, trust_reach, trusted
from refsr.networks.descriptor import NetworkSpec, descriptor_of, farther
from refsr.ops.resize import imresize, imresize_tensor
from refsr.runs.model_file import ModelCard, read_model, write_model
from refsr.tasks.restore import single_pass

rasterio = pytest.importorskip("rasterio")
SCALE = 4


@pytest.fixture(scope="module")
def place():
    """LR (40, 48, 3), HR and another place's HR, in uint8."""
    one, other = (refsr.worlds.make(index, size=192, scale=SCALE, seed=5) for index in (0, 1))
    return {"lr": one.lr[:40], "hr": one.hr[:160], "other": other.hr[:160]}


def batch_of(place, ref="hr", weight=1.0):
    def tensor(image):
        return torch.from_numpy(image.astype(np.float32).transpose(2, 0, 1).copy() / 255)[None]

    lr, reference = tensor(place["lr"]), tensor(place[ref])
    up = imresize_tensor(lr, SCALE).clamp(0, 1)
    return {"lr": lr, "lr_up": up, "ref": reference, "ref_weight": torch.full_like(reference[:, :1], weight)}


ERRORS = {
    "means": [-3.0] * len(FEATURES),
    "stds": [1.0] * len(FEATURES),
    "slopes": [[0.1] + [0.0] * len(KNOTS)] * len(FEATURES),
    "bias": -4.0,
    "predicted": [-6.0, -2.0],
    "half_widths": [-5.0, -1.0],
}


def restorer_of(network, **trust):
    return Restorer(network, ModelCard(NetworkSpec("none"), "regression", trust=trust), torch.device("cpu"))


@pytest.mark.parametrize("response", ["bicubic", "box", "mtf:0.3"])
def test_hard_results_reduce_to_lr(place, response):
    """Another place's image does not; softly it comes nearer. Values beyond [0, 1] are cut off, which leaves a bit."""
    batch = batch_of(place, "other")

    def apart(trust):
        image = result(single_pass, Copying(), batch, trust)
        return (imresize_tensor(image, size=batch["lr"].shape[-2:], kernel=response) - batch["lr"]).abs().mean()

    hard, soft, free = (apart(Trust(kind, response, 1.0, guard=False)) for kind in ("hard", "soft", "off"))
    assert hard < 0.1 * free
    assert 2 * hard < soft < 0.8 * free


@pytest.mark.parametrize("network", [Copying(), OwnPasses()])
@pytest.mark.parametrize("consistent", ["off", "soft", "hard"])
def test_tiles_give_what_the_whole_image_gives(place, network, consistent):
    """Evidence too: its features see no farther than the halo has room for."""
    errors = ErrorModel.of(ERRORS)
    trust = Trust(consistent, "bicubic", 10.0, 0.7, True, evidence=True, errors=errors)
    batch = batch_of(place, "other")
    batch["ref_weight"][..., :90] = 0
    restore = trusted(single_pass, trust)
    with torch.no_grad():
        whole = restore(network, batch)
        beyond = trust_reach(descriptor_of(network), trust)
        tiled = restore_tiled(restore, network, batch, 16, beyond=beyond)
    assert whole.shape == (1, 3 + len(ABOUT), 160, 192)
    assert float((whole[:, :6] - tiled[:, :6]).abs().max()) < 1e-3
    assert float((whole[:, 6] / tiled[:, 6] - 1).abs().max()) < 1e-2
    # With the network's own halo alone it would differ.
    if consistent == "hard":
        near = restore_tiled(restore, network, batch, 16, overlap=1)
        assert float((whole[:, :3] - near[:, :3]).abs().max()) > 1e-3


def test_a_weight_of_zero_needs_one_pass_and_borrows_nothing(place):
    network = Copying()
    batch = batch_of(place, "other", weight=0.0)
    image, alone = both_passes(single_pass, network, batch)
    assert image is alone
    assert network.calls == 1
    made = result(single_pass, network, batch, Trust(evidence=True))
    assert not made[:, 3].any()
    assert not made[:, 4].any()


@pytest.mark.parametrize("network", [Copying(), OwnPasses()])
def test_strength_goes_from_none_to_all(place, network):
    """Nearer to the network's own result with each step, from what it makes without a reference."""
    batch = batch_of(place)
    with torch.no_grad():
        full = single_pass(network, batch)
        alone = both_passes(single_pass, network, batch).alone
        steps = [result(single_pass, network, batch, Trust(strength=part, guard=False)) for part in (0, 0.3, 0.7, 1)]
    assert torch.equal(steps[0], alone)
    assert torch.equal(steps[-1], full)
    distances = [float((step - full).abs().mean()) for step in steps]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0.01
    assert distances[1] == pytest.approx(0.7 * distances[0], rel=1e-4)


def test_the_guard_takes_nothing_of_another_place_and_all_of_the_right_one(place):
    network, guarded = Copying(), Trust()
    lr = torch.from_numpy(imresize(place["hr"].astype(np.float32) / 255, f"1/{SCALE}")).permute(2, 0, 1)[None]
    right, wrong = (batch_of(place, name) | {"lr": lr} for name in ("hr", "other"))
    alone = both_passes(single_pass, network, right).alone
    assert torch.allclose(result(single_pass, network, right, guarded), right["ref"], atol=1e-6)
    kept = (result(single_pass, network, wrong, guarded) - alone).abs().mean()
    brought = (single_pass(network, wrong) - alone).abs().mean()
    assert kept < 0.1 * brought


def test_the_guard_closes_where_a_part_is_wrong_and_fades(place):
    batch = batch_of(place)
    lr = imresize(place["hr"].astype(np.float32) / 255, f"1/{SCALE}")
    batch["lr"] = torch.from_numpy(lr).permute(2, 0, 1)[None]
    batch["ref"][..., 96:] = batch["ref"][..., 96:].flip(-1, -2)
    alone = both_passes(single_pass, Copying(), batch).alone
    made = result(single_pass, Copying(), batch, Trust())
    assert torch.allclose(made[..., :60], batch["ref"][..., :60], atol=1e-6)
    kept = (made - alone)[..., 130:].abs().mean() / (batch["ref"] - alone)[..., 130:].abs().mean()
    assert kept < 0.2


@pytest.mark.parametrize("name", ["RRSNet", "GatedTransfer"])
def test_evidence_of_real_networks_is_named_and_bounded(place, name, model, tmp_path):
    file = model if name == "RRSNet" else _gated(tmp_path)
    restorer = refsr.load(file, "cpu")
    lr = place["lr"][:24, :24]
    side = restorer.scale * 24
    ref = imresize(place["hr"][:96, :96], size=(side, side))
    image, evidence = restorer.explained(lr, ref, register="none", guard=False)
    assert list(evidence) == ["borrowed", "coverage", "change"]
    assert image.shape == (side, side, 3)
    for plane in evidence.values():
        assert plane.shape == (side, side)
        assert plane.min() >= 0
        assert plane.max() <= 1
    assert (evidence["coverage"] == 1).all()
    assert evidence["borrowed"].max() > 0.02
    np.testing.assert_array_equal(image, restorer.restore(lr, ref, register="none", guard=False))


def _gated(folder):
    torch.manual_seed(0)
    keywords = {"scale": 4, "nf": 8, "n_blocks": 1, "base": {"which_model_G": "EDSR", "nf": 4, "n_blocks": 1}}
    network = NetworkSpec("GatedTransfer", keywords).build()
    for parameter in network.transfer.detail.parameters():
        nn.init.normal_(parameter, std=0.05)
    spec = NetworkSpec("GatedTransfer", keywords)
    write_model(folder / "gated.safetensors", network.state_dict(), ModelCard(spec, "regression"))
    return folder / "gated.safetensors"


def test_the_card_decides_what_nobody_asks_for(place):
    batch = {"lr": place["lr"], "ref": place["hr"]}
    by_card = restorer_of(Copying(), consistent="hard", response="box", guard_floor=0.02)
    asked = restorer_of(Copying())
    expected = asked.restore(**batch, register="none", consistent="hard", response="box")
    np.testing.assert_array_equal(by_card.restore(**batch, register="none"), expected)
    assert (expected != asked.restore(**batch, register="none")).any()
    free = by_card.restore(**batch, register="none", consistent="off")
    np.testing.assert_array_equal(free, asked.restore(**batch, register="none"))


def test_uncertainty_is_in_units_of_the_image(place):
    restorer = restorer_of(Copying(), errors=ERRORS)
    lr, ref = place["lr"], place["hr"]
    narrow = restorer.explained(lr, ref, register="none")[1]["uncertainty"]
    wide = restorer.explained(
        lr.astype(np.uint16) * 257, ref.astype(np.uint16) * 257, register="none", range=(0, 65535)
    )
    np.testing.assert_allclose(wide[1]["uncertainty"], 257 * narrow, rtol=1e-3)
    assert narrow.min() > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"ref_strength": 1.5}, "ref_strength 1.5: expected a number from 0 to 1"),
        ({"consistent": "sofd"}, "did you mean 'soft'|soft"),
        ({"response": "mtf:9"}, "mtf:0.3"),
    ],
)
def test_mistakes_are_one_line(place, words, message):
    with pytest.raises(UsageError, match=message):
        restorer_of(Copying()).restore(place["lr"], place["hr"], **words)


def test_decisions_come_from_the_card_and_the_words():
    found = decide({"consistent": "soft", "softness": 3.0}, ref_strength=0.5, guard=False)
    assert (found.consistent, found.softness, found.strength, found.guard) == ("soft", 3.0, 0.5, False)
    assert decide({}, consistent="off", guard=False).plain
    assert not decide({}).plain


def test_halos_have_room_for_what_is_done_to_results():
    descriptor = Copying().descriptor
    assert trust_reach(descriptor, NO_TRUST) == 0
    hard, soft = (trust_reach(descriptor, Trust(kind, guard=False)) for kind in ("hard", "soft"))
    assert hard >= soft > 4
    assert farther(descriptor, hard).halo == descriptor.halo + hard


@pytest.fixture
def files(place, tmp_path):
    """LR with a hole and its reference, on the ground."""
    lr = np.maximum(place["lr"], 1)
    lr[10:14, 20:26] = 0
    at = {"crs": ground.HOME}
    write_image(tmp_path / "lr.tif", lr, profile={**at, "transform": ground.north_up(8), "nodata": 0})
    write_image(tmp_path / "ref.tif", place["hr"], profile={**at, "transform": ground.north_up(2)})
    return tmp_path


def read(path):
    with rasterio.open(path) as source:
        return source.read(masked=True), source.descriptions, source.transform, source.crs


def model_with_errors(folder):
    network, card = read_model(_gated(folder))
    trusting = ModelCard(card.spec, card.model, trust={"errors": ERRORS})
    write_model(folder / "calibrated.safetensors", network.state_dict(), trusting)
    return folder / "calibrated.safetensors"


def test_a_raster_gets_its_evidence_beside_it(files, monkeypatch):
    words = ["restore", "--model", str(model_with_errors(files)), "--lr", str(files / "lr.tif")]
    words += ["--ref", str(files / "ref.tif"), "--register", "none", "--device", "cpu"]
    whole = [*words, "-o", str(files / "whole.tif"), "--evidence", str(files / "evidence.tif")]
    assert main(whole) == 0
    image, _, transform, crs = read(files / "whole.tif")
    planes, names, *where = read(files / "evidence.tif")
    assert names == tuple(ABOUT)
    assert where == [transform, crs]
    assert planes.shape == (len(ABOUT), *image.shape[1:])
    hole = image.mask[0]
    assert hole.sum() == 4 * 6 * SCALE**2
    for plane in planes:
        np.testing.assert_array_equal(plane.mask, hole)
    assert float(planes[3].min()) > 0
    # In blocks and tiles it is the same.
    monkeypatch.setattr(raster_blocks, "BLOCK", 16)
    assert main([*words, "--tile", "16", "-o", str(files / "b.tif"), "--evidence", str(files / "eb.tif")]) == 0
    tiled = read(files / "eb.tif")[0]
    for index in (0, 1, 3):
        np.testing.assert_allclose(tiled[index].filled(0), planes[index].filled(0), atol=0.02, rtol=0.02)
    # What is there is not replaced, and no folder of blocks is left.
    assert main([*words, "-o", str(files / "c.tif"), "--evidence", str(files / "eb.tif")]) == 2
    assert not [*files.glob(".*evidence*"), *files.glob(".c.tif*")]


def test_evidence_of_a_part_lies_where_the_part_does(files):
    left, top = ground.north_up(8) @ (8, 8)
    right, bottom = ground.north_up(8) @ (32, 24)
    words = ["restore", "--model", str(model_with_errors(files)), "--lr", str(files / "lr.tif"), "--device", "cpu"]
    words += ["--ref", str(files / "ref.tif"), "--register", "none", "-o", str(files / "part.tif")]
    words += ["--evidence", str(files / "e.tif"), "--bbox", *(f"{edge}" for edge in (left, bottom, right, top))]
    assert main(words) == 0
    image, _, *place = read(files / "part.tif")
    planes, names, *where = read(files / "e.tif")
    assert planes.shape[1:] == image.shape[1:] == (16 * SCALE, 24 * SCALE)
    assert where == place
    assert names == tuple(ABOUT)
    np.testing.assert_array_equal(planes[0].mask, image.mask[0])


def test_an_interrupted_raster_goes_on_with_its_evidence(files, monkeypatch):
    monkeypatch.setattr(raster_blocks, "BLOCK", 16)
    restorer = refsr.load(model_with_errors(files), "cpu")
    from refsr.inference.rasters import restore_raster

    options = RestoreOptions(tile=16, register="none")
    names = ("at_once", "resumed")
    once, resumed = (files / f"{name}.tif" for name in names)
    beside = {name: files / f"{name}_evidence.tif" for name in names}

    def made(output, name):
        return restore_raster(restorer, files / "lr.tif", [files / "ref.tif"], output, options, evidence=beside[name])

    made(once, "at_once")
    forward, calls = type(restorer.network).forward, []

    def stopped(self, *inputs, **more):
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return forward(self, *inputs, **more)

    monkeypatch.setattr(type(restorer.network), "forward", stopped)
    with pytest.raises(KeyboardInterrupt):
        made(resumed, "resumed")
    monkeypatch.setattr(type(restorer.network), "forward", forward)
    report = made(resumed, "resumed")
    assert 0 < report.restored < report.blocks
    assert resumed.read_bytes() == once.read_bytes()
    assert beside["resumed"].read_bytes() == beside["at_once"].read_bytes()


def test_images_in_memory_get_their_evidence_as_a_tiff(place, files):
    for name, image in (("lr", place["lr"]), ("ref", place["hr"])):
        write_image(files / f"{name}.png", image)
    words = ["restore", "--model", str(model_with_errors(files)), "--lr", str(files / "lr.png"), "--device", "cpu"]
    words += ["--ref", str(files / "ref.png"), "--register", "none", "-o", str(files / "out.png")]
    assert main([*words, "--evidence", str(files / "e.png")]) == 2
    assert not (files / "out.png").exists()
    assert main([*words, "--evidence", str(files / "e.tif")]) == 0
    planes, names, *_ = read(files / "e.tif")
    assert names == tuple(ABOUT)
    assert planes.shape[1:] == (160, 192)
