"""The registered Ref of one place: raw images in, Ref on HR's grid with its weight map and a record out."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import refsr.ops.resize
import refsr.registration
from refsr.core.errors import DataError
from refsr.data.images import Array
from refsr.data.ranges import Range, declared, to_unit
from refsr.registration import RegistrationOptions, register
from refsr.registration.options import Mode
from refsr.registration.result import Registration
from refsr.registration.several import combine

Bytes = npt.NDArray[np.uint8]
FIGURES = ("shift", "turn", "scale", "residual", "likeness", "likeness_before", "coverage", "matched")
DIGITS = 4


@dataclass(frozen=True)
class RegisteredRef:
    """Ref laid on HR's grid."""

    ref: Array
    """(H, W, C) in Ref's own type, all its bands; rounded once."""
    weight: Bytes
    """(H, W, 1): 0 where Ref cannot be trusted, 255 where it can fully."""
    used: Bytes
    """(H, W, 1): the number of the reference that counts most, from 1 on; 0 where none can be trusted."""
    records: tuple[dict[str, Any], ...]
    """For each reference in turn what its registration came to: verdict, reasons, figures, share of the ground."""


def registered_ref(
    lr: Array, refs: Sequence[Array], scale: int, mode: Mode, ranges: tuple[Range | None, Range | None], name: object
) -> RegisteredRef:
    """LR (h, w, C) and its references (H', W', C') as they are stored -> one Ref on HR's grid (s*h, s*w, C').

    `ranges` are the raw values of LR and of Ref that become 0 and 1, where they do not follow from the type. A Ref that
    is less than one LR pixel larger than HR is cut to whole LR pixels first, as `refsr prepare` and data sets cut HR.
    """
    own = _unit(lr, ranges[0], name)
    images, weights, found = [], [], []
    for ref in (_cut(ref, lr, scale) for ref in refs):
        if (ref.shape[2], ref.dtype) != (refs[0].shape[2], refs[0].dtype):
            raise DataError(f"{name}: references of one place need the same bands and type")
        registration = register(own, _unit(ref, ranges[1], name), scale, RegistrationOptions(mode=mode))
        images.append(registration.warp(ref)[0])
        weights.append(registration.weight)
        found.append(registration)
    if len(images) == 1:
        image, weight = images[0], weights[0]
        used = np.where(weight > 0, 1, 0)
    else:
        combined = combine(images, weights)
        image, weight, used = combined.image, combined.weight, combined.used + 1
    shares = [float((used == number).mean()) for number in range(1, len(images) + 1)]
    return RegisteredRef(
        image,
        np.rint(np.clip(weight, 0, 1) * 255).astype(np.uint8)[:, :, None],
        used.astype(np.uint8)[:, :, None],
        tuple(record(one, share) for one, share in zip(found, shares, strict=True)),
    )


def record(registration: Registration, used: float) -> dict[str, Any]:
    """A registration in plain values; `used` is the share of the ground on which its Ref counts most."""
    figures = {name: round(float(getattr(registration.figures, name)), DIGITS) for name in FIGURES}
    return {
        "accepted": registration.accepted,
        "reasons": list(registration.verdict.reasons),
        "found_by": registration.found_by,
        **figures,
        "used": round(used, DIGITS),
    }


@functools.cache
def registration_version() -> str:
    """A digest of the code that registers and of OpenCV's and NumPy's versions: what it stands for gives one result."""
    import cv2

    sources = [Path(refsr.ops.resize.__file__), Path(__file__)]
    sources += sorted(Path(refsr.registration.__file__).parent.glob("*.py"))
    running = hashlib.blake2b(f"{cv2.__version__} {np.__version__}".encode(), digest_size=8)
    for source in sources:
        running.update(source.read_bytes())
    return running.hexdigest()


def _cut(ref: Array, lr: Array, scale: int) -> Array:
    height, width = lr.shape[0] * scale, lr.shape[1] * scale
    beyond = (ref.shape[0] - height, ref.shape[1] - width)
    return ref[:height, :width] if all(0 <= more < scale for more in beyond) else ref


def _unit(image: Array, given: Range | None, name: object) -> Array:
    return to_unit(image, *declared(str(image.dtype), given, name))
