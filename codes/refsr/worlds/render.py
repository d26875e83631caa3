"""From what stands in a scene to the light that comes from it, and the truth that goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from refsr.worlds.canvas import Canvas
from refsr.worlds.geometry import SunPosition, ViewingGeometry
from refsr.worlds.materials import COVER, INDEX, REFLECTANCE, ROUGHNESS, LandCover
from refsr.worlds.relief import VisibleSurface, heights, sunlight, visible_surface
from refsr.worlds.scene import FINER, Scene, drawn
from refsr.worlds.texture import textures

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

SUNLIGHT = np.array([1.0, 0.965, 0.90], np.float32)
SKYLIGHT = np.array([0.19, 0.215, 0.255], np.float32)
# Slopes steeper than this are edges, not faces; shading them as faces would burn them out.
STEEPEST = 1.1
# Walls stand steeper to the light than the roof whose light they are given.
WALL_LIGHT = np.float32(0.55)


@dataclass(frozen=True)
class Rendering:
    """What reaches a sensor without atmosphere, (H, W) by canvas pixels, and what it shows."""

    radiance: Floats
    """(H, W, 3) linear light: reflectance times (sun times cosine plus sky)."""
    material: npt.NDArray[np.uint8]
    """Index into MATERIALS."""
    cover: npt.NDArray[np.uint8]
    """Land cover, as in Cover."""
    height: Floats
    """Metres above the ground."""
    ground: Floats
    """(H, W, 2): row and column, at nadir, of the foot of what is seen."""
    light: Floats
    """0 in a cast shadow to 1 in the sun."""


def render(scene: Scene, date: int, sun: SunPosition, viewing: ViewingGeometry) -> Rendering:
    """The scene on a date under a sun, seen under a viewing geometry."""
    canvas = drawn(scene, date)
    fine = canvas.frame.fine
    height = heights(canvas)
    lit = sunlight(height, sun, fine)
    own_material = _material(canvas)
    radiance = _reflectance(scene, canvas, own_material) * _irradiance(scene, height, lit, sun, fine)
    seen = visible_surface(height, viewing, fine)
    material, walls = _seen_material(own_material, seen)
    if viewing.off_nadir > 0:
        radiance, lit = _take(radiance, seen), _take(lit, seen)
        radiance[walls] *= WALL_LIGHT
    shown: Bytes = _centre(material)
    cover: Bytes = COVER[shown]
    return Rendering(
        radiance=_mean(radiance),
        material=shown,
        cover=cover,
        height=_centre(seen.height),
        ground=_feet(_centre(seen.source), canvas.size),
        light=_mean(lit),
    )


def cover_map(scene: Scene, date: int, viewing: ViewingGeometry) -> Bytes:
    """Land cover alone, (H, W), as `render` would give it."""
    canvas = drawn(scene, date)
    seen = visible_surface(heights(canvas), viewing, canvas.frame.fine)
    material, _ = _seen_material(_material(canvas), seen)
    cover: Bytes = COVER[_centre(material)]
    return cover


def _material(canvas: Canvas) -> Bytes:
    material: Bytes = np.asarray(canvas.material, np.uint8)[canvas.objects]
    return material


def _seen_material(material: Bytes, seen: VisibleSurface) -> tuple[Bytes, npt.NDArray[np.bool_]]:
    """What is seen, and where it is the side of a building; the sides of crowns are leaves like their tops."""
    shown: Bytes = _take(material, seen)
    walls: npt.NDArray[np.bool_] = seen.wall & (COVER == LandCover.BUILDING)[shown]
    shown[walls] = INDEX["wall"]
    return shown, walls


def _reflectance(scene: Scene, canvas: Canvas, material: npt.NDArray[np.uint8]) -> Floats:
    """(size, size, 3) reflectance with tint, rows and texture."""
    noise = textures(scene.seed, scene.index, canvas.size)
    rough = ROUGHNESS[material]
    factor = 1 + rough[..., 0] * noise.grain + rough[..., 1] * noise.clumps + rough[..., 2] * noise.patches
    factor += _rows(canvas, noise.clumps)
    np.clip(factor, 0.25, 2.2, out=factor)
    colour = np.asarray(canvas.tint, np.float32) * REFLECTANCE[np.asarray(canvas.material)]
    reflectance: Floats = colour[canvas.objects]
    reflectance *= factor[..., None]
    # Plants turn yellow in patches: more red, a little less blue.
    green = np.isin(COVER, (LandCover.LOW_VEGETATION, LandCover.TREE, LandCover.PLAYGROUND))[material] * noise.hue
    reflectance[..., 0] *= 1 + np.float32(0.09) * green
    reflectance[..., 2] *= 1 - np.float32(0.05) * green
    np.clip(reflectance, 0.004, 0.95, out=reflectance)
    return reflectance


def _rows(canvas: Canvas, wobble: Floats) -> Floats:
    """The rows of objects that have them: darker between, a little uneven."""
    result = np.zeros((canvas.size, canvas.size), np.float32)
    if not canvas.rows:
        return result
    table = np.zeros((len(canvas.material), 5), np.float32)
    for number, rows in canvas.rows.items():
        table[number] = (-np.sin(rows.angle), np.cos(rows.angle), 2 * np.pi / rows.spacing, rows.strength, rows.phase)
    lined = table[:, 3] > 0
    at = np.flatnonzero(lined[canvas.objects.ravel()])
    of = table[canvas.objects.ravel()[at]]
    y, x = np.divmod(at, canvas.size)
    across = (x * of[:, 0] + y * of[:, 1]) * of[:, 2] + of[:, 4]
    wave = np.sin(across + 0.5 * wobble.ravel()[at])
    # Wide stripes have edges, narrow rows are waves.
    wave = np.where(of[:, 2] < 0.25, np.clip(wave * 4, -1, 1), wave)
    result.ravel()[at] = of[:, 3] * wave * (1 + 0.3 * wobble.ravel()[at])
    return result


def _irradiance(scene: Scene, height: Floats, lit: Floats, sun: SunPosition, fine: float) -> Floats:
    """(size, size, 3) light on every surface: sun by its slope and shadow, sky by how much of it is open."""
    noise = textures(scene.seed, scene.index, len(height))
    gy, gx = np.gradient(height)
    # The ground itself rolls a little.
    relief = cv2.GaussianBlur(noise.patches, (0, 0), 6) * 0.035
    ry, rx = np.gradient(relief * 8)
    gy = np.clip(gy / fine + ry, -STEEPEST, STEEPEST)
    gx = np.clip(gx / fine + rx, -STEEPEST, STEEPEST)
    azimuth, elevation = np.radians(sun.azimuth), np.radians(sun.elevation)
    east, south, up = np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation)
    cosine = np.clip((up - gx * east - gy * south) / np.sqrt(1 + gx * gx + gy * gy), 0, None)
    around = cv2.boxFilter(height, -1, (33, 33))
    near = cv2.boxFilter(height, -1, (9, 9))
    hidden = np.clip(around - height, 0, None) / 7 + np.clip(near - height, 0, None) / 3
    open_sky = 1 / (1 + hidden)
    direct = (cosine * lit).astype(np.float32)
    light: Floats = direct[..., None] * SUNLIGHT + open_sky.astype(np.float32)[..., None] * SKYLIGHT
    return light


def _take(grid: npt.NDArray[Any], seen: VisibleSurface) -> npt.NDArray[Any]:
    """What each line of sight meets, of a grid (size, size, ...)."""
    met: npt.NDArray[Any] = grid.reshape(-1, *grid.shape[2:])[seen.source]
    return met


def _mean(grid: Floats) -> Floats:
    """Fine pixels averaged to canvas pixels."""
    size = grid.shape[0] // FINER
    return np.asarray(cv2.resize(grid, (size, size), interpolation=cv2.INTER_AREA))


def _centre(grid: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """One fine pixel of each canvas pixel, for what cannot be averaged."""
    return grid[FINER // 2 :: FINER, FINER // 2 :: FINER]


def _feet(source: npt.NDArray[np.intp], size: int) -> Floats:
    """Flat fine indices as (row, column) on the canvas, where an unmoved pixel has its own."""
    rows, columns = np.divmod(source, size)
    feet: Floats = (np.stack([rows, columns], -1).astype(np.float32) - FINER // 2) / np.float32(FINER)
    return feet
