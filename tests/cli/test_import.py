"""`refsr import` as its user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from harness.case import Case

from refsr.cli.main import main
from refsr.interop.weights.conversion import as_ordinary
from refsr.interop.weights.discriminator import discriminator_keys
from refsr.interop.weights.rgtnet import rgtnet_keys
from refsr.interop.weights.rrsnet import rrsnet_keys
from refsr.networks.rgtnet import RGTNet
from refsr.networks.rrsnet import RRSNet
from refsr.runs.model_file import read_model

PARITY = Path(__file__).resolve().parents[1] / "parity"


@pytest.fixture
def source(tmp_path):
    weights = RRSNet(nf=8, n_blocks=1, deformable_groups=2).state_dict()
    published = {f"module.{theirs}": weights[ours] for ours, theirs in rrsnet_keys(1).items()}
    published["module.content_extractor.tail.8.bias"] = torch.zeros(3)
    torch.save(published, tmp_path / "G.pth")
    return tmp_path / "G.pth"


def test_weights_are_brought_in_and_dropped_keys_named(source, capsys):
    assert main(["import", str(source), "--list"]) == 0
    shown = capsys.readouterr().out
    assert "RRSNet (scale 4, channels 3, nf 8, nf_grad 2, n_blocks 1, deformable_groups 2)" in shown
    assert "dropped 1: the content extractor's tail" in shown
    assert "  content_extractor.tail.8.bias\n" in shown
    network, card = read_model(source.with_suffix(".safetensors"))
    assert isinstance(network, RRSNet)
    assert card.model == "RRSNet_model"
    assert card.origin["imported_from"] == "G.pth"


def test_the_network_is_recognised_and_its_variant_chosen(tmp_path, capsys):
    made = RGTNet(nf=6, n_blocks=0, nf_grad=2, deformable_groups=2, gtem_blocks=0, offsets="dense")
    weights, keys = made.state_dict(), rgtnet_keys(0, 0, "dense")
    source = tmp_path / "G.pth"
    published = {theirs: weights[ours] for ours, theirs in keys.items()}
    torch.save(
        {key: as_ordinary(one) if "dconv" in key and one.dim() == 4 else one for key, one in published.items()}, source
    )
    words = ["--offsets", "dense", "--gtem-upsample", "pixel_shuffle"]
    assert main(["import", str(source), *words]) == 0
    assert "RGTNet (scale 4, channels 3, nf 6," in capsys.readouterr().out
    network, card = read_model(source.with_suffix(".safetensors"))
    assert isinstance(network, RGTNet)
    assert card.spec.keywords["gtem_upsample"] == "pixel_shuffle"
    assert torch.equal(network.enhance.conv_last.weight, made.enhance.conv_last.weight)
    # The released variant needs keys that are missing here.
    assert main(["import", str(source), "--overwrite"]) == 1
    assert "gpcd_align.L1_offset_conv1.weight: is missing" in capsys.readouterr().err


FILES = {
    "250000_G.pth": ("rrsgan-rrsnet-small", "RRSNet", rrsnet_keys(2)),
    "250000_D.pth": ("rgtgan-discriminator", "discriminator_vgg_128", discriminator_keys()),
    "300000_G.pth": ("rgtgan-rgtnet-small", "RGTNet", rgtnet_keys(2)),
    "300000_D_grad.pth": ("rgtgan-discriminator", "discriminator_vgg_128", discriminator_keys()),
}
"""What the published runs leave, by shapes and keys: generators, and judges of images and of gradients."""


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("name", FILES)
def test_every_published_file_comes_in_and_every_key_is_accounted_for(name, prefix, tmp_path, capsys):
    case, network, keys = FILES[name]
    state = {key: torch.from_numpy(array) for key, array in Case.load(PARITY / case).state().items()}
    torch.save({f"{prefix}{key}": tensor for key, tensor in state.items()}, tmp_path / name)
    assert main(["import", str(tmp_path / name), "--list"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert f": {network} (" in first
    assert first.endswith(f", {len(keys)} tensors")
    listed = [line.strip() for line in lines if line.startswith("  ")]
    assert sorted(listed) == sorted(set(state) - set(keys.values()))
    counts = [int(line.split()[1].rstrip(":")) for line in lines if line.startswith("dropped")]
    assert sum(counts) == len(listed)
    found = read_model((tmp_path / name).with_suffix(".safetensors"))[0].state_dict()
    for ours, theirs in keys.items():
        wanted = state[theirs]
        if "dconv_" in theirs and wanted.dim() == 4:
            wanted = wanted.transpose(0, 1).flip(2, 3)
        assert torch.equal(found[ours], wanted), theirs


def test_an_older_result_is_kept(source, capsys):
    target = source.with_suffix(".safetensors")
    target.write_text("older")
    assert main(["import", str(source)]) == 2
    assert "already exists (--overwrite replaces it)" in capsys.readouterr().err
    assert target.read_text() == "older"
    assert main(["import", str(source), "--overwrite"]) == 0
    assert target.read_bytes() != b"older"


@pytest.mark.parametrize(
    ("words", "code", "answer"),
    [
        (["nowhere.pth"], 1, "nowhere.pth: no such file"),
        (["nowhere.pth", "-o", "w.pth"], 2, "expected a name that ends in .safetensors"),
    ],
)
def test_mistakes_are_one_line(words, code, answer, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["import", *words]) == code
    error = capsys.readouterr().err
    assert answer in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_a_file_of_another_kind_is_named_so(content, capsys, tmp_path):
    """The loader's own words for a text were once all of the message: 101."""
    source = tmp_path / "notes.pth"
    source.write_bytes(content)
    assert main(["import", str(source)]) == 1
    assert capsys.readouterr().err == f"refsr: {source}: is no .pth file\n"
