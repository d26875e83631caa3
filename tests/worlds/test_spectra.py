"""Spectra: the materials' own colours, the physics of their kinds, and area means in the cube."""

from __future__ import annotations

import numpy as np
import pytest

from refsr.worlds.materials import MATERIALS, LandCover
from refsr.worlds.spectra import (
    REFLECTANCE_UNIT,
    VEGETATION,
    WAVELENGTHS,
    colour_of,
    make_bands,
    material_spectrum,
    mix_cube,
    response,
    spectral_library,
)

SPECTRA = {material.name: material_spectrum(material.name, material.reflectance) for material in MATERIALS}


def _at(name: str, low: float, high: float) -> float:
    return float(SPECTRA[name][(low <= WAVELENGTHS) & (high >= WAVELENGTHS)].mean())


@pytest.mark.parametrize("material", MATERIALS, ids=lambda material: material.name)
def test_spectrum_has_the_materials_colour(material: object) -> None:
    name, colour = material.name, material.reflectance  # type: ignore[attr-defined]
    np.testing.assert_allclose(colour_of(SPECTRA[name]), colour, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("name", sorted(SPECTRA))
def test_spectra_are_plausible(name: str) -> None:
    spectrum = SPECTRA[name]
    assert spectrum.min() > 0
    assert spectrum.max() < 1
    # Nothing is steeper than the red edge, some 0.01 a nm.
    assert np.abs(np.diff(spectrum)).max() < 0.06


def test_green_plants_have_a_red_edge_and_leaf_water() -> None:
    for name in ("grass_green", "crop_green", "tree_broadleaf", "tree_conifer"):
        index = (_at(name, 780, 900) - _at(name, 630, 680)) / (_at(name, 780, 900) + _at(name, 630, 680))
        assert index > 0.6, name
        assert _at(name, 1430, 1470) < 0.6 * _at(name, 1240, 1280), name
        assert _at(name, 1920, 1960) < 0.6 * _at(name, 1640, 1680), name
    assert set(VEGETATION) <= set(SPECTRA)


def test_water_is_black_in_the_infrared_and_roads_are_not() -> None:
    for name in ("water_clear", "water_turbid"):
        assert _at(name, 1000, 2400) < 0.01
    assert _at("asphalt", 1500, 1700) > _at("asphalt", 500, 600)
    assert _at("plastic_sheet", 1720, 1740) < 0.8 * _at("plastic_sheet", 1640, 1660)
    assert _at("bare_soil", 1640, 1680) > _at("wet_soil", 1640, 1680)


def test_classes_can_be_told_apart_by_spectral_angle() -> None:
    groups = [LandCover.WATER, LandCover.GROUND, LandCover.LOW_VEGETATION]
    first = {cover: next(m.name for m in MATERIALS if m.cover == cover) for cover in groups}
    for one in groups:
        for other in groups[groups.index(one) + 1 :]:
            a, b = SPECTRA[first[one]], SPECTRA[first[other]]
            assert np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) > 0.2


@pytest.mark.parametrize("count", [30, 48, 220])
def test_bands_cover_the_range_and_weigh_to_one(count: int) -> None:
    bands = make_bands(count)
    assert len(bands) == count
    assert (np.diff(bands.centres) > 0).all()
    assert bands.centres[0] > 400
    assert bands.centres[-1] < 2500
    weights = response(bands)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights[1:-1] @ WAVELENGTHS, bands.centres[1:-1], atol=0.5)


def test_cube_holds_area_means() -> None:
    names, colours = [m.name for m in MATERIALS], [m.reflectance for m in MATERIALS]
    means, moves = spectral_library(names, colours, make_bands(40))
    grass, roof = names.index("grass_green"), names.index("roof_metal_light")
    material = np.full((16, 16), grass, np.uint8)
    material[:, 2::4] = roof
    brightness = np.ones((16, 16))
    cube = mix_cube(material, brightness, means, np.zeros_like(moves), 4, 0, 0)
    assert cube.shape == (4, 4, 40)
    assert cube.dtype == np.uint16
    expected = (0.75 * means[grass] + 0.25 * means[roof]) * REFLECTANCE_UNIT
    np.testing.assert_allclose(cube.mean(axis=(0, 1)), expected, atol=25)
    dark = mix_cube(material, brightness * 0.5, means, np.zeros_like(moves), 4, 0, 0)
    np.testing.assert_allclose(dark.mean(axis=(0, 1)), expected / 2, atol=25)


def test_cube_varies_within_a_class() -> None:
    names, colours = [m.name for m in MATERIALS], [m.reflectance for m in MATERIALS]
    means, moves = spectral_library(names, colours, make_bands(40))
    material = np.full((240, 240), names.index("grass_green"), np.uint8)
    ones = np.ones(material.shape)
    still = mix_cube(material, ones, means, np.zeros_like(moves), 8, 0, 0)
    moving = mix_cube(material, ones, means, moves, 8, 0, 0)
    assert (moving.std(axis=(0, 1)) > still.std(axis=(0, 1))).mean() > 0.8
