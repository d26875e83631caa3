"""SwinIR's files give the images that the paper's steps give, written out here with the files' own names and tables."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.cli.main import main
from refsr.core.errors import DataError
from refsr.interop.weights.swinir import import_swinir, swinir_options
from refsr.runs.model_file import read_model

DIM, GROUPS, LAYERS, HEADS, SIDE, HIDDEN = 8, 2, 2, 2, 4, 16
HEIGHT, WIDTH = 8, 12
State = dict[str, Tensor]


def windows(x: Tensor) -> Tensor:
    """(H, W, C) -> (windows, pixels of one, C)."""
    height, width, channels = x.shape
    cut = x.reshape(height // SIDE, SIDE, width // SIDE, SIDE, channels)
    return cut.transpose(1, 2).reshape(-1, SIDE * SIDE, channels)


def index() -> Tensor:
    """(pixels, pixels): rows of the table of biases."""
    places = torch.stack(torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")).flatten(1)
    between = places[:, :, None] - places[:, None, :] + SIDE - 1
    return between[0] * (2 * SIDE - 1) + between[1]


def mask() -> Tensor:
    """(windows, pixels, pixels): -100 between the nine regions that a shift cuts."""
    regions = torch.zeros(HEIGHT, WIDTH, 1)
    cuts = [(0, length - SIDE, length - SIDE // 2, length) for length in (HEIGHT, WIDTH)]
    number = 0
    for top, bottom in pairwise(cuts[0]):
        for left, right in pairwise(cuts[1]):
            regions[top:bottom, left:right] = number
            number += 1
    numbers = windows(regions)[:, :, 0]
    return torch.where(numbers[:, None, :] == numbers[:, :, None], 0.0, -100.0)


def made(scale: int, steps: tuple[int, ...] | None) -> State:
    """A whole file's state; with `steps` the classical tail."""
    torch.manual_seed(6)
    state: State = {}

    def layer(name: str, *shape: int) -> None:
        state[f"{name}.weight"] = torch.randn(shape) / torch.tensor(shape[1:]).prod().sqrt()
        state[f"{name}.bias"] = torch.randn(shape[0]) / 10

    def norm(name: str) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = 1 + torch.randn(DIM) / 5, torch.randn(DIM) / 5

    layer("conv_first", DIM, 3, 3, 3)
    norm("patch_embed.norm")
    for group in range(GROUPS):
        for at in range(LAYERS):
            block = f"layers.{group}.residual_group.blocks.{at}"
            if at % 2:
                state[f"{block}.attn_mask"] = mask()
            norm(f"{block}.norm1")
            state[f"{block}.attn.relative_position_bias_table"] = torch.randn((2 * SIDE - 1) ** 2, HEADS)
            state[f"{block}.attn.relative_position_index"] = index()
            layer(f"{block}.attn.qkv", 3 * DIM, DIM)
            layer(f"{block}.attn.proj", DIM, DIM)
            norm(f"{block}.norm2")
            layer(f"{block}.mlp.fc1", HIDDEN, DIM)
            layer(f"{block}.mlp.fc2", DIM, HIDDEN)
        layer(f"layers.{group}.conv", DIM, DIM, 3, 3)
    norm("norm")
    layer("conv_after_body", DIM, DIM, 3, 3)
    if steps is None:
        layer("upsample.0", 3 * scale**2, DIM, 3, 3)
        return state
    layer("conv_before_upsample.0", 64, DIM, 3, 3)
    for at, factor in enumerate(steps):
        layer(f"upsample.{2 * at}", 64 * factor**2, 64, 3, 3)
    layer("conv_last", 3, 64, 3, 3)
    return state


