"""The sun of a date, and what the air puts between ground and sensor: haze, clouds and their shadows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.worlds.geometry import SunPosition

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

ELEVATIONS = (25.0, 65.0)
# Air scatters short light more: optical depth of red, green and blue against green's, and the colour of its glow.
DEPTHS = np.array([0.80, 1.0, 1.30], np.float32)
GLOW = np.array([0.26, 0.32, 0.40], np.float32)
HEAVIEST_DEPTH = 0.9
# Sky light that still reaches the ground under a cloud, red to blue.
UNDER_CLOUD = np.array([0.36, 0.40, 0.46], np.float32)
CLOUD_WHITE = np.array([0.86, 0.87, 0.88], np.float32)
# Clouds are drawn on a coarser grid and upsampled: they have no edges as sharp as a pixel.
CLOUD_CELL = 4


@dataclass(frozen=True)
class AcquisitionTime:
    """Where and when an image is taken, and so where the sun stands (degrees; azimuth clockwise from north)."""

    latitude: float
    day: int
    hour: float
    azimuth: float
    elevation: float

    @property
    def sun(self) -> SunPosition:
        return SunPosition(self.azimuth, self.elevation)


def solar_position(latitude: float, day: int, hour: float) -> tuple[float, float]:
    """Azimuth and elevation in degrees for a latitude, a day of the year and a solar hour."""
    declination = math.radians(-23.44) * math.cos(2 * math.pi * (day + 10) / 365)
    turn = math.radians(15 * (hour - 12))
    phi = math.radians(latitude)
    sine = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(turn)
    east = -math.cos(declination) * math.sin(turn)
    north = math.sin(declination) * math.cos(phi) - math.cos(declination) * math.sin(phi) * math.cos(turn)
    return math.degrees(math.atan2(east, north)) % 360, math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def draw_latitude(generator: np.random.Generator) -> float:
    """A latitude where people live, three of four times in the north."""
    north = generator.random() < 0.75
    return float(generator.uniform(22, 55) if north else -generator.uniform(15, 42))


def draw_acquisition_time(generator: np.random.Generator, latitude: float) -> AcquisitionTime:
    """A day and an hour when images are taken, with the sun neither low nor overhead."""
    while True:
        day, hour = int(generator.integers(1, 366)), float(generator.uniform(9.5, 14.5))
        azimuth, elevation = solar_position(latitude, day, hour)
        if ELEVATIONS[0] <= elevation <= ELEVATIONS[1]:
            return AcquisitionTime(latitude, day, hour, azimuth, elevation)


def interpolate_time(first: AcquisitionTime, second: AcquisitionTime, part: float) -> AcquisitionTime:
    """A time whose sun stands between those of two times: `part` 0 is the first, 1 the second."""
    turn = (second.azimuth - first.azimuth + 180) % 360 - 180
    elevation = first.elevation + part * (second.elevation - first.elevation)
    nearer = second if part > 0.5 else first
    return AcquisitionTime(first.latitude, nearer.day, nearer.hour, (first.azimuth + part * turn) % 360, elevation)


def add_haze(radiance: Array, haze: float, generator: np.random.Generator) -> Floats:
    """(H, W, 3) -> (H, W, 3): light lost and bluish light added, a little more here than there."""
    if haze <= 0:
        return np.asarray(radiance, np.float32)
    height, width = radiance.shape[:2]
    unevenness = fractal_noise(generator, height, width, coarsest=max(height, width) / 2, octaves=2)
    depth = np.clip(haze * HEAVIEST_DEPTH * (1 + 0.25 * unevenness), 0, None)[:, :, None] * DEPTHS
    kept = np.exp(-depth)
    return np.asarray(radiance * kept + GLOW * (1 - kept), np.float32)


@dataclass(frozen=True)
class Clouds:
    """(H, W) opacities of the clouds in sight and of the shadows they throw."""

    cover: Floats
    shadow: Floats

    def over(self, radiance: Array) -> Floats:
        """(H, W, 3) -> (H, W, 3) with clouds and shadows."""
        shade = 1 - self.shadow[:, :, None] * (1 - UNDER_CLOUD)
        opacity = self.cover[:, :, None]
        # Thick parts are brighter than thin ones, which gives the tops their texture.
        top = CLOUD_WHITE * (0.72 + 0.28 * opacity)
        return np.asarray(radiance * shade * (1 - opacity) + top * opacity, np.float32)


def draw_clouds(
    generator: np.random.Generator,
    side: int,
    margin: int,
    fraction: float,
    pixel: float,
    time: AcquisitionTime,
    lean: tuple[float, float],
) -> Clouds:
    """Clouds over a square of `side` pixels that hide `fraction` of what lies inside its margin.

    `lean` is how far a thing of one metre height is displaced in the image, in pixels (row, column).
    """
    base = float(generator.uniform(350, 900))
    reach = base / math.tan(math.radians(time.elevation)) / pixel
    # The shadow lies away from the sun. North is up, so azimuth's sine is a column and its cosine a row upwards.
    away = math.radians(time.azimuth + 180)
    shadow = (-math.cos(away) * reach, math.sin(away) * reach)
    cloud = (lean[0] * base, lean[1] * base)
    # A shadow seen at p is of the cloud that stands above p - shadow; the cloud seen at p stands above p - cloud.
    offset = (cloud[0] - shadow[0], cloud[1] - shadow[1])
    cells = -(-side // CLOUD_CELL) + 1
    shift = [round(part / CLOUD_CELL) for part in offset]
    field = fractal_noise(
        generator, cells + abs(shift[0]), cells + abs(shift[1]), coarsest=cells * 0.6, octaves=6, roughness=0.55
    )
    tops = field[max(0, -shift[0]) :, max(0, -shift[1]) :][:cells, :cells]
    shades = field[max(0, shift[0]) :, max(0, shift[1]) :][:cells, :cells]
    edge = margin // CLOUD_CELL
    inner = tops[edge : cells - edge, edge : cells - edge]
    threshold = float(np.quantile(inner, 1 - min(max(fraction, 0.0), 1.0)))
    soft = 0.35 * float(np.std(field))
    return Clouds(_opacity(tops, threshold, soft, side), 0.9 * _opacity(shades, threshold, 1.4 * soft, side))


def _opacity(field: Array, threshold: float, edge: float, side: int) -> Floats:
    """Zero below the threshold, rising softly to nearly one, at the full grid."""
    rows = np.arange(side) / CLOUD_CELL
    opacity = 1 - np.exp(-np.square(np.clip(field - threshold, 0, None) / edge))
    return _between_nodes(opacity, rows, rows).astype(np.float32)


def fractal_noise(
    generator: np.random.Generator, height: int, width: int, coarsest: float, octaves: int, roughness: float = 0.5
) -> npt.NDArray[np.float64]:
    """(height, width) smooth noise: octaves of half the size and `roughness` times the strength each, of unit size."""
    total = np.zeros((height, width))
    strength, power, size = 1.0, 0.0, coarsest
    for _ in range(octaves):
        size = max(size, 1.0)
        nodes = generator.standard_normal((math.ceil(height / size) + 2, math.ceil(width / size) + 2))
        total += strength * _between_nodes(nodes, np.arange(height) / size, np.arange(width) / size)
        power += strength**2
        strength, size = strength * roughness, size / 2
    return total / math.sqrt(power)


def _between_nodes(nodes: Array, rows: Array, columns: Array) -> npt.NDArray[np.float64]:
    """(rows, columns) values between the nodes of a grid, smooth across them."""
    result = np.asarray(nodes, np.float64)
    for points in (rows, columns):
        low = np.minimum(points.astype(np.int64), len(result) - 2)
        part = points - low
        part = (part * part * (3 - 2 * part))[:, None]
        # Each pass works along the first axis and turns the grid, so two bring it back.
        result = (result[low] * (1 - part) + result[low + 1] * part).T
    return result
