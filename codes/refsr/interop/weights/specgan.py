"""Published SpecGAN weights: key map, unused keys, and options from the shapes of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from refsr.core.errors import DataError
from refsr.interop.weights.conversion import Conversion, UnusedKeys, convert, require_kernels
from refsr.interop.weights.rrsnet import under, with_parameters
from refsr.interop.weights.stylegan2 import DISCRIMINATOR, FEATURES, FILTERS, bank_options, bare, count, synthesis_keys
from refsr.networks.blocks.stylegan2_synthesis import SMALLEST
from refsr.networks.specgan.network import InputRange, SpecGAN

PREFIXES = ("generator.", "")
ENTER = "encoder_head.layerInX_1.weight"
GROWTH = "encoder_head.branch1_1.RDBs.0.convs.0.conv.0.weight"
BANK = "generator."

BRANCHES = {"spectral": ("X", "branch1"), "visible": ("Y", "branch2")}
"""Our branches, and what the published names of each hold."""

KEY_BIASES = UnusedKeys(r"(.*\.)?key_conv\.bias", "biases of keys, which cancel in the softmax")
UNUSED = (
    UnusedKeys(r"generator\.style_mapping\..*", "the bank's mapping network, which SpecGAN does not use"),
    UnusedKeys(r"generator\.convs\.\d+\.conv\.blur\.kernel", "filters that the released upsampling does not use"),
    KEY_BIASES,
    FILTERS,
    DISCRIMINATOR,
    FEATURES,
)


def specgan_options(published: Mapping[str, Tensor], input_range: InputRange = "released") -> dict[str, Any]:
    """The network's keywords that fit these tensors, which were trained on the released range of inputs."""
    state = specgan_state(published)
    bank = bank_options({key.removeprefix(BANK): one for key, one in state.items() if key.startswith(BANK)})
    wanted = (ENTER, "encoder_head.layerInY_1.weight", "encoder_head.similarX.query_conv.weight", GROWTH)
    require_kernels("SpecGAN", state, dict.fromkeys(wanted, 4))
    large = bank.pop("side")
    side = SMALLEST * 2 ** (count(state, r"encoder\.(\d+)\.") - 1)
    if not SMALLEST <= side < large:
        raise DataError(f"no SpecGAN weights: its encoder takes {side} pixels a side, its bank makes {large}")
    return {
        "scale": large // side,
        **bank,
        "hsi_bands": state[ENTER].shape[1],
        "side": side,
        "nf": state[ENTER].shape[0],
        "n_blocks": count(state, r"encoder_head\.branch1_1\.RDBs\.(\d+)\."),
        "n_layers": count(state, r"encoder_head\.branch1_1\.RDBs\.0\.convs\.(\d+)\."),
        "growth": state[GROWTH].shape[0],
        "attention": state[wanted[2]].shape[0],
        "input_range": input_range,
    }


def import_specgan(published: Mapping[str, Tensor], input_range: InputRange = "released") -> tuple[SpecGAN, Conversion]:
    """The network with these tensors, and what became of each key."""
    options = specgan_options(published, input_range)
    network = SpecGAN(**options)
    done = convert(specgan_state(published), network, specgan_keys(options), UNUSED)
    network.load_state_dict(done.weights, strict=False)
    return network, done


def specgan_state(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The generator's tensors under bare keys and in our shapes; others keep their keys."""
    return bare(published, PREFIXES, ENTER)


def specgan_keys(options: Mapping[str, Any]) -> dict[str, str]:
    """Our keys and the published ones, of all weights that are used."""
    upsamples = int(options["scale"]).bit_length() - 1
    downsamples = (int(options["side"]) // SMALLEST).bit_length() - 1
    modules = {
        "to_codes.conv": f"encoder.{downsamples}.0",
        "to_codes.linear": f"encoder.{downsamples}.3",
        "output_fusion.conv_hidden": f"decoder.{upsamples}.0",
        "output_fusion.to_image": f"decoder.{upsamples}.2",
        "output_fusion.merge": "decoder_out.0",
        "output_fusion.conv_last": "decoder_out.2",
    }
    for at in range(downsamples):
        modules |= under(f"downsamples.{at}", f"encoder.{at}", {"conv_down": "0", "conv": "2"})
    for at in range(upsamples):
        parts = {"conv_in": "0", "conv_up": "2.upsample_conv", "conv_out": "4"}
        modules |= under(f"upsamples.{at}", f"decoder.{at}", parts)
    for at in range(downsamples + 1):
        modules |= {f"bank.fuse_features.{at}": f"fusion_out.{at}", f"bank.fuse_images.{at}": f"fusion_skip.{at}"}
    bank = under("bank.synthesis", "generator", synthesis_keys(downsamples + upsamples))
    return (
        under("head", "encoder_head", head_keys(options["n_blocks"], options["n_layers"]))
        | with_parameters(modules)
        | bank
    )


def head_keys(blocks: int, layers: int) -> dict[str, str]:
    """The dual-branch encoder."""
    modules: dict[str, str] = {}
    keys: dict[str, str] = {}
    for branch, (letter, name) in BRANCHES.items():
        modules |= {f"shallow1.{branch}": f"layerIn{letter}_1", f"shallow2.{branch}": f"layerIn{letter}_2"}
        for stage in range(2):
            modules |= under(f"branches.{branch}.{stage}", f"{name}_{stage + 1}", branch_keys(blocks, layers))
        for part, ending in {"reference": "S", "scale": "M", "shift": "B"}.items():
            modules[f"fusion.{branch}.{part}"] = f"layer{letter}_{ending}"
        keys |= under(f"fusion.{branch}.attention", f"similar{letter}", attention_keys())
    modules |= {f"fusion.information.{at}": f"Infor.{at}" for at in (0, 2, 4)}
    heads = {
        f"heads.{number}.{at}": f"layerOut_{letter}.{at}" for number, letter in enumerate("XY") for at in (0, 2, 4)
    }
    return with_parameters(modules | heads) | keys


def branch_keys(blocks: int, layers: int) -> dict[str, str]:
    """A branch's convolutions."""
    modules = {"fuse": "GFF.0", "fuse_conv": "GFF.1"}
    for block in range(blocks):
        modules[f"blocks.{block}.fuse"] = f"RDBs.{block}.LFF"
        modules |= {f"blocks.{block}.layers.{at}": f"RDBs.{block}.convs.{at}.conv.0" for at in range(layers)}
    return modules


def attention_keys() -> dict[str, str]:
    """The similarity attention."""
    return {"key.weight": "key_conv.weight", **with_parameters({"query": "query_conv", "value": "value_conv"})}
