"""Reflectance spectra of the materials, 400 to 2500 nm, and the hyperspectral cube mixed from them.

The curves are drawn from what is known of their kinds: chlorophyll's bands and the red edge, liquid water at 970, 1200,
1450 and 1940 nm, iron oxide below 600 nm, clay at 2200 nm, carbonate at 2340 nm, hydrocarbons at 1730 and 2310 nm. A
smooth factor then brings their visible part to the material's own colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.seeding import numpy_generator
from refsr.worlds.atmosphere import fractal_noise

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

WAVELENGTHS: Doubles = np.arange(400.0, 2501.0, 5.0)
# Centres and widths (standard deviations) of the three colours in nm; the windows that a material's RGB is the mean of.
COLOURS = ((645.0, 22.0), (550.0, 22.0), (470.0, 18.0))
REFLECTANCE_UNIT = 10_000
"""Cubes hold reflectance times this, as unsigned 16-bit numbers."""
# In plants colour is pigment: the factor that fits it fades to one over these nm after red; elsewhere it stays.
FADE = 60.0
FIT_STEPS = 60


@dataclass(frozen=True)
class Bands:
    """The cube's bands."""

    centres: Doubles
    widths: Doubles
    """Full widths at half maximum, nm."""

    def __len__(self) -> int:
        return len(self.centres)


def make_bands(count: int) -> Bands:
    """`count` even bands from 400 to 2500 nm, each about as wide as their spacing."""
    spacing = (WAVELENGTHS[-1] - WAVELENGTHS[0]) / count
    centres = WAVELENGTHS[0] + spacing * (np.arange(count) + 0.5)
    return Bands(centres, np.full(count, 1.1 * spacing))


def response(bands: Bands) -> Doubles:
    """(bands, wavelengths) weights that sum to one a band: Gaussians of the bands' widths."""
    sigma = bands.widths[:, None] / 2.3548
    weights = np.exp(-0.5 * np.square((WAVELENGTHS[None, :] - bands.centres[:, None]) / sigma))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def colour_of(curve: Doubles) -> Doubles:
    """(..., wavelengths) -> (..., 3): the mean reflectance in the red, green and blue windows."""
    weights = np.stack([_bell(centre, width) for centre, width in COLOURS])
    weights /= weights.sum(axis=1, keepdims=True)
    return curve @ weights.T


def material_spectrum(name: str, colour: Sequence[float]) -> Doubles:
    """(wavelengths,) reflectance of a material by its name, fitted to its linear RGB reflectance."""
    curve = _KINDS.get(name, _KINDS.get(name.split("_")[0], lambda: _mineral(0.6)))()
    return _fit(curve, np.asarray(colour, np.float64), pigment=name in VEGETATION or name == "turf")


def material_variation(name: str, spectrum: Doubles) -> Doubles:
    """(wavelengths,) how reflectance moves from the mean to a drier, barer or older patch of the same material."""
    if name in VEGETATION:
        # Less leaf water and chlorophyll: red and short-wave infrared rise, the near-infrared plateau sinks.
        return spectrum * (0.30 * _bell(670, 40) - 0.22 * _plateau(720, 1300) + 0.25 * _step(1400, 40))
    if name.startswith("water"):
        return spectrum * (0.35 * _bell(700, 90) + 0.25 * _bell(560, 60))
    return spectrum * (0.18 + 0.10 * (WAVELENGTHS - 1450) / 1050)


def spectral_library(names: Sequence[str], colours: Sequence[Sequence[float]], bands: Bands) -> tuple[Doubles, Doubles]:
    """Mean and variation of all materials in the cube's bands: two (materials, bands) arrays."""
    weights = response(bands)
    means = [material_spectrum(name, colour) for name, colour in zip(names, colours, strict=True)]
    moves = [material_variation(name, mean) for name, mean in zip(names, means, strict=True)]
    return np.stack(means) @ weights.T, np.stack(moves) @ weights.T


