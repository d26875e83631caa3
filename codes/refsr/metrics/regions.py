"""PSNR and SSIM of changed and unchanged areas, and the leak of the reference into changed areas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.metrics.fidelity import WINDOW, psnr, ssim_map

Array = npt.NDArray[Any]
Region = npt.NDArray[np.bool_]

REGIONS = ("changed", "unchanged")
FEWEST = 256
"""Areas of fewer pixels are not scored."""


def region_metrics() -> dict[str, dict[str, str]]:
    """The metrics of areas by name: unit, direction, library."""
    about = {
        "psnr": {"unit": "dB", "better": "higher", "library": "refsr"},
        "ssim": {"unit": "", "better": "higher", "library": "refsr"},
    }
    found = {f"{metric}-{region}": dict(of) for region in REGIONS for metric, of in about.items()}
    return found | {"leak-changed": {"unit": "", "better": "lower", "library": "refsr"}}


def region_scores(image: Array, target: Array, changed: Region) -> dict[str, float]:
    """PSNR and SSIM of (H, W[, C]) in [0, 255] over changed and unchanged pixels (H, W); NaN where too few.

    SSIM is averaged over windows whose centre lies in the area.
    """
    if changed.shape != image.shape[:2]:
        raise DataError(f"the image has shape {image.shape}, the map of what changed {changed.shape}")
    scores: dict[str, float] = {}
    edge = WINDOW // 2
    middle = slice(edge, -edge)
    maps = ssim_map(image, target) if min(image.shape[:2]) >= WINDOW else None
    for name, region in zip(REGIONS, (changed, ~changed), strict=True):
        scores[f"psnr-{name}"] = psnr(image[region], target[region]) if large_enough(region) else math.nan
        inner = region[middle, middle]
        scores[f"ssim-{name}"] = float(maps[inner].mean()) if maps is not None and large_enough(inner) else math.nan
    return scores


def leak(detail: Array, wanted: Array, offered: Array, changed: Region) -> float:
    """How much of the reference's detail a result shows in changed areas; NaN where too few pixels changed.

    All three details (H, W, C) are images minus their own low-resolution content. A least-squares fit explains the
    result's detail by the target's and the reference's; the reference's coefficient is the leak: 0 none, 1 all.
    """
    if not large_enough(changed):
        return math.nan
    parts = np.stack([wanted[changed].ravel(), offered[changed].ravel()], axis=1).astype(np.float64)
    square = parts.T @ parts
    if np.linalg.cond(square) > 1e8:
        return math.nan
    return float(np.linalg.solve(square, parts.T @ detail[changed].ravel().astype(np.float64))[1])


def large_enough(region: Region) -> bool:
    """Whether an area is large enough to be scored."""
    return int(np.count_nonzero(region)) >= FEWEST
