"""Reads pictures of a results folder as 8-bit RGB, makes error maps, and encodes both for the page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.data.images import read_image
from refsr.evaluation.results import picture_file

Rgb = npt.NDArray[np.uint8]
Errors = npt.NDArray[np.float32]
LEVELS = 48
"""Colours of an error map: enough to be distinguished, few enough to compress well."""
TOPS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 255)
LOSSY_QUALITY = 88
LOSSLESS = 101
"""OpenCV's quality value for lossless WebP."""


@dataclass(frozen=True)
class Crop:
    """The part of a picture that is shown, as fractions of its sides; small pictures are shown whole."""

    top: float = 0.0
    left: float = 0.0
    height: float = 1.0
    width: float = 1.0

    @property
    def whole(self) -> bool:
        return self.height == self.width == 1.0

    def of(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """That part of (H, W[, C])."""
        rows, columns = image.shape[:2]
        top, left = round(self.top * rows), round(self.left * columns)
        height, width = max(round(self.height * rows), 1), max(round(self.width * columns), 1)
        return image[top : top + height, left : left + width]


def load(folder: Path, name: str) -> Rgb:
    """Reads a picture as (H, W, 3): with fewer bands the first in grey, with more the first three."""
    image = read_image(picture_file(folder, name))
    bands = image[:, :, :3] if image.shape[2] >= 3 else np.repeat(image[:, :, :1], 3, axis=2)
    if bands.dtype == np.uint8:
        return np.ascontiguousarray(bands)
    unit = bands.astype(np.float32) / (65535.0 if bands.dtype == np.uint16 else 1.0)
    picture: Rgb = np.rint(np.clip(np.nan_to_num(unit), 0.0, 1.0) * 255).astype(np.uint8)
    return picture


def error_map(image: Rgb, target: Rgb) -> Errors:
    """Absolute difference in 8-bit levels, mean over bands: two (H, W, 3) -> (H, W)."""
    if image.shape != target.shape:
        raise DataError(f"the picture is {_size(image)}, HR is {_size(target)}")
    errors: Errors = np.abs(image.astype(np.float32) - target.astype(np.float32)).mean(axis=2)
    return errors


def common_top(maps: list[Errors]) -> int:
    """The error at which the colour scale ends: a round number not below the 98th percentile of any map."""
    edge = max((float(np.percentile(one, 98.0)) for one in maps), default=0.0)
    return next((top for top in TOPS if top >= edge), TOPS[-1])


def painted(errors: Errors, top: int) -> Rgb:
    """An error map in colours: black is none, light yellow is `top` or more."""
    levels = np.clip(np.rint(errors / top * (LEVELS - 1)), 0, LEVELS - 1).astype(np.intp)
    picture: Rgb = colours()[levels]
    return picture


@lru_cache(maxsize=1)
def colours() -> Rgb:
    """The colour scale of error maps, (LEVELS, 3)."""
    import cv2

    ramp = np.linspace(0, 255, LEVELS).round().astype(np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)[:, 0, ::-1])


def gradient() -> str:
    """The same scale for the page's legend."""
    stops = ",".join("#{:02x}{:02x}{:02x}".format(*colours()[place]) for place in range(0, LEVELS, 4))
    return f"linear-gradient(90deg,{stops})"


def encoded(image: Rgb, lossless: bool) -> str:
    """An image as a data URI: WebP, or PNG and JPEG if OpenCV was built without it."""
    import cv2

    kind, parameters = "webp", [cv2.IMWRITE_WEBP_QUALITY, LOSSLESS if lossless else LOSSY_QUALITY]
    if not cv2.haveImageWriter(".webp"):
        kind, parameters = ("png", []) if lossless else ("jpeg", [cv2.IMWRITE_JPEG_QUALITY, LOSSY_QUALITY])
    done, content = cv2.imencode(f".{kind}", np.ascontiguousarray(image[:, :, ::-1]), parameters)
    if not done:
        raise DataError(f"a picture of {_size(image)} could not be encoded as {kind}")
    return f"data:image/{kind};base64,{base64.b64encode(content.tobytes()).decode()}"


def worst_crop(errors: Errors, most: int, grid: int) -> Crop:
    """The square of `most` pixels with the largest errors, aligned to LR pixels; small images whole."""
    rows, columns = errors.shape
    if max(rows, columns) <= most:
        return Crop()
    height, width = min(most - most % grid, rows), min(most - most % grid, columns)
    sums = np.pad(errors.astype(np.float64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    totals = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    totals = totals[::grid, ::grid]
    top, left = np.unravel_index(int(np.argmax(totals)), totals.shape)
    return Crop(int(top) * grid / rows, int(left) * grid / columns, height / rows, width / columns)


def _size(image: Rgb) -> str:
    return f"{image.shape[1]} \N{MULTIPLICATION SIGN} {image.shape[0]}"
