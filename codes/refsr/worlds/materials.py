"""What surfaces are made of: how they reflect, how rough they look, and which land cover they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Cover(IntEnum):
    """Land cover by the classes of SECOND; UNCHANGED occurs in change masks only."""

    UNCHANGED = 0
    WATER = 1
    GROUND = 2
    LOW_VEGETATION = 3
    TREE = 4
    BUILDING = 5
    PLAYGROUND = 6


@dataclass(frozen=True)
class Material:
    """One kind of surface: linear reflectance in red, green and blue, and how it varies."""

    name: str
    reflectance: tuple[float, float, float]
    cover: Cover
    grain: float
    """Relative variation from pixel to pixel."""
    clumps: float
    """Relative variation over half a metre to two metres: tufts, stones, stains."""
    patches: float
    """Relative variation over five to thirty metres."""


G, L, B = Cover.GROUND, Cover.LOW_VEGETATION, Cover.BUILDING

# Never reordered: indices are stored in land-cover files and seed draws.
MATERIALS: tuple[Material, ...] = (
    Material("asphalt", (0.105, 0.105, 0.108), G, 0.07, 0.06, 0.10),
    Material("concrete", (0.30, 0.29, 0.27), G, 0.06, 0.07, 0.08),
    Material("gravel", (0.26, 0.245, 0.22), G, 0.14, 0.10, 0.08),
    Material("bare_soil", (0.205, 0.155, 0.108), G, 0.10, 0.11, 0.14),
    Material("wet_soil", (0.105, 0.082, 0.06), G, 0.09, 0.12, 0.16),
    Material("sand", (0.40, 0.345, 0.255), G, 0.05, 0.06, 0.08),
    Material("grass_green", (0.078, 0.112, 0.045), L, 0.14, 0.15, 0.16),
    Material("grass_dry", (0.17, 0.155, 0.08), L, 0.14, 0.17, 0.18),
    Material("crop_green", (0.055, 0.098, 0.033), L, 0.10, 0.09, 0.10),
    Material("crop_young", (0.125, 0.128, 0.07), L, 0.12, 0.10, 0.12),
    Material("crop_ripe", (0.265, 0.21, 0.105), L, 0.08, 0.08, 0.09),
    Material("stubble", (0.25, 0.205, 0.13), L, 0.12, 0.09, 0.10),
    Material("tree_broadleaf", (0.052, 0.082, 0.03), Cover.TREE, 0.22, 0.28, 0.08),
    Material("tree_conifer", (0.028, 0.048, 0.024), Cover.TREE, 0.24, 0.28, 0.08),
    Material("shrub", (0.06, 0.085, 0.036), Cover.TREE, 0.22, 0.24, 0.10),
    Material("water_clear", (0.022, 0.036, 0.042), Cover.WATER, 0.04, 0.05, 0.12),
    Material("water_turbid", (0.062, 0.073, 0.053), Cover.WATER, 0.03, 0.04, 0.12),
    Material("roof_tile", (0.22, 0.115, 0.08), B, 0.13, 0.10, 0.06),
    Material("roof_metal_light", (0.46, 0.47, 0.47), B, 0.03, 0.05, 0.06),
    Material("roof_metal_dark", (0.14, 0.165, 0.20), B, 0.04, 0.05, 0.06),
    Material("roof_bitumen", (0.10, 0.098, 0.095), B, 0.09, 0.12, 0.12),
    Material("roof_gravel", (0.24, 0.23, 0.215), B, 0.12, 0.10, 0.10),
    Material("road_paint", (0.52, 0.52, 0.50), G, 0.08, 0.14, 0.05),
    Material("car_paint", (0.30, 0.30, 0.30), G, 0.04, 0.04, 0.0),
    Material("track_red", (0.235, 0.085, 0.062), Cover.PLAYGROUND, 0.05, 0.04, 0.06),
    Material("turf", (0.075, 0.125, 0.042), Cover.PLAYGROUND, 0.10, 0.07, 0.06),
    Material("plastic_sheet", (0.42, 0.44, 0.44), B, 0.05, 0.10, 0.05),
    Material("court", (0.10, 0.14, 0.17), Cover.PLAYGROUND, 0.05, 0.04, 0.05),
    Material("wall", (0.30, 0.275, 0.24), B, 0.08, 0.10, 0.0),
    Material("glass", (0.045, 0.055, 0.07), B, 0.04, 0.0, 0.0),
)

INDEX = {material.name: index for index, material in enumerate(MATERIALS)}
REFLECTANCE = np.array([material.reflectance for material in MATERIALS], dtype=np.float32)
COVER = np.array([material.cover for material in MATERIALS], dtype=np.uint8)
ROUGHNESS = np.array([(m.grain, m.clumps, m.patches) for m in MATERIALS], dtype=np.float32)
