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
from refsr.data.registered.on_lr import stays
from refsr.data.sample import Unit
from refsr.registration import RegistrationOptions, register
from refsr.registration.options import Mode
from refsr.registration.pair import SMALLEST
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
    laid = []
    for ref in (_cut(ref, lr, scale) for ref in refs):
        if (ref.shape[2], ref.dtype) != (refs[0].shape[2], refs[0].dtype):
            raise DataError(f"{name}: references of one place need the same bands and type")
        laid.append(_laid(own, ref, _unit(ref, ranges[1], name), scale, mode, alone=len(refs) == 1))
    images, weights = [one.image for one in laid], [one.weight for one in laid]
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
        tuple({**one.record, "used": round(share, DIGITS)} for one, share in zip(laid, shares, strict=True)),
    )


@dataclass(frozen=True)
class _Laid:
    """One reference on HR's grid."""

    image: Array
    weight: npt.NDArray[np.float32]
    record: dict[str, Any]


def _laid(own: Unit, ref: Array, unit: Unit, scale: int, mode: Mode, alone: bool) -> _Laid:
    """A reference laid on LR, or left as it lies: where it lies on LR already, or where LR is too small to compare.

    One that is left and stands `alone` is trusted at every pixel, as `refsr restore` does.
    """
    size = (own.shape[0] * scale, own.shape[1] * scale)
    found = register(own, unit, scale, RegistrationOptions(mode=mode))
    everywhere = np.ones(size, np.float32)
    whole = ref.dtype.kind != "f" or bool(np.isfinite(ref).all())
    if whole and min(own.shape[:2]) < SMALLEST and ref.shape[:2] == size:
        reason = f"LR of {own.shape[0]}x{own.shape[1]} is too small to compare: Ref is taken as it lies"
        return _Laid(ref, everywhere, {**_record(found, as_it_lies=True), "accepted": True, "reasons": [reason]})
    if whole and mode == "auto" and stays(found, scale):
        return _Laid(ref, everywhere if alone else found.weight, _record(found, as_it_lies=True))
    return _Laid(found.warp(ref)[0], found.weight, _record(found, as_it_lies=False))


def _record(found: Registration, as_it_lies: bool) -> dict[str, Any]:
    """A registration in plain values."""
    return {
        "accepted": found.accepted,
        "as_it_lies": as_it_lies,
        "reasons": list(found.verdict.reasons),
        "found_by": found.found_by,
        **{name: round(float(getattr(found.figures, name)), DIGITS) for name in FIGURES},
    }


@functools.cache
def registration_version() -> str:
    """A digest of the code that registers and of OpenCV's and NumPy's versions: what it stands for gives one result."""
    import cv2

    sources = [Path(refsr.ops.resize.__file__), *sorted(Path(__file__).parent.glob("*.py"))]
    sources += sorted(Path(refsr.registration.__file__).parent.glob("*.py"))
    running = hashlib.blake2b(f"{cv2.__version__} {np.__version__}".encode(), digest_size=8)
    for source in sources:
        running.update(source.read_bytes())
    return running.hexdigest()


def _cut(ref: Array, lr: Array, scale: int) -> Array:
    height, width = lr.shape[0] * scale, lr.shape[1] * scale
    beyond = (ref.shape[0] - height, ref.shape[1] - width)
    return ref[:height, :width] if all(0 <= more < scale for more in beyond) else ref


def _unit(image: Array, given: Range | None, name: object) -> Unit:
    return to_unit(image, *declared(str(image.dtype), given, name))
