"""A reference made from an image itself: a displaced, re-coloured and hardened copy."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from refsr.core.seeding import numpy_generator
from refsr.data.hardening.draws import draw_hardening
from refsr.data.hardening.elastic import Doubles, Elastic
from refsr.data.hardening.harden import harden
from refsr.data.hardening.hardness import Hardness
from refsr.data.reference_perturbations import PERTURBATIONS, mirrored
from refsr.data.sample import Unit

SHIFT, TURN, SCALE = 10.0, 3.0, 3.0
"""Largest displacement: pixels, degrees, percent; each copy gets a quarter of it to all of it, to either side."""
RECOLOUR = (20.0, 100.0)
"""Strength of the re-colouring in percent."""


def self_reference(image: Unit, elsewhere: Unit | None, hardness: Hardness, seed: int, name: str) -> Unit:
    """(H, W, C) in [0, 1] and another place of any size -> a reference of the image's size.

    It is a function of seed and name. The copy is displaced by one interpolation; JPEG
    takes part where it can, with one or three bands.
    """
    if image.shape[2] not in (1, 3):
        hardness = dataclasses.replace(hardness, jpeg=0)
    drawn = draw_hardening(hardness, seed, name)
    copy = _recoloured(_displaced(image, drawn.elastic, seed, name), seed, name)
    other = None
    if hardness.needs_other and elsewhere is not None:
        sides = zip(image.shape[:2], elsewhere.shape[:2], strict=True)
        rows, columns = (mirrored(np.arange(side), found) for side, found in sides)
        other = _recoloured(elsewhere[rows[:, None], columns], seed, name)
    return harden(copy, other, drawn, seed, name).image


def _displaced(image: Unit, elastic: Elastic | None, seed: int, name: str) -> Unit:
    import cv2

    where = _sources(image.shape[0], image.shape[1], elastic, seed, name).astype(np.float32)
    planes = [
        cv2.remap(
            np.ascontiguousarray(image[:, :, band]),
            where[..., 1],
            where[..., 0],
            cv2.INTER_LANCZOS4,
            borderMode=cv2.BORDER_REFLECT,
        )
        for band in range(image.shape[2])
    ]
    return np.asarray(np.clip(np.stack(planes, axis=2), 0, 1), np.float32)


def _sources(height: int, width: int, elastic: Elastic | None, seed: int, name: str) -> Doubles:
    """(height, width, 2): where each pixel of the copy lies in the image, (row, column)."""
    generator = numpy_generator(seed, "self-reference", "displacement", name)
    length, way = SHIFT * generator.uniform(0.25, 1), generator.uniform(0, 2 * math.pi)
    turn, scale = (math.copysign(generator.uniform(0.25, 1), generator.uniform(-1, 1)) for _ in range(2))
    angle, larger = math.radians(TURN * turn), 1 + SCALE * scale / 100
    points = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1).astype(np.float64)
    if elastic is not None:
        points = points + elastic.at(points)
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    turned = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]) * larger
    moved: Doubles = (points - centre) @ turned.T + centre + length * np.array([math.sin(way), math.cos(way)])
    return moved


def _recoloured(image: Unit, seed: int, name: str) -> Unit:
    """As another camera sees it; equal for all images of one name."""
    generator = numpy_generator(seed, "self-reference", "colours", name)
    return PERTURBATIONS["recolour"](image, float(generator.uniform(*RECOLOUR)), generator)
