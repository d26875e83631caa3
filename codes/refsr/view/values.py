"""True values of the files: those under a point of the plane, and those along a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from refsr.core.errors import UsageError
from refsr.view.layers import Layer
from refsr.view.scene import Scene

SAMPLES = 256
"""Points of a profile, at most."""


def values_at(scene: Scene, x: float, y: float) -> dict[str, Any]:
    """The pixel of each layer under a point of the plane, the outline of LR's, and where on the ground that is."""
    layers = []
    for layer in scene.layers:
        columns, rows = layer.placement.to_layer([x], [y])
        values, known = layer.read(columns, rows)
        if known[0]:
            layers.append({"key": layer.key, "column": int(columns[0]), "row": int(rows[0]), "values": values[0]})
    place = scene.plane.grid.geotransform
    east, north = place.point(x, y)
    ground = None if place.crs is None else [float(east), float(north)]
    return {"layers": layers, "footprint": footprint(scene, x, y), "ground": ground}


def footprint(scene: Scene, x: float, y: float) -> list[list[float]] | None:
    """The corners on the plane of LR's pixel under a point; None beside LR."""
    lr = scene.of("lr")
    if lr is None:
        return None
    columns, rows = lr.placement.to_layer([x], [y])
    if not (np.isfinite(columns + rows).all() and 0 <= columns[0] < lr.width and 0 <= rows[0] < lr.height):
        return None
    left, top = math.floor(columns[0]), math.floor(rows[0])
    corners = lr.placement.to_plane([left, left + 1, left + 1, left], [top, top, top + 1, top + 1])
    return [[float(a), float(b)] for a, b in zip(*corners, strict=True)]


def profile(scene: Scene, line: Sequence[float], keys: Sequence[str]) -> dict[str, Any]:
    """The values of layers along a line (x, y, x, y) of the plane: of each band, null where there is no data."""
    if len(line) != 4 or not all(map(math.isfinite, line)):
        raise UsageError("a profile takes four numbers: x and y of both ends")
    x0, y0, x1, y1 = line
    length = math.hypot(x1 - x0, y1 - y0)
    if length == 0:
        raise UsageError("the line of a profile has no length; choose two points")
    count = int(min(SAMPLES, max(2, math.ceil(length) + 1)))
    x, y = np.linspace(x0, x1, count), np.linspace(y0, y1, count)
    layers = [{"key": key, "values": _along(scene.get(key), x, y)} for key in dict.fromkeys(keys)]
    metres = scene.plane.grid.pixel_metres
    known = math.isfinite(metres)
    return {"length": length * (metres if known else 1), "unit": "m" if known else "pixels", "layers": layers}


def _along(layer: Layer, x: Any, y: Any) -> list[list[float | None]]:
    values, known = layer.read(*layer.placement.to_layer(x, y))
    return [
        [value[band] if there else None for value, there in zip(values, known, strict=True)]
        for band in range(len(layer.numbers))
    ]
