"""Published StyleGAN2 weights, of generator and discriminator: their keys beside ours, alone or in a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from refsr.core.errors import DataError
from refsr.interop.weights.conversion import Conversion, UnusedKeys, convert, require_kernels
from refsr.interop.weights.rrsnet import under
from refsr.networks.blocks.stylegan2_layers import TAPS, Upsample
from refsr.networks.blocks.stylegan2_synthesis import SMALLEST, WIDEST_SIDE
from refsr.networks.stylegan2 import StyleGAN2
from refsr.networks.stylegan2_discriminator import StyleGAN2Discriminator

PREFIXES = ("generator_ema.", "generator.generator.", "generator.", "")
"""Prefixes of a generator's keys in a file, the averaged one first; SpecGAN contains one."""
FIRST = "constant_input.input"
DISCRIMINATOR_PREFIXES = ("discriminator.", "")
DISCRIMINATOR_FIRST = "convs.0.0.conv.weight_orig"

FILTERS = UnusedKeys(r"(.*\.)?(blur|upsample)\.kernel|.*\.(conv2|skip)\.0\.kernel", "fixed filters")
DISCRIMINATOR = UnusedKeys(r"discriminator\..*", "the discriminator, imported with --network StyleGAN2Discriminator")
FEATURES = UnusedKeys(r"perceptual_loss\..*", "the perceptual loss's network")
AROUND = UnusedKeys(
    r"(generator\.)?(encoder|encoder_head|fusion_out|fusion_skip|decoder|decoder_out)\..*",
    "SpecGAN around its bank, imported with --network SpecGAN",
)
OTHERS = UnusedKeys(r"generator(_ema)?\..*", "another copy of the generator than the one taken")
GENERATORS = UnusedKeys(r"generator(_ema)?\..*", "the generator")


def stylegan2_options(published: Mapping[str, Tensor], upsample: Upsample | None = None) -> dict[str, Any]:
    """The network's keywords that fit these tensors.

    Where nothing is said, a bank inside SpecGAN doubles as that does, and any other generator as StyleGAN2 does.
    """
    if upsample is None:
        inside = any("encoder_head." in key for key in published)
        upsample = "released" if inside else "stylegan2"
    state = generator_state(published)
    layers = [key for key in state if re.fullmatch(r"style_mapping\.\d+\.bias", key)]
    return {**bank_options(state), "mapping_layers": len(layers), "upsample": upsample}


