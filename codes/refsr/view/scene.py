"""What the viewer shows at a time: the plane, and the layers that lie on it."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from refsr.core.errors import UsageError, listed
from refsr.view.layers import PERCENTILES, Layer, Role
from refsr.view.plane import Plane
from refsr.view.tiles import colour_stops

MOST_LAYERS = 64


@dataclass
class Scene:
    """The layers of one place by key. Those that were opened stay; results come and go."""

    plane: Plane
    name: str
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    """What tells its tiles from those of another scene in the browser's cache."""
    _layers: dict[str, Layer] = field(default_factory=dict)
    _made: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, layer: Layer) -> Layer:
        """Shows a layer under a key of its own."""
        with self._lock:
            if len(self._layers) >= MOST_LAYERS:
                raise UsageError(f"{MOST_LAYERS} layers are shown already; remove results that are not needed")
            self._made += 1
            kept = replace(layer, key=str(self._made))
            self._layers[kept.key] = kept
            return kept

    def remove(self, key: str) -> None:
        """Takes a result away."""
        with self._lock:
            layer = self._layers.get(key)
            if layer is None or not layer.removable:
                raise UsageError(f"layer {key}: is no result that could be removed")
            del self._layers[key]
        layer.close()

    def get(self, key: str) -> Layer:
        """The layer of a key; a UsageError where there is none."""
        with self._lock:
            found = self._layers.get(key)
            if found is None:
                raise UsageError(f"layer {key!r} is not shown; these are: {listed(self._layers)}")
            return found

    @property
    def layers(self) -> list[Layer]:
        """All that is shown, in the order in which it came."""
        with self._lock:
            return list(self._layers.values())

    def of(self, role: Role) -> Layer | None:
        """The first layer of a role."""
        return next((layer for layer in self.layers if layer.role == role), None)

    def close(self) -> None:
        """Closes all layers."""
        for layer in self.layers:
            layer.close()

    def described(self) -> dict[str, Any]:
        """The scene as the page takes it; no path is in it."""
        grid = self.plane.grid
        plane = {"width": grid.width, "height": grid.height, "levels": self.plane.levels, "native": self.plane.native,
                 "origin": self.plane.origin, "grid": "" if grid.geotransform.crs is None else str(grid)}  # fmt: skip
        return {"id": self.id, "name": self.name, "plane": plane, "percentiles": PERCENTILES,
                "layers": [described_layer(layer) for layer in self.layers]}  # fmt: skip


def described_layer(layer: Layer) -> dict[str, Any]:
    """A layer as the page takes it."""
    quantiles = layer.quantiles()
    found: dict[str, Any] = {
        "key": layer.key,
        "name": layer.name,
        "role": layer.role,
        "width": layer.width,
        "height": layer.height,
        "bands": [{"number": number, "name": name} for number, name in zip(layer.numbers, layer.bands, strict=True)],
        "type": layer.dtype,
        "shown": layer.shown,
        "grid": layer.grid,
        "note": layer.note,
        "bounds": layer.bounds,
        "quantiles": quantiles,
        "removable": layer.removable,
    }
    if layer.legend is not None:
        legend = layer.legend
        high = quantiles[0][PERCENTILES.index(98.0)] if legend.high is None else legend.high
        found["legend"] = {
            "title": legend.title,
            "about": legend.about,
            "colours": colour_stops(legend.colours),
            "low": legend.low,
            "high": float(np.float32(high)) if high > legend.low else legend.low + 1,
        }
    return found
