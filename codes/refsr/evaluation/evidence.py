"""Evidence beside the results of an evaluation: what it is made of, and its planes as pictures for reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from refsr.data.change.estimate import change_where
from refsr.data.sample import Sample
from refsr.evaluation.images import ImageArray, save_png, to_hwc

PREFIX = "evidence-"
"""Before a plane's name, among the pictures of an image."""
WIDEST = 64 / 255
"""Half-widths from here on are white."""


def with_evidence(sample: Sample, scale: int) -> Sample:
    """A sample with the weight of its reference, and the probability that the ground changed since."""
    if "ref" not in sample:
        return sample
    found = dict(sample)
    weight = sample.get("ref_weight", torch.ones_like(sample["hr"][:1]))
    lr, ref = to_hwc(sample["lr"]), to_hwc(sample["ref"])
    change = change_where(lr, ref, to_hwc(weight)[:, :, 0], scale)
    return {**found, "ref_weight": weight, "change": torch.from_numpy(change)[None]}  # type: ignore[typeddict-item]


def save_evidence(paths: Sequence[Path], planes: ImageArray, names: Sequence[str]) -> None:
    """Saves planes (H, W, P) as pictures, black for 0 and white for 1; half-widths up to WIDEST."""
    for index, (path, name) in enumerate(zip(paths, names, strict=True)):
        whole = WIDEST if name == "uncertainty" else 1.0
        save_png(path, np.clip(planes[:, :, index : index + 1] / np.float32(whole), 0, 1))
