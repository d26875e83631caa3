"""Published RGTNet weights: key map, unused keys of each variant, and options from the shapes of tensors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from refsr.interop.weights import rrsnet
from refsr.interop.weights.conversion import Conversion, UnusedKeys, convert, require_kernels
from refsr.interop.weights.layout import TAIL_BLOCKS, rgtnet_layout
from refsr.interop.weights.publishing import Form
from refsr.interop.weights.rrsnet import (
    LEVELS,
    chain_keys,
    chain_length,
    deformable_keys,
    encoder_keys,
    under,
    with_parameters,
)
from refsr.networks.blocks.gtem import GTEMUpsample
from refsr.networks.rgtnet import Offsets, RGTNet

TRANSPOSED = r"(.*\.)?dconv_.*\.weight"
"""Published keys with kernels of transposed convolutions of stride one."""

DCNV3_LEAVES = tuple(
    f"{layer}.{leaf}"
    for layer in ("dw_conv.0", "dw_conv.1.1", "offset", "mask", "input_proj", "output_proj")
    for leaf in ("weight", "bias")
)

_UNTOUCHED = (
    *rrsnet.UNUSED,
    UnusedKeys(r"(gpcd_align\.)?(L[123]_)?offset_head_conv[12]\.(weight|bias)", "offset heads that no path touches"),
    UnusedKeys(
        r"(gpcd_align\.)?(L[123]_)?offset_tail\.[0-9]+\.body\.[02]\.(weight|bias)", "offset tails that no path touches"
    ),
)

UNUSED: Mapping[Offsets, tuple[UnusedKeys, ...]] = {
    "released": (
        *_UNTOUCHED,
        UnusedKeys(r"(gpcd_align\.)?DenseRes\..*", "the dense branch, whose result the released code does not use"),
    ),
    "dense": (
        *_UNTOUCHED,
        UnusedKeys(
            r"(gpcd_align\.)?(L[123]|cas)_offset_conv[123]\.(weight|bias)",
            "offset convolutions of each level, replaced by the dense branch",
        ),
    ),
}
"""Unused keys of each variant of DIDConv."""

CONSTANTS: Mapping[str, Collection[Any]] = {
    **rrsnet.CONSTANTS,
    "gtem_blocks": (TAIL_BLOCKS,),
    "gtem_upsample": ("released",),
}
"""Values that are constants of the published code."""

DENSE_NOTE = (
    "the released code does not use the dense branch, so its images differ; code with the disabled lines enabled "
    "gives the same images"
)


def rgtnet_options(
    published: Mapping[str, Tensor], offsets: Offsets = "released", gtem_upsample: GTEMUpsample = "released"
) -> dict[str, Any]:
    """The network's keywords that fit these tensors in a reading."""
    first, gradient = "Encoder.layer_f.0.weight", "Encoder_grad_ori.layer_f.0.weight"
    mask = "gpcd_align.L1_dcnpack.mask.weight"
    require_kernels("RGTNet", published, {first: 4, gradient: 4, mask: 2})
    return {
        "scale": 2 ** (LEVELS - 1),
        "channels": published[first].shape[1],
        "nf": published[first].shape[0],
        "nf_grad": published[gradient].shape[0],
        "n_blocks": chain_length(published, "content_extractor.body"),
        "deformable_groups": max(1, published[mask].shape[0] // 9),
        "gtem_blocks": chain_length(published, "GTEM.res_dense"),
        "offsets": offsets,
        "gtem_upsample": gtem_upsample,
    }


def import_rgtnet(
    published: Mapping[str, Tensor], offsets: Offsets = "released", gtem_upsample: GTEMUpsample = "released"
) -> tuple[RGTNet, Conversion]:
    """The network with these tensors, and what became of each key."""
    options = rgtnet_options(published, offsets, gtem_upsample)
    network = RGTNet(**options)
    keys = rgtnet_keys(options["n_blocks"], options["gtem_blocks"], offsets)
    done = convert(published, network, keys, UNUSED[offsets], TRANSPOSED)
    network.load_state_dict(done.weights, strict=False)
    return network, done


def rgtnet_form(options: Mapping[str, Any]) -> Form:
    """How the published code stores a network of published widths in the reading that it is built in."""
    blocks, offsets = options["n_blocks"], options["offsets"]
    keys = rgtnet_keys(blocks, options["gtem_blocks"], offsets)
    note = DENSE_NOTE if offsets == "dense" else ""
    return Form(rgtnet_layout(blocks), keys, UNUSED[offsets], TRANSPOSED, note)


def rgtnet_keys(blocks: int, gtem_blocks: int = 16, offsets: Offsets = "released") -> dict[str, str]:
    """Our keys and the published ones, of all weights that a reading uses."""
    modules = {
        **encoder_keys("encoder", "Encoder"),
        **encoder_keys("gradient_encoder", "Encoder_grad_ori"),
        **gtem_keys("enhance", "GTEM", gtem_blocks),
        **alignment_keys("alignment", "gpcd_align", offsets),
        **rrsnet.content_keys("content", "content_extractor", blocks),
        **texture_keys("texture", "texture_transfer", blocks),
    }
    return with_parameters(modules) | deformable_keys("alignment", "gpcd_align", DCNV3_LEAVES)


def alignment_keys(ours: str, theirs: str, offsets: Offsets) -> dict[str, str]:
    """Alignment modules but the deformable layers."""
    if offsets == "released":
        moves = rrsnet.offset_keys(ours, theirs)
    else:
        moves = under(ours, theirs, dense_offset_keys("dense", "DenseRes"))
    return rrsnet.fusion_keys(ours, theirs) | moves


def dense_offset_keys(ours: str, theirs: str) -> dict[str, str]:
    """Modules of the dense branch."""
    branches = {f"branches.{at}": f"conv{side}" for at, side in enumerate((3, 5, 7))}
    return under(ours, theirs, {"compare": "offset_conv1", **branches, "fuse": "offset_conv2"})


def texture_keys(ours: str, theirs: str, blocks: int) -> dict[str, str]:
    """Texture transfer modules, the shared dense-restore-residual block among them."""
    return rrsnet.texture_keys(ours, theirs, blocks) | under(ours, theirs, drr_keys("refine", ""))


def drr_keys(ours: str, theirs: str) -> dict[str, str]:
    """Modules of a dense-restore-residual block."""
    spatial = {f"dense.conv3x3.{at}": f"dconv_ud{at + 1}.0" for at in range(3)}
    pointwise = {f"dense.conv1x1.{at}": f"dconv_ud{at + 4}.0" for at in range(3)}
    return under(ours, theirs, {**spatial, **pointwise, "dense.fuse": "dconv_ud7.0"})


def gtem_keys(ours: str, theirs: str, blocks: int) -> dict[str, str]:
    """Modules of GTEM."""
    modules = {
        **{f"downsample.{at}": f"conv_e{number}.0" for at, number in enumerate((1, 2, 3, 4, 5, 7))},
        **drr_keys("drr", ""),
        **chain_keys("body", "res_dense", blocks),
        "expand": "conv_e8.0",
        **{f"attention.{at}": f"dconv_m{number}.0" for at, number in enumerate((3, 4, 5))},
        "reduce": "dconv_m6.0",
        **{f"upsample.{at}": f"dconv_d{number}.0" for at, number in enumerate((3, 4))},
        "conv_last": "dconv_fusion2.0",
    }
    return under(ours, theirs, modules)
