"""What surfaces are made of: how they reflect, how rough they look, and which land cover they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class LandCover(IntEnum):
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
    cover: LandCover
    grain: float
    """Relative variation from pixel to pixel."""
    clumps: float
    """Relative variation over half a metre to two metres: tufts, stones, stains."""
    patches: float
    """Relative variation over five to thirty metres."""


G, L, B = LandCover.GROUND, LandCover.LOW_VEGETATION, LandCover.BUILDING

# Never reordered: indices are stored in land-cover files and seed draws.
MATERIALS: tuple[Material, ...] = (
    Material("asphalt", (0.118, 0.116, 0.115), G, 0.035, 0.045, 0.07),
    Material("concrete", (0.235, 0.228, 0.212), G, 0.03, 0.045, 0.06),
    Material("gravel", (0.225, 0.212, 0.19), G, 0.07, 0.06, 0.06),
    Material("bare_soil", (0.195, 0.158, 0.118), G, 0.05, 0.07, 0.09),
    Material("wet_soil", (0.115, 0.096, 0.075), G, 0.05, 0.08, 0.1),
    Material("sand", (0.34, 0.3, 0.235), G, 0.03, 0.04, 0.06),
    Material("grass_green", (0.088, 0.106, 0.058), L, 0.075, 0.085, 0.09),
    Material("grass_dry", (0.165, 0.152, 0.095), L, 0.075, 0.1, 0.11),
    Material("crop_green", (0.068, 0.095, 0.045), L, 0.05, 0.05, 0.06),
    Material("crop_young", (0.135, 0.132, 0.085), L, 0.06, 0.06, 0.07),
    Material("crop_ripe", (0.232, 0.195, 0.118), L, 0.04, 0.045, 0.055),
    Material("stubble", (0.225, 0.193, 0.135), L, 0.06, 0.05, 0.06),
    Material("tree_broadleaf", (0.052, 0.068, 0.034), LandCover.TREE, 0.1, 0.13, 0.06),
    Material("tree_conifer", (0.034, 0.046, 0.029), LandCover.TREE, 0.12, 0.14, 0.06),
    Material("shrub", (0.06, 0.074, 0.04), LandCover.TREE, 0.11, 0.13, 0.07),
    Material("water_clear", (0.028, 0.042, 0.047), LandCover.WATER, 0.02, 0.03, 0.06),
    Material("water_turbid", (0.068, 0.077, 0.06), LandCover.WATER, 0.02, 0.025, 0.06),
    Material("roof_tile", (0.205, 0.122, 0.092), B, 0.06, 0.055, 0.05),
    Material("roof_metal_light", (0.42, 0.425, 0.42), B, 0.02, 0.03, 0.05),
    Material("roof_metal_dark", (0.145, 0.165, 0.19), B, 0.025, 0.03, 0.05),
    Material("roof_bitumen", (0.115, 0.112, 0.108), B, 0.04, 0.07, 0.08),
    Material("roof_gravel", (0.235, 0.226, 0.21), B, 0.06, 0.06, 0.07),
    Material("road_paint", (0.4, 0.4, 0.385), G, 0.04, 0.1, 0.05),
    Material("car_paint", (0.28, 0.28, 0.28), G, 0.02, 0.02, 0.0),
    Material("track_red", (0.205, 0.095, 0.075), LandCover.PLAYGROUND, 0.03, 0.03, 0.05),
    Material("turf", (0.082, 0.115, 0.05), LandCover.PLAYGROUND, 0.05, 0.045, 0.05),
    Material("plastic_sheet", (0.38, 0.395, 0.39), B, 0.03, 0.06, 0.05),
    Material("court", (0.11, 0.14, 0.165), LandCover.PLAYGROUND, 0.03, 0.03, 0.04),
    Material("wall", (0.27, 0.25, 0.22), B, 0.04, 0.06, 0.0),
    Material("glass", (0.05, 0.058, 0.07), B, 0.02, 0.0, 0.0),
    Material("car_glass", (0.05, 0.058, 0.07), G, 0.02, 0.0, 0.0),
)

INDEX = {material.name: index for index, material in enumerate(MATERIALS)}
REFLECTANCE = np.array([material.reflectance for material in MATERIALS], dtype=np.float32)
COVER = np.array([material.cover for material in MATERIALS], dtype=np.uint8)
ROUGHNESS = np.array([(m.grain, m.clumps, m.patches) for m in MATERIALS], dtype=np.float32)
