"""What results look like in a notebook: two images to wipe between, and a table of facts, as HTML without scripts."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.data.images import Array, read_image

LARGEST_SIDE = 384
LEAST_WIDTH = 256
"""So that a small image leaves room for two names."""
LARGEST_PNG = 100_000
"""Bytes of a thumbnail: notebooks are mailed and kept in git."""
FULL = 255.0
_STYLE = "margin:0;min-width:0;"
# Both lie side by side until the slider is moved: where a host strips handlers, that is what remains.
_SWIPE = (
    "var p=this.closest('.refsr-pair'),f=p.querySelectorAll('figure');p.style.gridTemplateColumns='1fr';"
    "p.style.maxWidth=p.dataset.side+'px';f[0].style.gridArea=f[1].style.gridArea='1/1';"
    "f.forEach(one=>one.lastElementChild.style.width='50%');f[1].lastElementChild.style.marginLeft='auto';"
    "f[1].style.textAlign='right';f[1].firstElementChild.style.clipPath='inset(0 0 0 '+this.value+'%)'"
)


@dataclass(frozen=True)
class Shown:
    """Two images side by side in a notebook's cell, with a slider that lays one over the other."""

    before: npt.NDArray[np.uint8]
    after: npt.NDArray[np.uint8]
    names: tuple[str, str]

    def __repr__(self) -> str:
        height, width = self.after.shape[:2]
        return f"Shown({self.names[0]!r}, {self.names[1]!r}; {height} x {width} pixels)"

    def _repr_html_(self) -> str:
        width = max(self.after.shape[1], LEAST_WIDTH)
        both = "".join(_figure(*one) for one in zip((self.before, self.after), self.names, strict=True))
        first, second = map(html.escape, self.names)
        return (
            f'<div class="refsr-pair" data-side="{width}" style="display:grid;grid-template-columns:1fr 1fr;gap:4px;'
            f'max-width:{2 * width + 4}px">{both}<input type="range" min="0" max="100" value="50" '
            f'aria-label="{first} left, {second} right" title="wipe between {first} and {second}" '
            f'style="grid-column:1/-1;margin:0" oninput="{_SWIPE}"></div>'
        )


def show(before: Array | str | Path, after: Array | str | Path, names: tuple[str, str] = ("LR", "restored")) -> Shown:
    """Two images as thumbnails for a notebook's cell, such as LR and what was restored of it.

    Arrays (H, W) or (H, W, C), or image files. Both are drawn at the size of `after`, at most 384 pixels. The first
    three bands are shown, and values other than 8 bits from the 2nd to the 98th percentile of `before`.

    >>> refsr.show(np.zeros((24, 32, 3), np.uint8), np.zeros((96, 128, 3), np.uint8))
    Shown('LR', 'restored'; 96 x 128 pixels)
    """
    first, second = (_three_bands(one) for one in (before, after))
    low, high = (0.0, FULL) if first.dtype == second.dtype == np.uint8 else _contrast(first)
    height, width = second.shape[:2]
    shrink = min(1.0, LARGEST_SIDE / max(height, width))
    while True:
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        drawn = [_drawn(one, size, low, high) for one in (first, second)]
        if max(map(len, map(_png, drawn))) <= LARGEST_PNG:
            return Shown(drawn[0], drawn[1], (str(names[0]), str(names[1])))
        shrink *= 0.85


def facts(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """A table of two columns as HTML."""
    lines = "".join(
        f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f'<table><caption style="text-align:left">{html.escape(title)}</caption><tbody>{lines}</tbody></table>'


def _three_bands(image: Array | str | Path) -> Array:
    pixels = read_image(image) if isinstance(image, (str, Path)) else np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise DataError(f"an image of shape {pixels.shape}: expected (H, W) or (H, W, C)")
    return pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1].repeat(3, axis=2)


def _contrast(pixels: Array) -> tuple[float, float]:
    finite = pixels[np.isfinite(pixels)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(one) for one in np.percentile(finite, (2, 98)))
    return low, high if high > low else low + 1


def _drawn(pixels: Array, size: tuple[int, int], low: float, high: float) -> npt.NDArray[np.uint8]:
    values = np.nan_to_num((pixels.astype(np.float32) - low) * (FULL / (high - low)), posinf=FULL, neginf=0.0)
    larger = size[0] > pixels.shape[1]
    resized = cv2.resize(values, size, interpolation=cv2.INTER_CUBIC if larger else cv2.INTER_AREA)
    drawn: npt.NDArray[np.uint8] = np.clip(np.rint(resized), 0, FULL).astype(np.uint8)
    return drawn


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", image[:, :, ::-1])[1].tobytes()


def _figure(image: npt.NDArray[np.uint8], name: str) -> str:
    source = base64.b64encode(_png(image)).decode()
    text = html.escape(name)
    return (
        f'<figure style="{_STYLE}"><img src="data:image/png;base64,{source}" alt="{text}" width="{image.shape[1]}" '
        f'height="{image.shape[0]}" style="display:block;width:100%;height:auto;margin:0">'
        f"<figcaption>{text}</figcaption></figure>"
    )
