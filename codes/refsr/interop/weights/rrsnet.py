"""Published RRSNet weights: key map, unused keys, and options from the shapes of tensors."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from refsr.interop.weights.conversion import Conversion, UnusedKeys, convert, require_kernels
from refsr.interop.weights.layout import GRADIENT_WIDTH, GROUPS, WIDTH, rrsnet_layout
from refsr.interop.weights.publishing import Form
from refsr.networks.rrsnet import RRSNet

LEVELS = 3
"""The published networks enlarge by four: levels at full, half and quarter size."""

SIZES = ("small", "medium", "large")

DCNV2_LEAVES = ("weight", "bias", "conv_offset_mask.weight", "conv_offset_mask.bias")

UNUSED = (
    UnusedKeys(r"get_g_nopadding\.weight_[hv]", "fixed kernels of the gradient operator"),
    UnusedKeys(
        r"content_extractor\.tail\.[0-9]+\.(weight|bias)", "the content extractor's tail, whose image is not used"
    ),
)

CONSTANTS: Mapping[str, Collection[Any]] = {
    "scale": (2 ** (LEVELS - 1),),
    "channels": (3,),
    "nf": (WIDTH,),
    "nf_grad": (GRADIENT_WIDTH, None),
    "deformable_groups": (GROUPS,),
}
"""Values that are constants of the published code; None stands for a quarter of nf."""


def rrsnet_options(published: Mapping[str, Tensor]) -> dict[str, Any]:
    """The network's keywords that fit these tensors."""
    first, gradient = "Encoder.layer_f.0.weight", "Encoder_grad.layer_f.0.weight"
    offsets = "gpcd_align.L1_dcnpack.conv_offset_mask.weight"
    require_kernels("RRSNet", published, dict.fromkeys((first, gradient, offsets), 4))
    return {
        "scale": 2 ** (LEVELS - 1),
        "channels": published[first].shape[1],
        "nf": published[first].shape[0],
        "nf_grad": published[gradient].shape[0],
        "n_blocks": chain_length(published, "content_extractor.body"),
        "deformable_groups": max(1, published[offsets].shape[0] // 27),
    }


def import_rrsnet(published: Mapping[str, Tensor]) -> tuple[RRSNet, Conversion]:
    """The network with these tensors, and what became of each key."""
    options = rrsnet_options(published)
    network = RRSNet(**options)
    done = convert(published, network, rrsnet_keys(options["n_blocks"]), UNUSED)
    network.load_state_dict(done.weights, strict=False)
    return network, done


def rrsnet_form(options: Mapping[str, Any]) -> Form:
    """How the published code stores a network of published widths."""
    blocks = options["n_blocks"]
    return Form(rrsnet_layout(blocks), rrsnet_keys(blocks), UNUSED)


def rrsnet_keys(blocks: int) -> dict[str, str]:
    """Our keys and the published ones of all weights that are used."""
    modules = {
        **encoder_keys("encoder", "Encoder"),
        **encoder_keys("gradient_encoder", "Encoder_grad"),
        **fusion_keys("alignment", "gpcd_align"),
        **offset_keys("alignment", "gpcd_align"),
        **content_keys("content", "content_extractor", blocks),
        **texture_keys("texture", "texture_transfer", blocks),
    }
    return with_parameters(modules) | deformable_keys("alignment", "gpcd_align", DCNV2_LEAVES)


def with_parameters(modules: Mapping[str, str]) -> dict[str, str]:
    """Each convolution's weight and bias; an empty name stands for the module itself."""
    return {f"{ours}.{leaf}": f"{theirs}.{leaf}" for ours, theirs in modules.items() for leaf in ("weight", "bias")}


def encoder_keys(ours: str, theirs: str) -> dict[str, str]:
    """Encoder modules."""
    levels = {f"levels.{level}": f"conv{level + 1}.0" for level in range(LEVELS)}
    return under(ours, theirs, {"enter": "layer_f.0", **levels})


def content_keys(ours: str, theirs: str, blocks: int) -> dict[str, str]:
    """Content extractor modules."""
    return under(ours, theirs, {"head": "head.0", **chain_keys("body", "body", blocks)})


def relevance_keys(ours: str, theirs: str) -> dict[str, str]:
    """RAM modules."""
    convolutions = {
        "scale_hidden": "mul_conv1",
        "scale": "mul_conv2",
        "shift_hidden": "add_conv1",
        "shift": "add_conv2",
    }
    return under(ours, theirs, convolutions)


def texture_keys(ours: str, theirs: str, blocks: int) -> dict[str, str]:
    """Texture transfer modules."""
    modules: dict[str, str] = {"finish": "tail_large.0", "to_image": "tail_large.2"}
    for stage, size in enumerate(SIZES):
        modules |= relevance_keys(f"stages.{stage}.relevance", f"ram_head_{size}")
        modules[f"stages.{stage}.merge"] = f"head_{size}.0"
        modules |= chain_keys(f"stages.{stage}.body", f"body_{size}", blocks)
        if stage < len(SIZES) - 1:
            modules[f"enlargements.{stage}"] = f"tail_{size}.0"
    return under(ours, theirs, modules)


def fusion_keys(ours: str, theirs: str) -> dict[str, str]:
    """Alignment modules that merge the sampled features."""
    levels = {f"fusions.{level}": f"L{level + 1}_fea_conv" for level in range(LEVELS)}
    return under(ours, theirs, {"cascade_fusion": "cas_fea_conv", **levels})


def offset_keys(ours: str, theirs: str) -> dict[str, str]:
    """Alignment modules that estimate the offsets of each level."""
    modules: dict[str, str] = {}
    for level in range(LEVELS):
        steps = ("compare", "settle") if level == LEVELS - 1 else ("compare", "merge", "settle")
        for number, step in enumerate(steps, 1):
            modules[f"offsets.{level}.{step}"] = f"L{level + 1}_offset_conv{number}"
    for number, step in enumerate(("compare", "settle"), 1):
        modules[f"cascade_offset.{step}"] = f"cas_offset_conv{number}"
    return under(ours, theirs, modules)


def deformable_keys(ours: str, theirs: str, leaves: Sequence[str]) -> dict[str, str]:
    """Parameters of the alignment's deformable layers, whose own keys are the published ones."""
    return {
        f"{mine}.{leaf}": f"{published}.{leaf}"
        for mine, published in under(ours, theirs, dict(sampler_keys())).items()
        for leaf in leaves
    }


def sampler_keys() -> Iterator[tuple[str, str]]:
    """The alignment's deformable layers."""
    for level in range(LEVELS):
        yield f"samplers.{level}", f"L{level + 1}_dcnpack"
    yield "cascade_sampler", "cas_dcnpack"


def chain_keys(ours: str, theirs: str, blocks: int) -> dict[str, str]:
    """The convolutions of residual blocks."""
    pairs = (("first", "body.0"), ("second", "body.2"))
    return {f"{ours}.{block}.{one}": f"{theirs}.{block}.{other}" for block in range(blocks) for one, other in pairs}


def chain_length(published: Mapping[str, Tensor], chain: str) -> int:
    """The number of residual blocks."""
    blocks = {int(found[1]) for key in published if (found := re.match(rf"{re.escape(chain)}\.(\d+)\.", key))}
    return max(blocks, default=-1) + 1


def under(ours: str, theirs: str, modules: Mapping[str, str]) -> dict[str, str]:
    """Both sides below a parent name each; an empty name is no parent."""
    mine, published = (f"{parent}." if parent else "" for parent in (ours, theirs))
    return {f"{mine}{one}": f"{published}{other}" for one, other in modules.items()}