def mix_cube(
    material: Array, brightness: Array, means: Doubles, moves: Doubles, cell: int, seed: int, index: int
) -> npt.NDArray[np.uint16]:
    """(H, W) materials and brightness -> (H/cell, W/cell, bands): area means of the pixels' spectra.

    `brightness` is a pixel's light and texture in units of the material's own reflectance. A slow field moves each
    material within its class, and every band has a sensor's noise.
    """
    height, width = material.shape
    rows, columns = height // cell, width // cell
    generator = numpy_generator(seed, "world", "cube", index)
    field = fractal_noise(generator, height, width, coarsest=60, octaves=1)
    cells = np.add.outer(np.arange(height) // cell * columns, np.arange(width) // cell)
    slots = (cells * len(means) + material).ravel()
    weight = np.asarray(brightness, np.float64).ravel() / cell**2
    shares = np.bincount(slots, weight, rows * columns * len(means)).reshape(-1, len(means))
    moved = np.bincount(slots, weight * field.ravel(), rows * columns * len(means)).reshape(-1, len(means))
    cube = shares @ means + moved @ moves
    # Deep water absorption of the air leaves little light near 1400 and 1900 nm; noise is stronger with shorter light.
    cube += generator.standard_normal(cube.shape) * (0.0008 + 0.004 * np.sqrt(np.maximum(cube, 0)) * 0.5)
    scaled = np.rint(np.clip(cube, 0, 1.2) * REFLECTANCE_UNIT).astype(np.uint16)
    return scaled.reshape(rows, columns, len(means[0]))


def _fit(curve: Doubles, colour: Doubles, pigment: bool) -> Doubles:
    """Multiplies by a smooth factor until the curve has the colour."""
    colour = np.clip(colour, 1e-3, 0.95)
    ordered = [centre for centre, _ in COLOURS][::-1]
    logs = np.zeros(3)
    part = np.clip((WAVELENGTHS - ordered[-1]) / FADE, 0, 1)
    fade = 1 - part * part * (3 - 2 * part) if pigment else np.ones_like(WAVELENGTHS)
    fitted = curve
    for _ in range(FIT_STEPS):
        # Newton's step with the colours taken as independent, which they nearly are.
        smooth = _quadratic_spline(ordered, logs)
        beyond = logs[-1] * fade
        fitted = np.clip(curve * np.exp(np.where(ordered[-1] < WAVELENGTHS, beyond, smooth)), 1e-4, 0.98)
        logs += np.log(colour / colour_of(fitted))[::-1]
    return fitted


def _quadratic_spline(knots: Sequence[float], values: Doubles) -> Doubles:
    """Through the three values with flat ends: smoothsteps between them."""
    result = np.full_like(WAVELENGTHS, values[0])
    for left, right, low, high in zip(knots[:-1], knots[1:], values[:-1], values[1:], strict=True):
        part = np.clip((WAVELENGTHS - left) / (right - left), 0, 1)
        result += (high - low) * part * part * (3 - 2 * part)
    return result


def _bell(centre: float, width: float) -> Doubles:
    return np.exp(-0.5 * np.square((WAVELENGTHS - centre) / width))


def _step(centre: float, width: float) -> Doubles:
    return 1 / (1 + np.exp(-(WAVELENGTHS - centre) / width))


def _plateau(low: float, high: float) -> Doubles:
    return _step(low, 12) * (1 - _step(high, 40))


def _absorbed(*bands: tuple[float, float, float]) -> Doubles:
    """A factor with dips: (centre, width, depth) each."""
    result = np.ones_like(WAVELENGTHS)
    for centre, width, depth in bands:
        result *= 1 - depth * _bell(centre, width)
    return result


def _vegetation(plateau: float, water: float, chlorophyll: float = 1.0) -> Doubles:
    visible = 0.05 + 0.06 * _bell(550, 32) + 0.10 * (1 - chlorophyll) * _step(560, 30)
    # Where chlorophyll is gone there is no edge but a slope.
    infrared = plateau * _step(716 - 20 * (1 - chlorophyll), 11 + 50 * (1 - chlorophyll))
    # Past 1300 nm leaves are as dark as they are wet.
    fall = 1 - (0.25 + 0.45 * water) * _step(1380, 45) - (0.12 + 0.13 * water) * _step(1880, 50)
    liquid = _absorbed(
        (970, 28, 0.12 * water), (1200, 40, 0.18 * water), (1450, 55, 0.55 * water), (1940, 65, 0.65 * water)
    )
    dry = _absorbed((2100, 50, 0.12 * (1 - water)), (2310, 40, 0.12 * (1 - water)))
    return (visible + infrared) * fall * liquid * dry


def _soil(iron: float, moisture: float) -> Doubles:
    rise = 0.08 + 0.30 * (1 - np.exp(-(WAVELENGTHS - 380) / 520))
    oxide = 1 - iron * 0.5 * (1 - _step(560, 35)) - iron * 0.10 * _bell(880, 70)
    wet = _absorbed((1450, 45, 0.10 + 0.5 * moisture), (1940, 60, 0.16 + 0.55 * moisture), (2205, 22, 0.10))
    return rise * oxide * wet * (1 - 0.45 * moisture * _step(900, 400))


def _mineral(level: float) -> Doubles:
    rise = level * (0.30 + 0.12 * (1 - np.exp(-(WAVELENGTHS - 400) / 700)))
    return rise * _absorbed((1440, 40, 0.05), (1930, 55, 0.10), (2340, 30, 0.07))


def _bitumen(rise: float) -> Doubles:
    return (0.05 + rise * (WAVELENGTHS - 400) / 2100) * _absorbed((1730, 25, 0.05), (2310, 35, 0.10))


def _tile() -> Doubles:
    return (0.05 + 0.33 * _step(590, 28) + 0.06 * _step(1200, 250)) * _absorbed((870, 60, 0.12), (2205, 25, 0.05))


def _metal(level: float) -> Doubles:
    return level * (0.75 + 0.10 * _step(900, 300)) * _absorbed((850, 90, 0.06))


def _paint(level: float) -> Doubles:
    binder = _absorbed((1190, 25, 0.05), (1420, 30, 0.06), (1730, 25, 0.16), (2310, 40, 0.25))
    return level * (0.6 + 0.4 * _step(410, 14)) * (1 - 0.35 * _step(1700, 350)) * binder


def _plastic() -> Doubles:
    bands = _absorbed((1215, 18, 0.18), (1415, 25, 0.14), (1730, 20, 0.40), (2310, 35, 0.45))
    return 0.55 * bands * (1 - 0.25 * _step(1900, 200))


def _water(sediment: float) -> Doubles:
    clear = 0.035 * np.exp(-(WAVELENGTHS - 450) / 170) + 0.004
    load = sediment * (0.10 * _bell(570, 70) + 0.07 * _bell(690, 45) + 0.02 * _bell(810, 25))
    return (clear + load) * (1 - 0.9 * _step(900, 25)) + 0.002


def _glass() -> Doubles:
    return 0.05 + 0.02 * _bell(520, 90) - 0.015 * _step(1000, 200)


VEGETATION = frozenset(
    {"grass_green", "grass_dry", "crop_green", "crop_young", "crop_ripe", "tree_broadleaf", "tree_conifer", "shrub"}
)

_KINDS: dict[str, Any] = {
    "asphalt": lambda: _bitumen(0.10),
    "concrete": lambda: _mineral(0.95),
    "gravel": lambda: _mineral(0.75),
    "bare": lambda: _soil(0.6, 0.1),
    "wet": lambda: _soil(0.6, 0.8),
    "sand": lambda: 1.5 * _soil(0.4, 0.0),
    "stubble": lambda: 0.45 * _soil(0.4, 0.1) + 0.55 * _vegetation(0.32, 0.05, 0.0),
    "grass_green": lambda: _vegetation(0.46, 0.75),
    "grass_dry": lambda: _vegetation(0.32, 0.15, 0.2),
    "crop_green": lambda: _vegetation(0.52, 0.85),
    "crop_young": lambda: 0.5 * _vegetation(0.44, 0.80) + 0.5 * _soil(0.5, 0.2),
    "crop_ripe": lambda: _vegetation(0.36, 0.10, 0.0),
    "tree_broadleaf": lambda: _vegetation(0.44, 0.70),
    "tree_conifer": lambda: _vegetation(0.28, 0.75),
    "shrub": lambda: _vegetation(0.34, 0.50, 0.8),
    "water_clear": lambda: _water(0.0),
    "water_turbid": lambda: _water(0.8),
    "roof_tile": _tile,
    "roof_metal_light": lambda: _metal(0.62),
    "roof_metal_dark": lambda: _metal(0.25),
    "roof_bitumen": lambda: _bitumen(0.05),
    "roof_gravel": lambda: _mineral(0.60),
    "road": lambda: _paint(0.6),
    "car": lambda: _paint(0.4),
    "track": lambda: _paint(0.12) + 0.25 * _step(600, 15),
    "turf": lambda: 0.05 + 0.05 * _bell(540, 30) + 0.30 * _step(780, 40) * _absorbed((1730, 25, 0.3), (2310, 40, 0.35)),
    "plastic": _plastic,
    "court": lambda: _paint(0.2),
    "wall": lambda: _mineral(0.8),
    "glass": _glass,
    "car_glass": _glass,
}
