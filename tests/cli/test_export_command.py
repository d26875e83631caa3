"""`refsr export --published` as its user meets it: out of a run, and back in by `refsr import`."""

from __future__ import annotations

import pytest
import torch

from refsr.cli.main import main
from refsr.interop.weights.layout import discriminator_layout, rrsnet_layout
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.checkpoint import Checkpoint, write_checkpoint
from refsr.runs.model_file import ModelCard, read_model, write_model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the GAN task at published width, as short as it can be."""
    folder = tmp_path_factory.mktemp("run")
    generator = NetworkSpec("RRSNet", {"scale": 4, "n_blocks": 0})
    specs = {"G": generator, "G_ema": generator, "D_grad": NetworkSpec("discriminator_vgg_128", {})}
    cards = {
        key: ModelCard(spec, "RRSGAN_model", {"run": "short", "step": 7, "averaged": key == "G_ema"})
        for key, spec in specs.items()
    }
    weights = {key: spec.build().state_dict() for key, spec in specs.items()}
    write_checkpoint(folder / "checkpoints", Checkpoint(7, weights, cards, {}), "name: short\n")
    return folder


@pytest.mark.parametrize(
    ("place", "words", "which", "layout"),
    [
        ("", [], "G_ema", rrsnet_layout(0)),
        ("", ["--raw"], "G", rrsnet_layout(0)),
        ("checkpoints/7", ["--old-torch"], "G_ema", rrsnet_layout(0)),
        ("checkpoints/7", ["--raw"], "G", rrsnet_layout(0)),
        ("checkpoints/7/G.safetensors", [], "G", rrsnet_layout(0)),
        ("", ["--network", "D_grad"], "D_grad", discriminator_layout(3)),
    ],
)
def test_weights_of_a_run_go_out_and_come_in_again(run, tmp_path, capsys, place, words, which, layout):
    target = tmp_path / "7_G.pth"
    assert main(["export", "--published", str(run / place), "-o", str(target), *words]) == 0
    shown = capsys.readouterr().out
    kept = run / "checkpoints" / "7" / f"{which}.safetensors"
    averaged = ", averaged" if which == "G_ema" else ""
    assert f"from {kept} (step 7{averaged}), {len(layout)} tensors" in shown
    content = torch.load(target, weights_only=True)
    assert [(key, tuple(tensor.shape)) for key, tensor in content.items()] == list(layout.items())
    assert main(["import", str(target)]) == 0
    again, network = read_model(target.with_suffix(".safetensors"))[0], read_model(kept)[0]
    assert all(map(torch.equal, again.state_dict().values(), network.state_dict().values()))


def test_what_was_filled_in_is_listed(run, tmp_path, capsys):
    words = ["export", str(run), "--published", "-o", str(tmp_path / "G.pth"), "--list"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert (
        "filled 8 with zeros: the content extractor's tail, whose image is not used\n  content_extractor.tail" in shown
    )
    assert "filled 2 with the fixed kernels of the gradient operator\n  get_g_nopadding.weight_h\n" in shown
    before = (tmp_path / "G.pth").read_bytes()
    assert main(words) == 2
    assert "already exists (--overwrite replaces it)" in capsys.readouterr().err
    assert main([*words, "--raw", "--overwrite"]) == 0
    assert (tmp_path / "G.pth").read_bytes() != before


def test_the_dense_reading_goes_out_with_a_note(tmp_path, capsys):
    spec = NetworkSpec("RGTNet", {"n_blocks": 0, "offsets": "dense"})
    network = spec.build()
    write_model(tmp_path / "G.safetensors", network.state_dict(), ModelCard(spec, "RGTNet_model"))
    assert main(["export", "--published", str(tmp_path / "G.safetensors"), "-o", str(tmp_path / "G.pth")]) == 0
    shown = capsys.readouterr().out
    assert "filled 20 with zeros: offset convolutions of each level" in shown
    assert "note: the released code does not use the dense branch, so its images differ" in shown
    words = ["import", str(tmp_path / "G.pth"), "--offsets", "dense", "-o", str(tmp_path / "again.safetensors")]
    assert main(words) == 0
    again, _ = read_model(tmp_path / "again.safetensors")
    assert all(map(torch.equal, again.state_dict().values(), network.state_dict().values()))


@pytest.mark.parametrize(
    ("words", "code", "answer"),
    [
        (["none.safetensors", "-o", "w.pth"], 1, "none.safetensors: no such file"),
        ([".", "-o", "w.pth"], 1, ".: is no folder of a run with a checkpoint; expected one, or a .safetensors file"),
        (["narrow.safetensors", "-o", "w.safetensors"], 2, "w.safetensors: expected a name that ends in .pth"),
        (["narrow.safetensors", "-o", "w.pth"], 1, "RRSNet with nf 8: the published code cannot load it"),
        (["narrow.safetensors", "-o", "w.pth", "--raw"], 2, "--network and --raw choose in a folder"),
        (["older.pth", "-o", "w.pth"], 1, "older.pth: is no model file of refsr; refsr import older.pth makes one"),
        (["narrow.safetensors"], 2, "required: -o/--output"),
        (["{run}", "-o", "w.pth", "--network", "D"], 1, "checkpoints/7: holds no weights of D"),
    ],
)
def test_mistakes_are_one_line(words, code, answer, run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = NetworkSpec("RRSNet", {"nf": 8, "n_blocks": 0, "deformable_groups": 2})
    write_model("narrow.safetensors", spec.build().state_dict(), ModelCard(spec, "RRSNet_model"))
    (tmp_path / "older.pth").write_bytes(b"old")
    assert main(["export", "--published", *(word.format(run=run) for word in words)]) == code
    error = capsys.readouterr().err
    assert answer in error
    assert error.count("\n") == 1
    assert not (tmp_path / "w.pth").exists()


def test_the_form_must_be_named(tmp_path, capsys):
    assert main(["export", str(tmp_path), "-o", "w.pth"]) == 2
    assert "--published" in capsys.readouterr().err
