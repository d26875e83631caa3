"""Changed and unchanged areas scored apart: there a reference misleads, here it should help."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.metrics.fidelity import WINDOW, psnr, similarity

Array = npt.NDArray[Any]
Region = npt.NDArray[np.bool_]

REGIONS = ("changed", "unchanged")
FEWEST = 256
"""Pixels below which an area says nothing of an image."""


def region_metrics() -> dict[str, dict[str, str]]:
    """What is measured in areas, by name: unit, direction, library."""
    about = {
        "psnr": {"unit": "dB", "better": "higher", "library": "refsr"},
        "ssim": {"unit": "", "better": "higher", "library": "refsr"},
    }
    found = {f"{metric}-{region}": dict(of) for region in REGIONS for metric, of in about.items()}
    return found | {"leak-changed": {"unit": "", "better": "lower", "library": "refsr"}}


def regional(image: Array, target: Array, changed: Region) -> dict[str, float]:
    """PSNR and SSIM of (H, W[, C]) in [0, 255] over the changed and the unchanged pixels (H, W); NaN where too few.

    SSIM is that of windows whose middle lies in the area.
    """
    if changed.shape != image.shape[:2]:
        raise DataError(f"the image has shape {image.shape}, the map of what changed {changed.shape}")
    scores: dict[str, float] = {}
    edge = WINDOW // 2
    middle = slice(edge, -edge)
    maps = similarity(image, target) if min(image.shape[:2]) >= WINDOW else None
    for name, region in zip(REGIONS, (changed, ~changed), strict=True):
        scores[f"psnr-{name}"] = psnr(image[region], target[region]) if enough(region) else math.nan
        inner = region[middle, middle]
        scores[f"ssim-{name}"] = float(maps[inner].mean()) if maps is not None and enough(inner) else math.nan
    return scores


def leak(detail: Array, wanted: Array, offered: Array, changed: Region) -> float:
    """How much of the reference's detail a result shows in changed areas beyond what the target holds; NaN where few.

    All three details (H, W, C) are images less their own low-resolution content. The result's is explained by the
    target's and the reference's together, by least squares; what falls to the reference is the leak: 0 none of it,
    1 all of it.
    """
    if not enough(changed):
        return math.nan
    parts = np.stack([wanted[changed].ravel(), offered[changed].ravel()], axis=1).astype(np.float64)
    square = parts.T @ parts
    if np.linalg.cond(square) > 1e8:
        return math.nan
    return float(np.linalg.solve(square, parts.T @ detail[changed].ravel().astype(np.float64))[1])


def enough(region: Region) -> bool:
    """Whether an area is large enough to be scored."""
    return int(np.count_nonzero(region)) >= FEWEST
