"""The parts of LR and of its reference that a rectangle is restored from, written as small rasters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.core.foreign_files import require_pixels
from refsr.core.window import Window
from refsr.geo.raster_source import RasterSource
from refsr.geo.value_range import ValueRange, find_range, joint_range, sampled
from refsr.view.layers import Layer
from refsr.view.plane import Floats
from refsr.view.tiled import write_tiled

Treatment = Literal["as-is", "moved", "turned", "away"]
"""What is done to the reference, to see what a result takes from it."""
MOST_PIXELS = 1 << 20
"""Pixels of LR in a rectangle."""
FEWEST = 16
"""Pixels along each side of one."""
MOST_MOVED = 64.0
"""Pixels of LR by which a reference is moved."""
BESIDE = 16
"""Pixels of LR around a rectangle that the reference is read of, for its registration."""
ROUNDING = 0.01
"""Of a pixel."""


@dataclass(frozen=True)
class Rectangle:
    """A part of LR, and the part around it that the network sees."""

    kept: Window
    seen: Window


def rectangle_on(lr: Layer, corners: tuple[float, float, float, float], around: int) -> Rectangle:
    """The pixels of LR that a rectangle (left, top, right, bottom) of the plane touches."""
    left, top, right, bottom = corners
    columns, rows = lr.placement.to_layer([left, right, right, left], [top, top, bottom, bottom])
    if not np.isfinite(columns + rows).all():
        raise UsageError("the rectangle lies beside LR")
    kept = _clipped(_around(columns, rows), lr)
    if min(kept.height, kept.width) < FEWEST:
        size = f"{max(0, kept.height)}x{max(0, kept.width)}"
        raise UsageError(f"the rectangle covers {size} pixels of LR; expected {FEWEST}x{FEWEST} or more")
    if kept.height * kept.width > MOST_PIXELS:
        raise UsageError(
            f"the rectangle covers {kept.height}x{kept.width} pixels of LR; at most {MOST_PIXELS:,} are restored here, "
            "refsr restore does whole scenes"
        )
    return Rectangle(kept, _widened(kept, around, lr))


def write_lr(lr: Layer, rectangle: Rectangle, target: Path) -> None:
    """The part of LR that the network sees."""
    _write(lr, rectangle.seen, rectangle.seen, target, turned=False)


def write_reference(
    lr: Layer, ref: Layer, rectangle: Rectangle, treatment: Treatment, move: tuple[float, float], target: Path
) -> None:
    """The part of a reference that shows the same ground, or what the treatment makes of it.

    A moved reference lies `move` pixels of LR farther to the right and down, to a pixel of its own.
    """
    if treatment not in get_args(Treatment):
        raise UsageError(f"treatment {treatment!r}{suggestion(treatment, get_args(Treatment))}")
    if not all(abs(step) <= MOST_MOVED for step in move):
        raise UsageError(f"the reference is moved by up to {MOST_MOVED:g} pixels of LR")
    # Images without a georeference are paired corner on corner.
    window = rectangle.seen if not (lr.grid and ref.grid) else _widened(rectangle.seen, BESIDE, lr)
    place = _under(lr, ref, window)
    down, right = _in_reference(lr, ref, window, move) if treatment == "moved" else (0, 0)
    inside = _clipped(place, ref)
    if inside.height < FEWEST or inside.width < FEWEST:
        raise DataError(f"{ref.name}: shows nothing of the rectangle")
    content = Window(inside.top - down, inside.left - right, inside.height, inside.width)
    _write(ref, content, inside, target, turned=treatment == "turned")


def ranges_of(layers: list[Layer]) -> list[ValueRange]:
    """The values that become 0 and 1 of LR and its reference, by the same rules as for whole scenes."""
    spans, samples, kinds = [], [], []
    for layer in layers:
        with layer.opened() as dataset:
            source = RasterSource(dataset, layer.shown)
            found = sampled(source)
            spans.append(find_range(source, found))
            samples.append(found)
            kinds.append(source.dtype)
    if len(set(kinds)) == 1:
        joint = joint_range(spans, samples)
        spans = spans if joint is None else [joint] * len(spans)
    return spans


def _under(lr: Layer, ref: Layer, window: Window) -> Window:
    """The pixels of a reference under a window of LR."""
    corners = (
        [window.left, window.right, window.right, window.left],
        [window.top, window.top, window.bottom, window.bottom],
    )
    columns, rows = ref.placement.to_layer(*lr.placement.to_plane(*corners))
    if not np.isfinite(columns + rows).all():
        raise DataError(f"{ref.name}: shows nothing of the rectangle")
    return _around(columns, rows)


def _around(columns: Floats, rows: Floats) -> Window:
    """The whole pixels that points lie in; what rounding brings about is no pixel."""
    top, left = math.floor(rows.min() + ROUNDING), math.floor(columns.min() + ROUNDING)
    return Window(top, left, math.ceil(rows.max() - ROUNDING) - top, math.ceil(columns.max() - ROUNDING) - left)


def _in_reference(lr: Layer, ref: Layer, window: Window, move: tuple[float, float]) -> tuple[int, int]:
    """A move by pixels of LR, to the right and down, as rows and columns of the reference."""
    column, row = window.left + window.width / 2, window.top + window.height / 2
    columns, rows = ref.placement.to_layer(*lr.placement.to_plane([column, column + move[0]], [row, row + move[1]]))
    return round(float(rows[1] - rows[0])), round(float(columns[1] - columns[0]))


def _widened(window: Window, by: int, layer: Layer) -> Window:
    return _clipped(Window(window.top - by, window.left - by, window.height + 2 * by, window.width + 2 * by), layer)


def _clipped(window: Window, layer: Layer) -> Window:
    top, left = max(0, window.top), max(0, window.left)
    return Window(top, left, min(layer.height, window.bottom) - top, min(layer.width, window.right) - left)


def _write(layer: Layer, content: Window, place: Window, target: Path, turned: bool) -> None:
    """The shown bands of a layer under `content`, georeferenced as `place` where the layer is; beside it no data."""
    require_pixels(layer.name, content.height, content.width, len(layer.shown), "the part under the rectangle: ")
    with layer.opened() as dataset:
        source = RasterSource(dataset, layer.shown)
        nodata = source.nodata
        pixels = np.full((content.height, content.width, len(layer.shown)), nodata or 0, source.dtype)
        valid = np.zeros(pixels.shape[:2], bool)
        part = _clipped(content, layer)
        if not part.empty:
            there = part.within(content)
            pixels[there], valid[there] = source.read(part)
    if turned:
        pixels, valid = pixels[::-1, ::-1], valid[::-1, ::-1]
    profile: dict[str, Any] = {} if nodata is None else {"nodata": nodata}
    if layer.grid:
        profile |= layer.placement.layer.moved(place.left, place.top).profile()
    write_tiled(target, pixels, profile, None if nodata is not None or valid.all() else valid)
