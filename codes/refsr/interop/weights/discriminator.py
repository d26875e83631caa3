"""Published discriminator weights: of images, and of gradient maps, which are built alike."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from refsr.interop.weights.conversion import Conversion, convert, require_kernels
from refsr.interop.weights.layout import DISCRIMINATOR_SIDE, DISCRIMINATOR_WIDTH, discriminator_layout
from refsr.interop.weights.publishing import Form
from refsr.networks.discriminator import DOWNSAMPLINGS, SMALLEST, VGGDiscriminator

CONSTANTS: Mapping[str, Collection[Any]] = {
    "nf": (DISCRIMINATOR_WIDTH,),
    "head": ("linear",),
    "crop_size": range(DISCRIMINATOR_SIDE * SMALLEST, (DISCRIMINATOR_SIDE + 1) * SMALLEST),
    "spectral_norm": (False,),
}
"""Values that are constants of the published code."""


def discriminator_options(published: Mapping[str, Tensor]) -> dict[str, Any]:
    """The network's keywords that fit these tensors; the head is always the published one."""
    first, last, hidden = "conv0_0.weight", f"conv{DOWNSAMPLINGS - 1}_1.weight", "linear1.weight"
    require_kernels("discriminator_vgg_128", published, {first: 4, last: 4, hidden: 2})
    places = published[hidden].shape[1] // max(1, published[last].shape[0])
    return {
        "in_nc": published[first].shape[1],
        "nf": published[first].shape[0],
        "head": "linear",
        "crop_size": SMALLEST * max(1, math.isqrt(places)),
    }


def import_discriminator(published: Mapping[str, Tensor]) -> tuple[VGGDiscriminator, Conversion]:
    """The discriminator with these tensors, and what became of each key."""
    network = VGGDiscriminator(**discriminator_options(published))
    done = convert(published, network, discriminator_keys(), ())
    network.load_state_dict(done.weights, strict=False)
    return network, done


def discriminator_form(options: Mapping[str, Any]) -> Form:
    """How the published code stores a discriminator of published widths."""
    return Form(discriminator_layout(options["in_nc"]), discriminator_keys())


def discriminator_keys() -> dict[str, str]:
    """Our keys and the published ones."""
    keys = {"layers.0.bias": "conv0_0.bias"}
    keys |= {f"layers.{at}.weight": f"conv{at // 2}_{at % 2}.weight" for at in range(2 * DOWNSAMPLINGS)}
    for ours, theirs in {"hidden": "linear1", "logit": "linear2"}.items():
        keys |= {f"{ours}.{leaf}": f"{theirs}.{leaf}" for leaf in ("weight", "bias")}
    return keys
