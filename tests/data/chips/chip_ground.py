"""Scenes for tests of chips, and what can be computed of chips without the code that cut them."""

from __future__ import annotations

import json
from pathlib import Path

import ground
import numpy as np
from rasterio.transform import Affine
from rasterio.warp import transform

from refsr.data.chips.run import ChipsReport, cut_chips
from refsr.data.chips.settings import ChipSettings

DEGREES = Affine(1.2e-4, 0, -111.012, 0, -9e-5, 42.012)
"""A grid in longitude and latitude around the ground of `hr`."""


def hr(path: Path, height: int = 512, width: int = 640, **more) -> Path:
    return ground.write(path, ground.north_up(10), height, width, **{"dtype": "uint8", **more})


def ref(path: Path, **more) -> Path:
    return ground.write(path, DEGREES, 800, 900, "EPSG:4326", **{"dtype": "uint8", **more})


def cut(target: Path, *sources: Path, **settings) -> ChipsReport:
    """Small chips with little ground between splits, so that there are some of each."""
    names = tuple(map(str, sources))
    overwrite = settings.pop("overwrite", False)
    plain = {"size": 64, "scale": 4, "block": 1400.0, "gap": 40.0, "split": (0.5, 0.25, 0.25), **settings}
    plain = {name: tuple(map(str, value)) if name in ("ref", "lr") else value for name, value in plain.items()}
    return cut_chips(ChipSettings(names, **plain), target, overwrite)


def record(target: Path) -> dict:
    return json.loads((target / "chips.json").read_text())


def footprints(target: Path) -> list[tuple[dict, np.ndarray]]:
    """Properties and the corners' metres of HOME, read from the GeoJSON."""
    found = []
    for feature in json.loads((target / "footprints.geojson").read_text())["features"]:
        ring = np.array(feature["geometry"]["coordinates"][0])
        east, north = transform("EPSG:4326", ground.HOME, ring[:, 0], ring[:, 1])
        found.append((feature["properties"], np.stack([east, north], 1)))
    return found


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Metres between two convex polygons; 0 where they share ground."""
    if _inside(one, other).any() or _inside(other, one).any() or _cross(one, other):
        return 0.0
    return min(_to_edges(one, other), _to_edges(other, one))


def _inside(points: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """By the sides of a ring on which points lie."""
    edges = np.diff(ring, axis=0)
    to = points[:, None] - ring[None, :-1]
    sides = edges[None, :, 0] * to[:, :, 1] - edges[None, :, 1] * to[:, :, 0]
    return (sides >= 0).all(axis=1) | (sides <= 0).all(axis=1)


def _cross(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether any two edges cross."""
    a, b = one[:-1, None], one[1:, None]
    c, d = other[None, :-1], other[None, 1:]

    def side(p, q, r):
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])

    return bool(((side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)).any())


def _to_edges(points: np.ndarray, ring: np.ndarray) -> float:
    start, edges = ring[:-1], np.diff(ring, axis=0)
    to = points[:, None] - start[None]
    along = np.clip((to * edges).sum(2) / (edges**2).sum(1), 0, 1)
    return float(np.linalg.norm(to - along[:, :, None] * edges[None], axis=2).min())
