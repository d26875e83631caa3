"""SpecGAN's and StyleGAN2's published files: options off their shapes, whole checkpoints, what is dropped and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from refsr.cli.main import main
from refsr.core.errors import DataError
from refsr.interop.weights.specgan import import_specgan, specgan_keys
from refsr.interop.weights.stylegan2 import (
    discriminator_keys,
    import_discriminator_network,
    import_stylegan2,
    mapping_keys,
    synthesis_keys,
)
from refsr.networks.specgan.network import SpecGAN
from refsr.networks.stylegan2 import StyleGAN2
from refsr.networks.stylegan2_discriminator import StyleGAN2Discriminator
from refsr.runs.model_file import read_model

SIZES: dict[str, Any] = {"style_channels": 5, "latent_channels": 8, "channel_multiplier": 2}
HEAD: dict[str, Any] = {"nf": 4, "n_blocks": 2, "n_layers": 3, "growth": 2, "attention": 3}
KERNEL = torch.tensor([1.0, 3, 3, 1]).outer(torch.tensor([1.0, 3, 3, 1])) / 64


def as_published(key: str, tensor: Tensor) -> Tensor:
    """With the axes that published code keeps for broadcasting."""
    if key.endswith("weight_orig") and ("to_rgb" in key or ".conv.weight_orig" in key) and "convs.0.0" not in key:
        return tensor[None] if "modulation" not in key and tensor.dim() == 4 else tensor
    return tensor.reshape(1, -1, 1, 1) if "to_rgb" in key and key.endswith("bias") and "modul" not in key else tensor


def generator(network: SpecGAN | StyleGAN2, keys: dict[str, str]) -> dict[str, Tensor]:
    state = network.state_dict()
    return {theirs: as_published(theirs, state[ours]) for ours, theirs in keys.items()}


@pytest.fixture(scope="module")
def checkpoint() -> tuple[dict[str, Tensor], SpecGAN, StyleGAN2Discriminator]:
    """A whole training checkpoint of SpecGAN for 8 x 8 to 64 x 64."""
    torch.manual_seed(0)
    options = {"scale": 8, "hsi_bands": 6, "side": 8, **SIZES, **HEAD, "input_range": "released"}
    network, discriminator = SpecGAN(**options), StyleGAN2Discriminator(64, latent_channels=8)
    state = {f"generator.{key}": one for key, one in generator(network, specgan_keys(options)).items()}
    for letter in "XY":
        state[f"generator.encoder_head.similar{letter}.key_conv.bias"] = torch.randn(3)
    for at in range(4):
        state[f"generator.generator.to_rgbs.{at}.upsample.kernel"] = 4 * KERNEL
        state[f"generator.generator.convs.{2 * at}.conv.blur.kernel"] = 4 * KERNEL
    for at in (1, 2):
        state[f"generator.generator.style_mapping.{at}.linear.weight_orig"] = torch.randn(5, 5)
        state[f"generator.generator.style_mapping.{at}.bias"] = torch.randn(5)
    own = discriminator.state_dict()
    state |= {
        f"discriminator.{theirs}": own[ours] for ours, theirs in discriminator_keys(len(discriminator.blocks)).items()
    }
    state["discriminator.convs.1.conv2.0.kernel"] = KERNEL
    state["perceptual_loss.vgg.mean"] = torch.zeros(1, 3, 1, 1)
    return state, network, discriminator


def test_a_checkpoint_comes_in_whole_and_what_is_dropped_has_its_reason(checkpoint):
    state, network, _ = checkpoint
    found, done = import_specgan(state)
    assert done.problems == []
    given = torch.rand(1, 3, 8, 8), torch.rand(1, 6, 8, 8)
    with torch.no_grad():
        assert torch.equal(found(*given), network(*given))
    assert found.input_range == (-0.25, 0.25)
    counts = {reason: len(keys) for reason, keys in done.dropped.items()}
    assert counts.pop("the bank's mapping network, which SpecGAN does not use") == 4
    assert counts.pop("filters that the released upsampling does not use") == 4
    assert counts.pop("biases of keys, which cancel in the softmax") == 2
    assert sum(counts.values()) + 10 + len(done.weights) == len(state)


def test_its_discriminator_and_its_bank_come_out_of_the_same_file(checkpoint):
    state, network, discriminator = checkpoint
    found, done = import_discriminator_network(state)
    assert done.problems == []
    assert all(map(torch.equal, found.state_dict().values(), discriminator.state_dict().values()))
    bank, done = import_stylegan2(state)
    assert done.problems == []
    ours, theirs = bank.synthesis.state_dict(), network.bank.synthesis.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert (bank.side, len(bank.mapping)) == (64, 2)


def test_the_averaged_generator_of_a_stylegan2_file_is_taken():
    torch.manual_seed(1)
    network = StyleGAN2(16, mapping_layers=3, **SIZES, upsample="stylegan2")
    keys = {f"mapping.{ours}": f"style_mapping.{theirs}" for ours, theirs in mapping_keys(3).items()}
    keys |= {f"synthesis.{ours}": theirs for ours, theirs in synthesis_keys(2).items()}
    bare = generator(network, keys)
    state = {f"generator_ema.{key}": one for key, one in bare.items()}
    state |= {f"generator.{key}": torch.zeros_like(one) for key, one in bare.items()}
    found, done = import_stylegan2(state)
    assert done.problems == []
    draws = torch.randn(2, 5)
    with torch.no_grad():
        assert torch.equal(found(draws), network(draws))
    assert len(done.dropped["another copy of the generator than the one taken"]) == len(bare)


def test_the_command_names_the_network_and_takes_another_on_wish(checkpoint, tmp_path: Path, capsys):
    state, _, _ = checkpoint
    file = tmp_path / "SpecGAN.pth"
    torch.save({"meta": {"iter": 5}, "state_dict": state}, file)
    assert main(["import", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "SpecGAN (scale 8" in shown
    assert "dropped 4: the bank's mapping network" in shown
    assert type(read_model(file.with_suffix(".safetensors"))[0]) is SpecGAN
    discriminator = tmp_path / "discriminator.safetensors"
    assert main(["import", str(file), "-o", str(discriminator), "--network", "StyleGAN2Discriminator"]) == 0
    assert type(read_model(discriminator)[0]) is StyleGAN2Discriminator
    bank = tmp_path / "bank.safetensors"
    assert main(["import", str(file), "-o", str(bank), "--network", "StyleGAN2"]) == 0
    assert type(read_model(bank)[0]) is StyleGAN2
    capsys.readouterr()
    assert main(["import", str(file), "-o", str(tmp_path / "x.safetensors"), "--network", "StyleGAN"]) == 2
    assert "did you mean 'StyleGAN2'" in capsys.readouterr().err


def test_another_filter_is_refused(checkpoint):
    state, _, _ = checkpoint
    with pytest.raises(DataError, match="another filter than 1, 3, 3, 1"):
        import_specgan({**state, "generator.generator.to_rgbs.0.upsample.kernel": torch.ones(4, 4) / 4})
