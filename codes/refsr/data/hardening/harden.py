"""A reference made harder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator
from refsr.data.degradation.steps import Step
from refsr.data.hardening.draws import Hardening
from refsr.data.hardening.foreign import Share, areas, replaced, with_texture

if TYPE_CHECKING:
    from refsr.data.sample import Unit


@dataclass(frozen=True)
class Hardened:
    """A reference and how much of it is another place's, (H, W) from 0 to 1."""

    image: Unit
    texture: Share
    replaced: Share


def harden(ref: Unit, other: Unit | None, hardening: Hardening, seed: int, name: str | int) -> Hardened:
    """Ref (H, W, C) in [0, 1] and another place of its size -> Ref made harder; displacing it is left to its sampler.

    Sampling once keeps it sharp: worlds displace where they sample a scene, `self_reference` where it moves a copy.
    """
    shape = (ref.shape[0], ref.shape[1])
    none = np.zeros(shape, np.float32)
    foreign = hardening.wrong or hardening.texture > 0 or hardening.replaced > 0
    if foreign and (other is None or other.shape != ref.shape):
        given = "none is given" if other is None else f"one of {other.shape} is given"
        raise DataError(f"{name}: its reference of {ref.shape} needs another place of that size, {given}")
    texture, whole = none, none
    if foreign and other is not None:
        if hardening.wrong:
            ref, whole = other, none + 1
        else:
            texture = areas(numpy_generator(seed, "hardening", "texture", name), shape, hardening.texture)
            whole = areas(numpy_generator(seed, "hardening", "replaced", name), shape, hardening.replaced)
            ref = replaced(with_texture(ref, other, texture, hardening.finer), other, whole)
    if hardening.tone is not None:
        ref = hardening.tone.over(ref)
    return Hardened(recorded(ref, hardening.recorded), texture, whole)


def recorded(image: Unit, steps: tuple[Step, ...]) -> Unit:
    """(H, W, C) in [0, 1] after blur, noise and JPEG, on the range of 8 bits."""
    work = image.astype(np.float64)
    for step in steps:
        work = step.apply(work, 255)
    return np.clip(work, 0, 1).astype(np.float32)