def bank_options(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What synthesis was built with, seen from its bare keys; which side it makes stands under `side`."""
    code, image = "conv1.conv.style_modulation.linear.weight_orig", "to_rgb1.conv.weight_orig"
    require_kernels("StyleGAN2", state, {FIRST: 4, code: 2, image: 4})
    levels = count(state, r"to_rgbs\.(\d+)\.")
    widest, side = state[FIRST].shape[1], SMALLEST * 2**levels
    last = state.get(f"convs.{2 * levels - 1}.conv.weight_orig", state[FIRST][0])
    return {
        "side": side,
        "channels": state[image].shape[0],
        "style_channels": state[code].shape[1],
        "latent_channels": widest,
        "channel_multiplier": multiplier(last.shape[0], side, widest),
    }


def import_stylegan2(
    published: Mapping[str, Tensor], upsample: Upsample | None = None, mapping_rate: float | None = None
) -> tuple[StyleGAN2, Conversion]:
    """The generator with these tensors, and what became of each key."""
    options = stylegan2_options(published, upsample)
    network = StyleGAN2(**options) if mapping_rate is None else StyleGAN2(**options, mapping_rate=mapping_rate)
    # What path lengths came to is no weight, and published files lack it.
    parts = nn.ModuleDict(dict(network.named_children()))
    keys = under("mapping", "style_mapping", mapping_keys(options["mapping_layers"]))
    keys |= under("synthesis", "", synthesis_keys(len(network.synthesis.blocks)))
    done = convert(generator_state(published), parts, keys, (FILTERS, DISCRIMINATOR, FEATURES, AROUND, OTHERS))
    done.weights["path_mean"] = network.path_mean
    network.load_state_dict(done.weights, strict=False)
    return network, done


def discriminator_options(published: Mapping[str, Tensor]) -> dict[str, Any]:
    """The keywords of the discriminator that fit these tensors."""
    state = discriminator_state(published)
    blocks = count(state, r"convs\.(\d+)\.") - 1
    require_kernels("StyleGAN2Discriminator", state, {DISCRIMINATOR_FIRST: 4, "final_conv.0.conv.weight_orig": 4})
    first, widest = state[DISCRIMINATOR_FIRST].shape, state["final_conv.0.conv.weight_orig"].shape[0]
    side = SMALLEST * 2**blocks
    return {
        "side": side,
        "in_nc": first[1],
        "latent_channels": widest,
        "channel_multiplier": multiplier(first[0], side, widest),
    }


def import_discriminator_network(published: Mapping[str, Tensor]) -> tuple[StyleGAN2Discriminator, Conversion]:
    """The discriminator with these tensors, and what became of each key."""
    network = StyleGAN2Discriminator(**discriminator_options(published))
    done = convert(
        discriminator_state(published),
        network,
        discriminator_keys(len(network.blocks)),
        (FILTERS, FEATURES, GENERATORS),
    )
    network.load_state_dict(done.weights, strict=False)
    return network, done


def generator_state(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The generator's tensors under bare keys and in our shapes; others keep their keys."""
    return bare(published, PREFIXES, FIRST)


def discriminator_state(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same of the discriminator."""
    return bare(published, DISCRIMINATOR_PREFIXES, DISCRIMINATOR_FIRST)


def bare(published: Mapping[str, Tensor], prefixes: Sequence[str], first: str) -> dict[str, Tensor]:
    """Keys without the first of the prefixes under which `first` exists; checks the taps of filters."""
    prefix = next((one for one in prefixes if one + first in published), "")
    for key, tensor in published.items():
        if key.endswith(".kernel"):
            require_taps(key, tensor)
    return {key.removeprefix(prefix): in_our_shape(key, tensor) for key, tensor in published.items()}


def in_our_shape(key: str, tensor: Tensor) -> Tensor:
    """Modulated kernels and the biases of images without the axes of one that broadcasting was made easy with."""
    if key.endswith("weight_orig") and tensor.dim() == 5 and tensor.shape[0] == 1:
        return tensor[0]
    if key.endswith("bias") and tensor.dim() == 4 and tensor.shape[0] == 1 and tensor.shape[2:] == (1, 1):
        return tensor[0, :, 0, 0]
    return tensor


def require_taps(key: str, kernel: Tensor) -> None:
    """A DataError unless a filter is StyleGAN2's, four times that where it doubles."""
    taps = torch.tensor(TAPS) / sum(TAPS)
    wanted = taps.outer(taps)
    given = kernel.detach().float().squeeze()
    if given.shape != wanted.shape or not any(torch.allclose(given, gain * wanted, rtol=1e-3) for gain in (1, 4)):
        raise DataError(f"{key}: another filter than {', '.join(f'{tap:g}' for tap in TAPS)}, which is built in")


def multiplier(width: int, side: int, widest: int) -> int:
    """The channel multiplier, where the side is large enough to show it."""
    return max(1, width * side // (WIDEST_SIDE * widest)) if side > WIDEST_SIDE else 2


def count(state: Mapping[str, Tensor], pattern: str) -> int:
    """One more than the largest number that the pattern finds in keys."""
    return max((int(found[1]) + 1 for key in state if (found := re.match(pattern, key))), default=0)


def mapping_keys(layers: int) -> dict[str, str]:
    """The mapping network; the published list begins with a layer that has no weights."""
    return {key: theirs for at in range(layers) for key, theirs in linear_keys(f"{at}", f"{at + 1}").items()}


def synthesis_keys(levels: int) -> dict[str, str]:
    """Synthesis with its stored noise."""
    keys = {"constant": FIRST, **styled_keys("first_conv", "conv1"), **image_keys("first_to_rgb", "to_rgb1")}
    for at in range(levels):
        keys |= styled_keys(f"blocks.{at}.conv_up", f"convs.{2 * at}")
        keys |= styled_keys(f"blocks.{at}.conv", f"convs.{2 * at + 1}")
        keys |= image_keys(f"blocks.{at}.to_rgb", f"to_rgbs.{at}")
    return keys | {f"noise.{at}": f"injected_noise_{at}" for at in range(2 * levels + 1)}


def styled_keys(ours: str, theirs: str) -> dict[str, str]:
    """A style convolution block."""
    modulated = under("conv", "conv", modulated_keys())
    return under(ours, theirs, {**modulated, "noise_strength": "noise_injector.weight", "bias": "activate.bias"})


def image_keys(ours: str, theirs: str) -> dict[str, str]:
    """A to-RGB block."""
    return under(ours, theirs, {**under("conv", "conv", modulated_keys()), "bias": "bias"})


def modulated_keys() -> dict[str, str]:
    """A modulated convolution."""
    return {"weight": "weight_orig", **linear_keys("modulation", "style_modulation")}


def linear_keys(ours: str, theirs: str) -> dict[str, str]:
    """A linear layer."""
    return under(ours, theirs, {"weight": "linear.weight_orig", "bias": "bias"})


def conv_keys(ours: str, theirs: str, downsample: bool = False, activate: bool = True) -> dict[str, str]:
    """A convolution, before which a filter may stand in the published list."""
    at = int(downsample)
    keys = {"weight": f"{at}.conv.weight_orig"}
    return under(ours, theirs, keys | ({"bias": f"{at + 1}.bias"} if activate else {}))


def discriminator_block_keys(ours: str, theirs: str) -> dict[str, str]:
    """A residual block of the discriminator."""
    keys = conv_keys("first", "conv1") | conv_keys("second", "conv2", downsample=True)
    return under(ours, theirs, keys | conv_keys("shortcut", "skip", downsample=True, activate=False))


def discriminator_keys(blocks: int) -> dict[str, str]:
    """The discriminator."""
    keys = conv_keys("from_rgb", "convs.0") | conv_keys("final_conv", "final_conv")
    keys |= linear_keys("hidden", "final_linear.0") | linear_keys("logit", "final_linear.1")
    for at in range(blocks):
        keys |= discriminator_block_keys(f"blocks.{at}", f"convs.{at + 1}")
    return keys
