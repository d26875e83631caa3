"""EDSR and MSRResNet as BasicSR keeps them: key map, and options from the shapes of tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from refsr.core.errors import DataError, UsageError
from refsr.interop.weights.conversion import Conversion, convert, require_kernels
from refsr.interop.weights.rrsnet import chain_length, under, with_parameters
from refsr.networks.blocks.upsampling import FACTORS
from refsr.networks.edsr import EDSR
from refsr.networks.msrresnet import MSRResNet

RESIDUAL_SCALES = {64: 1.0, 256: 0.1}
"""By EDSR's published widths: the baseline's and the large one's."""


def edsr_options(
    published: Mapping[str, Tensor], residual_scale: float | None = None, span: float = 255.0
) -> dict[str, Any]:
    """The network's keywords that fit these tensors, which do not show the last two."""
    options = _options("EDSR", published, "body", enlarging_steps(published))
    if residual_scale is None:
        if options["nf"] not in RESIDUAL_SCALES:
            raise UsageError(
                f"EDSR's weights do not show what its blocks are scaled by, and {options['nf']} features are no "
                "published width; say it: --residual-scale 1"
            )
        residual_scale = RESIDUAL_SCALES[options["nf"]]
    return {**options, "residual_scale": residual_scale, "span": span}


def import_edsr(
    published: Mapping[str, Tensor], residual_scale: float | None = None, span: float = 255.0
) -> tuple[EDSR, Conversion]:
    """The network with these tensors, and what became of each key."""
    options = edsr_options(published, residual_scale, span)
    network = EDSR(**options)
    done = convert(published, network, edsr_keys(options["n_blocks"], len(enlarging_steps(published))), ())
    network.load_state_dict(done.weights, strict=False)
    return network, done


def edsr_keys(blocks: int, steps: int) -> dict[str, str]:
    """Our keys beside BasicSR's; every one is used."""
    modules = {"head": "conv_first", **block_keys("body", blocks), "conv_after_body": "conv_after_body"}
    return with_parameters({**modules, **image_keys(steps)})


def msrresnet_options(published: Mapping[str, Tensor]) -> dict[str, Any]:
    """The network's keywords that fit these tensors, which may be MMSR's too."""
    return _options("MSRResNet", published, _chain(published), _upconvs(published))


def import_msrresnet(published: Mapping[str, Tensor]) -> tuple[MSRResNet, Conversion]:
    """The network with these tensors, and what became of each key."""
    options = msrresnet_options(published)
    network = MSRResNet(**options)
    keys = msrresnet_keys(options["n_blocks"], len(_upconvs(published)), _chain(published))
    done = convert(published, network, keys, ())
    network.load_state_dict(done.weights, strict=False)
    return network, done


def msrresnet_keys(blocks: int, steps: int, chain: str = "body") -> dict[str, str]:
    """Our keys beside BasicSR's, or MMSR's, whose chain is `recon_trunk`; every one is used."""
    modules = {"head": "conv_first", **block_keys(chain, blocks)}
    modules |= {f"upsample.{3 * step}": f"upconv{step + 1}" for step in range(steps)}
    conv_hr = "conv_hr" if chain == "body" else "HRconv"
    return with_parameters({**modules, "conv_hr": conv_hr, "to_image": "conv_last"})


def block_keys(chain: str, blocks: int) -> dict[str, str]:
    """The convolutions of residual blocks."""
    pairs = {"first": "conv1", "second": "conv2"}
    return {key: one for at in range(blocks) for key, one in under(f"body.{at}", f"{chain}.{at}", pairs).items()}


def image_keys(steps: int, ours: str = "tail") -> dict[str, str]:
    """Convolutions that enlarge a feature step by step and make an image of it."""
    enlarging = {f"{ours}.upsample.{2 * step}": f"upsample.{2 * step}" for step in range(steps)}
    return {**enlarging, f"{ours}.to_image": "conv_last"}


def factor(network: str, published: Mapping[str, Tensor], steps: list[str]) -> int:
    """By how much convolutions before pixel shuffles enlarge together."""
    require_kernels(network, published, dict.fromkeys(steps, 4))
    sides = [math.isqrt(published[key].shape[0] // max(1, published[key].shape[1])) for key in steps]
    for key, side in zip(steps, sides, strict=True):
        if side not in FACTORS or published[key].shape[0] != side**2 * published[key].shape[1]:
            raise DataError(
                f"no {network} weights: {key!r} has shape {tuple(published[key].shape)}, which enlarges by "
                "neither two nor three"
            )
    return math.prod(sides)


def _options(network: str, published: Mapping[str, Tensor], chain: str, steps: list[str]) -> dict[str, Any]:
    first = "conv_first.weight"
    require_kernels(network, published, {first: 4, f"{chain}.0.conv1.weight": 4, "conv_last.weight": 4})
    return {
        "scale": factor(network, published, steps),
        "channels": published[first].shape[1],
        "nf": published[first].shape[0],
        "n_blocks": chain_length(published, chain),
    }


def enlarging_steps(published: Mapping[str, Tensor]) -> list[str]:
    """Kernels of the enlarging steps, in their order."""
    found = (re.fullmatch(r"upsample\.(\d+)\.weight", key) for key in published)
    return [f"upsample.{at}.weight" for at in sorted(int(one[1]) for one in found if one)]


def _upconvs(published: Mapping[str, Tensor]) -> list[str]:
    return [key for key in ("upconv1.weight", "upconv2.weight") if key in published]


def _chain(published: Mapping[str, Tensor]) -> str:
    return "recon_trunk" if "recon_trunk.0.conv1.weight" in published else "body"
