"""EDSR and MSRResNet out of BasicSR's files give the images that BasicSR's own steps give, written out here."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.cli.main import main
from refsr.core.errors import DataError, UsageError
from refsr.interop.weights.basicsr import edsr_options, import_edsr, import_msrresnet, msrresnet_options
from refsr.runs.model_file import read_model

NF, BLOCKS = 6, 2
State = dict[str, Tensor]


def drawn(convolutions: dict[str, tuple[int, int]]) -> State:
    """A state of 3x3 convolutions, each with (out, in) channels."""
    generator = torch.Generator().manual_seed(4)
    state = {}
    for name, (out, into) in convolutions.items():
        state[f"{name}.weight"] = torch.randn(out, into, 3, 3, generator=generator) / (3 * into**0.5)
        state[f"{name}.bias"] = torch.randn(out, generator=generator) / 10
    return state


def backbone(chain: str, nf: int = NF) -> dict[str, tuple[int, int]]:
    blocks = {f"{chain}.{at}.conv{one}": (nf, nf) for at in range(BLOCKS) for one in (1, 2)}
    return {"conv_first": (nf, 3), **blocks, "conv_last": (3, nf)}


def edsr_state(factors: tuple[int, ...], nf: int = NF) -> State:
    enlarging = {f"upsample.{2 * at}": (nf * factor**2, nf) for at, factor in enumerate(factors)}
    return drawn({**backbone("body", nf), "conv_after_body": (nf, nf), **enlarging})


def msrresnet_state(factors: tuple[int, ...], chain: str = "body", last: str = "conv_hr") -> State:
    enlarging = {f"upconv{at}": (NF * factor**2, NF) for at, factor in enumerate(factors, 1)}
    return drawn({**backbone(chain), **enlarging, last: (NF, NF)})


def conv(state: State, name: str, x: Tensor) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)


def block(state: State, name: str, x: Tensor, scale: float = 1.0) -> Tensor:
    return x + scale * conv(state, f"{name}.conv2", conv(state, f"{name}.conv1", x).relu())


def edsr(state: State, factors: tuple[int, ...], residual_scale: float, image: Tensor) -> Tensor:
    mean = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)
    first = conv(state, "conv_first", (image - mean) * 255)
    x = first
    for at in range(BLOCKS):
        x = block(state, f"body.{at}", x, residual_scale)
    x = conv(state, "conv_after_body", x) + first
    for at, factor in enumerate(factors):
        x = F.pixel_shuffle(conv(state, f"upsample.{2 * at}", x), factor)
    return conv(state, "conv_last", x) / 255 + mean


def msrresnet(
    state: State, factors: tuple[int, ...], image: Tensor, chain: str = "body", last: str = "conv_hr"
) -> Tensor:
    x = F.leaky_relu(conv(state, "conv_first", image), 0.1)
    for at in range(BLOCKS):
        x = block(state, f"{chain}.{at}", x)
    for at, factor in enumerate(factors, 1):
        x = F.leaky_relu(F.pixel_shuffle(conv(state, f"upconv{at}", x), factor), 0.1)
    x = conv(state, "conv_last", F.leaky_relu(conv(state, last, x), 0.1))
    return x + F.interpolate(image, size=x.shape[-2:], mode="bilinear", align_corners=False)


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, 6, 5, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("factors", "residual_scale"), [((2,), 1.0), ((3,), 0.5), ((2, 2), 0.1)])
def test_edsr_gives_the_image_of_basicsr(factors, residual_scale, image):
    state = edsr_state(factors)
    network, done = import_edsr(state, residual_scale)
    assert (done.problems, done.dropped, len(done.weights)) == ([], {}, len(state))
    with torch.no_grad():
        torch.testing.assert_close(network(image), edsr(state, factors, residual_scale, image), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("names", [("body", "conv_hr"), ("recon_trunk", "HRconv")])
@pytest.mark.parametrize("factors", [(2,), (3,), (2, 2)])
def test_msrresnet_gives_the_image_of_basicsr_and_mmsr(factors, names, image):
    state = msrresnet_state(factors, *names)
    network, done = import_msrresnet(state)
    assert (done.problems, done.dropped, len(done.weights)) == ([], {}, len(state))
    with torch.no_grad():
        torch.testing.assert_close(network(image), msrresnet(state, factors, image, *names), atol=1e-5, rtol=1e-5)


def test_what_edsr_s_tensors_do_not_show_is_known_by_the_published_widths():
    assert edsr_options(edsr_state((2,), 64))["residual_scale"] == 1
    assert edsr_options(edsr_state((2,), 256))["residual_scale"] == 0.1
    with pytest.raises(UsageError, match="6 features are no published width; say it: --residual-scale 1"):
        edsr_options(edsr_state((2,)))


def test_what_does_not_fit_is_reported():
    state = edsr_state((2,))
    del state["conv_after_body.bias"]
    state["body.0.conv3.weight"] = torch.zeros(1)
    assert sorted(import_edsr(state, 1.0)[1].problems) == [
        "body.0.conv3.weight: is not known",
        "conv_after_body.bias: is missing",
    ]
    state["upsample.0.weight"] = torch.zeros(5 * NF, NF, 3, 3)
    with pytest.raises(DataError, match=r"'upsample.0.weight' has shape \(30, 6, 3, 3\), .* neither two nor three"):
        edsr_options(state)
    with pytest.raises(DataError, match=r"no MSRResNet weights: 'body.0.conv1.weight' is missing"):
        msrresnet_options({"upconv1.weight": torch.zeros(24, 6, 3, 3), "conv_first.weight": torch.zeros(6, 3, 3, 3)})


def test_the_averaged_part_of_a_wrapped_file_is_taken(tmp_path, capsys):
    state, file = edsr_state((2, 2)), tmp_path / "net_g_300000.pth"
    torch.save({"params": {key: one + 1 for key, one in state.items()}, "params_ema": state}, file)
    assert main(["import", str(file)]) == 2
    assert re.search(r"say it: --residual-scale 1", capsys.readouterr().err)
    assert main(["import", str(file), "--residual-scale", "1"]) == 0
    assert "EDSR (scale 4, channels 3, nf 6, n_blocks 2, residual_scale 1.0, span 255.0), 18 tensors of params_ema" in (
        capsys.readouterr().out
    )
    network, card = read_model(file.with_suffix(".safetensors"))
    assert torch.equal(network.head.weight, state["conv_first.weight"])
    assert (card.model, card.origin["part"]) == ("SISR_model", "params_ema")
    torch.save({"params": msrresnet_state((2, 2), "recon_trunk", "HRconv")}, file)
    assert main(["import", str(file), "--overwrite"]) == 0
    assert "MSRResNet (scale 4, channels 3, nf 6, n_blocks 2), 18 tensors of params" in capsys.readouterr().out
    assert main(["import", str(file), "--overwrite", "--span", "1"]) == 2
    assert "MSRResNet takes no span" in capsys.readouterr().err