def swinir(state: State, scale: int, steps: tuple[int, ...] | None, image: Tensor) -> Tensor:
    """The steps for one image (3, H, W)."""

    def conv(name: str, x: Tensor) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]

    def attention(name: str, x: Tensor, masks: Tensor | None) -> Tensor:
        query, key, value = linear(f"{name}.qkv", x).reshape(*x.shape[:2], 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        table = state[f"{name}.relative_position_bias_table"]
        scores = scores + table[state[f"{name}.relative_position_index"]].permute(2, 0, 1)
        if masks is not None:
            scores = scores + masks[:, None]
        return linear(f"{name}.proj", (scores.softmax(-1) @ value).transpose(1, 2).reshape(x.shape))

    def block(name: str, x: Tensor, shift: int) -> Tensor:
        cut = windows(norm(f"{name}.norm1", x).roll((-shift, -shift), (0, 1)))
        mixed = attention(f"{name}.attn", cut, state.get(f"{name}.attn_mask"))
        grid = mixed.reshape(HEIGHT // SIDE, WIDTH // SIDE, SIDE, SIDE, DIM).transpose(1, 2).reshape(HEIGHT, WIDTH, DIM)
        x = x + grid.roll((shift, shift), (0, 1))
        wide = linear(f"{name}.mlp.fc1", norm(f"{name}.norm2", x))
        return x + linear(f"{name}.mlp.fc2", wide * (1 + torch.erf(wide / 2**0.5)) / 2)

    mean = torch.tensor([0.4488, 0.4371, 0.4040]).view(3, 1, 1)
    first = conv("conv_first", image - mean)
    tokens = norm("patch_embed.norm", first.permute(1, 2, 0))
    for group in range(GROUPS):
        before = tokens
        for at in range(LAYERS):
            tokens = block(f"layers.{group}.residual_group.blocks.{at}", tokens, SIDE // 2 * (at % 2))
        tokens = before + conv(f"layers.{group}.conv", tokens.permute(2, 0, 1)).permute(1, 2, 0)
    x = conv("conv_after_body", norm("norm", tokens).permute(2, 0, 1)) + first
    if steps is None:
        return F.pixel_shuffle(conv("upsample.0", x), scale) + mean
    x = F.leaky_relu(conv("conv_before_upsample.0", x), 0.01)
    for at, factor in enumerate(steps):
        x = F.pixel_shuffle(conv(f"upsample.{2 * at}", x), factor)
    return conv("conv_last", x) + mean


@pytest.mark.parametrize(("scale", "steps"), [(2, None), (3, None), (4, None), (3, (3,)), (4, (2, 2))])
def test_it_gives_the_image_of_the_published_steps(scale, steps):
    state = made(scale, steps)
    network, done = import_swinir(state)
    assert done.problems == []
    assert sorted(map(len, done.dropped.values())) == [GROUPS * LAYERS // 2, GROUPS * LAYERS]
    image = torch.rand(3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found, expected = network(image[None])[0], swinir(state, scale, steps, image)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_other_kinds_of_it_are_refused():
    state = made(4, None)
    for key, answer in (("conv_up1.weight", "enlarges by nearest"), ("layers.0.conv.0.weight", "three convolutions")):
        with pytest.raises(DataError, match=answer):
            swinir_options({**state, key: torch.zeros(8, 8, 3, 3)})
    uneven = {key: one for key, one in state.items() if not key.startswith("layers.1.residual_group.blocks.1.")}
    with pytest.raises(DataError, match="groups of 1, 2 layers"):
        swinir_options(uneven)
    with pytest.raises(DataError, match=r"no SwinIR weights: 'upsample.0.weight' is missing"):
        swinir_options({key: one for key, one in state.items() if not key.startswith("upsample")})
    perturbed = {**state, "layers.0.residual_group.blocks.0.attn.logit_scale": torch.zeros(2)}
    assert import_swinir(perturbed)[1].unknown == ["layers.0.residual_group.blocks.0.attn.logit_scale"]


def test_a_file_comes_in_and_what_is_dropped_has_its_reason(tmp_path, capsys):
    file = tmp_path / "002_lightweightSR_DIV2K_s64w8_SwinIR-S_x2.pth"
    torch.save({"params": made(2, None)}, file)
    assert main(["import", str(file)]) == 0
    shown = capsys.readouterr().out
    assert (
        "SwinIR (scale 2, channels 3, dim 8, groups 2, layers 2, heads 2, window 4, mlp_ratio 2.0, upsampler" in shown
    )
    assert "dropped 4: indices of the bias tables" in shown
    assert "dropped 2: masks of shifted windows" in shown
    _, card = read_model(file.with_suffix(".safetensors"))
    assert (card.model, card.origin["part"]) == ("SISR_model", "params")
