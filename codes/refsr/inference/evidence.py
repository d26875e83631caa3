"""Evidence beside a result: what the reference brought, where it counted, how sure a pixel is, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from refsr.core.errors import UsageError
from refsr.inference.error_model import FEATURE_REACH, Restored, features, local_mean
from refsr.inference.passes import Passes
from refsr.inference.trust_options import Trust
from refsr.tasks.base import Batch

ABOUT = {
    "borrowed": "share of the detail beyond upsampled LR that the reference brought, 0 to 1",
    "coverage": "weight of the reference, 0 to 1",
    "change": "estimated probability that the ground changed since the reference, 0 to 1; 0 where coverage is",
    "uncertainty": "half the width of the 90 % interval, in the image's units",
}
"""The planes of evidence, in order; the last one of calibrated models alone."""
UNCERTAINTY = list(ABOUT).index("uncertainty")
BESIDE = ("ref_weight", "change")
"""Members that evidence is made of, beside the network's own."""
FAINT = 1 / 255
"""Detail of one grey level: where there is no more of it, hardly anything was borrowed."""


AROUND = 2
"""Pixels to each side over which detail is averaged."""


def bands_of(trust: Trust) -> tuple[str, ...]:
    """The names of the planes that a model gives."""
    return tuple(ABOUT) if trust.errors is not None else tuple(ABOUT)[:UNCERTAINTY]


def about(names: Sequence[str]) -> dict[str, str]:
    """What planes hold, as tags of a file."""
    return {f"REFSR_{name.upper()}": ABOUT[name] for name in names}


def require_tiff(output: Path) -> None:
    """A UsageError unless a file of evidence has a suffix of TIFFs."""
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise UsageError(f"{output}: evidence is kept as a TIFF of floats; expected a name that ends in .tif")


def evidence_reach(trust: Trust) -> int:
    """Pixels of LR that a pixel of evidence depends on."""
    return FEATURE_REACH if trust.errors is not None else 1


def evidence(image: Tensor, passes: Passes, lr_up: Tensor, batch: Batch, trust: Trust) -> Tensor:
    """The planes of `bands_of` (B, 3 or 4, s*h, s*w) for an image; the first of `passes` is that before held to LR.

    The half-width is in [0, 1], as images are.
    """
    empty = torch.zeros_like(image[:, :1])
    coverage, change = (batch[name].to(image.dtype) if name in batch else empty for name in BESIDE)
    planes = [borrowed(passes, lr_up), coverage, change]
    if trust.errors is not None:
        planes.append(trust.errors.half_width(features(Restored(image, *passes, batch["lr"], lr_up))))
    return torch.cat(planes, 1)


def borrowed(passes: Passes, lr_up: Tensor) -> Tensor:
    """Results with and without a reference, and LR_UX -> (B, 1, s*h, s*w): the share of detail that it brought."""
    image, alone = passes
    brought = local_mean((image - alone).abs().mean(1, keepdim=True), AROUND)
    own = local_mean((alone - lr_up).abs().mean(1, keepdim=True), AROUND)
    return brought / (brought + own + FAINT)
