"""Published Ref-Diff weights: key map, and options from keys and shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from refsr.core.errors import DataError
from refsr.interop.weights.conversion import Conversion, UnusedKeys, convert, require_kernels
from refsr.interop.weights.rrsnet import relevance_keys, under
from refsr.networks.refdiff.blocks import DecoderBlock, DenoisingBlock
from refsr.networks.refdiff.network import RefDiff
from refsr.networks.refdiff.unet import ConditionedUNet

UNUSED = (
    UnusedKeys(r"(.*\.)?resample_filter", "fixed filters of halving and doubling"),
    UnusedKeys(r"(model\.)?map_(label|augment)\.(weight|bias)", "layers for labels, which are not used"),
)


def import_refdiff(published: Mapping[str, Tensor], **given: Any) -> tuple[RefDiff, Conversion]:
    """The denoiser with these tensors, and what became of each key."""
    network = RefDiff(**refdiff_options(published, **given))
    done = convert(published, network, refdiff_keys(network), UNUSED)
    network.load_state_dict(done.weights, strict=False)
    return network, done


def refdiff_options(published: Mapping[str, Tensor], **given: Any) -> dict[str, Any]:
    """The network's keywords that fit these tensors; `given` adds what tensors do not show."""
    sizes = {int(found[1]) for key in published if (found := re.match(r"model\.dec\.(\d+)x\d+_", key))}
    if not sizes:
        raise DataError("no Ref-Diff weights: no key begins with 'model.dec.' and a size")
    resolutions = sorted(sizes, reverse=True)
    top = f"{resolutions[0]}x{resolutions[0]}"
    first, image = f"model.enc.{top}_conv.weight", f"model.dec.{top}_aux_conv.weight"
    embedding = "model.map_layer0.weight"
    require_kernels("Ref-Diff", published, {first: 4, image: 4, embedding: 2})
    width, joined = published[first].shape[:2]
    channels = published[image].shape[0]
    residual, skip = (any(f"aux_{kind}" in key for key in published) for kind in ("residual", "skip"))
    lower = [size for size in resolutions[1:] if f"model.dec.{size}x{size}_aux_conv.weight" in published]
    return {
        "channels": channels,
        "mask_channels": max(1, joined - 3 * channels),
        "model_channels": width,
        "channel_mult": [_width(published, size) // max(1, width) for size in resolutions],
        "channel_mult_emb": max(1, published[embedding].shape[0] // max(1, width)),
        "num_blocks": max(0, _blocks(published, resolutions[0]) - 1),
        "attn_resolutions": [
            size for size in resolutions if any(_attends(key, size) for key in published if key.endswith("qkv.weight"))
        ],
        "img_resolution": resolutions[0],
        "embedding_type": "fourier" if "model.map_noise.freqs" in published else "positional",
        "channel_mult_noise": max(1, published[embedding].shape[1] // max(1, width)),
        "encoder_type": "residual" if residual else "skip" if skip else "standard",
        "decoder_type": "skip" if lower else "standard",
        "resample_filter": _taps(published),
        # As they were trained.
        "lr_upsample": "truncated",
        **given,
    }


def _blocks(published: Mapping[str, Tensor], size: int) -> int:
    """Decoder blocks of a level."""
    pattern = re.compile(rf"model\.dec\.{size}x{size}_block(\d+)\.conv0\.weight")
    return len([key for key in published if pattern.fullmatch(key)])


def _width(published: Mapping[str, Tensor], size: int) -> int:
    key = f"model.dec.{size}x{size}_block0.conv0.weight"
    require_kernels("Ref-Diff", published, {key: 4})
    return published[key].shape[0]


def _attends(key: str, size: int) -> bool:
    """Whether the key is that of an attention by wish; the lowest level has one in any case."""
    return re.match(rf"model\.(enc|dec)\.{size}x{size}_block", key) is not None


def _taps(published: Mapping[str, Tensor]) -> list[int]:
    """The filter's taps, from any of the buffers that hold its square."""
    for key, value in published.items():
        if key.endswith("resample_filter") and value.dim() == 4:
            row = value[0, 0].sum(dim=0)
            return [round(float(tap)) for tap in row / row.abs().min()]
    return [1, 1]


def refdiff_keys(network: RefDiff) -> dict[str, str]:
    """Our keys and the published ones."""
    return under("unet", "model", unet_keys(network.unet))


def unet_keys(unet: ConditionedUNet) -> dict[str, str]:
    """The same of the network inside the preconditioning."""
    keys = {
        f"embedding.{ours}.{leaf}": f"map_layer{at}.{leaf}"
        for at, ours in enumerate(("first", "second"))
        for leaf in ("weight", "bias")
    }
    if unet.shape.embedding_type == "fourier":
        keys["embedding.frequencies"] = "map_noise.freqs"
    keys |= {f"conv_in.{leaf}": f"enc.{_size(unet, 0)}_conv.{leaf}" for leaf in ("weight", "bias")}
    for ours, theirs in (("encoder", "enc"), ("decoder", "dec"), ("output", "dec")):
        parts = getattr(unet, ours)
        for name, part in parts.items():
            level, _, kind = name.partition("_")
            published = f"{theirs}.{_size(unet, int(level))}_{kind}"
            keys |= under(f"{ours}.{name}", published, dict(part_keys(part)))
    return keys


def _size(unet: ConditionedUNet, level: int) -> str:
    side = unet.shape.img_resolution >> level
    return f"{side}x{side}"


def part_keys(part: nn.Module) -> Iterator[tuple[str, str]]:
    """Keys within one part; a block's have other names."""
    names = block_keys(part) if isinstance(part, DenoisingBlock) else {"conv": ""}
    for key in part.state_dict():
        module, _, leaf = key.rpartition(".")
        theirs = names.get(module, module)
        yield key, f"{theirs}.{leaf}" if theirs else leaf


def block_keys(block: DenoisingBlock) -> dict[str, str]:
    """Modules within a block."""
    modules = {
        "norm_in": "norm0",
        "conv_in.conv": "conv0",
        "embed": "affine",
        "norm_out": "norm1",
        "conv_out": "conv1",
        "skip.conv": "skip",
        "attention.norm": "norm2",
        "attention.qkv": "qkv",
        "attention.proj": "proj",
    }
    if isinstance(block, DecoderBlock):
        modules |= relevance_keys("structure", "sft0") | relevance_keys("texture", "sft1")
    return modules
