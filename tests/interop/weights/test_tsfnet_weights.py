"""Published TSFNet files: in, out again, and what is asked of whoever brings them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from harness.case import Case

from refsr.cli.main import main
from refsr.core.errors import DataError
from refsr.interop.weights.families import family_of
from refsr.interop.weights.publishing import publish
from refsr.interop.weights.reading import Published
from refsr.interop.weights.tsfnet import import_tsfnet, tsfnet_form
from refsr.networks.tsfnet.network import TSFNet
from refsr.runs.model_file import read_model

PARITY = Path(__file__).resolve().parents[2] / "parity"


def case(name: str) -> Case:
    return Case.load(PARITY / f"tsfnet-{name}")


@pytest.fixture(scope="module")
def state():
    return {key: torch.from_numpy(array) for key, array in case("net-x8-small").state().items()}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("net-x4-published", {"scale": 4}),
        ("net-x8-small", {"scale": 8, "nf": 24}),
        ("train-step", {"scale": 4, "nf": 16, "n_blocks": 1}),
    ],
)
def test_the_layout_is_the_published_one_in_keys_shapes_and_order(name, options):
    published = [(key, tuple(shape)) for key, shape in case(name).meta["state"]]
    defaults = {"channels": 3, "nf": 64, "n_blocks": 2, "heads": 8, "fft_norm": "released"}
    assert list(tsfnet_form({**defaults, **options}).layout.items()) == published


def test_every_published_key_is_used_and_comes_back_to_the_bit(state):
    family = family_of(Published("model_best.pt", "", state))
    options, done = family.import_from(state, {"scale": 16})
    assert (family.network, family.model, done.problems, done.dropped) == ("TSFNet", "TSFNet_model", [], {})
    assert options == {"scale": 16, "channels": 3, "nf": 24, "n_blocks": 2, "heads": 8, "fft_norm": "released"}
    network, _ = import_tsfnet(state, 16)
    again = publish(network.state_dict(), tsfnet_form(options))
    assert list(again.tensors) == list(state)
    assert all(torch.equal(tensor, state[key]) for key, tensor in again.tensors.items())


def test_what_does_not_fit_is_listed(state):
    perturbed = {key: one for key, one in state.items() if key != "up12.2.weight"}
    perturbed["down1_fre3.body.1.bias"] = torch.zeros(12)
    perturbed["neck_spa2.0.re_scale.scale"] = torch.zeros(2)
    assert sorted(import_tsfnet(perturbed, 8)[1].problems) == [
        "down1_fre3.body.1.bias: is not known",
        "neck_spa2.0.re_scale.scale: has shape (2,), expected (1,)",
        "up12.2.weight: is missing",
    ]
    with pytest.raises(DataError, match=r"no TSFNet weights: 'head\.0\.layers\.weight' is missing"):
        import_tsfnet({"conv_fuse.0.spa.bias": torch.zeros(8)}, 8)


def test_a_file_comes_in_with_its_factor_and_goes_out_again(state, tmp_path, capsys):
    file, ours = tmp_path / "model_best.pt", tmp_path / "tsfnet.safetensors"
    torch.save(state, file)
    assert main(["import", str(file), "-o", str(ours)]) == 2
    assert re.search(r"alike at every scale; say which .*--scale 8", capsys.readouterr().err)
    assert main(["import", str(file), "-o", str(ours), "--scale", "0"]) == 2
    assert "scale is 0, expected 1 or more" in capsys.readouterr().err
    assert not ours.exists()
    assert main(["import", str(file), "-o", str(ours), "--scale", "8"]) == 0
    assert "TSFNet (scale 8, channels 3, nf 24, n_blocks 2, heads 8, fft_norm released), 926 tensors" in (
        capsys.readouterr().out
    )
    network, card = read_model(ours)
    assert isinstance(network, TSFNet)
    assert card.model == "TSFNet_model"
    # Narrower than the published code knows.
    assert main(["export", "--published", str(ours), "-o", str(tmp_path / "out.pth")]) == 1
    assert "TSFNet with nf 24" in capsys.readouterr().err
