"""Ref laid on LR: candidates, refinement, local displacement, weight and verdict."""

from __future__ import annotations

import numpy as np

from refsr.core.errors import DataError
from refsr.registration.confidence import lead_and_sides, reasons_against, weight_map
from refsr.registration.gradients import dot
from refsr.registration.greys import FINER, Greys, Image, prepare
from refsr.registration.local import local_field
from refsr.registration.options import RegistrationOptions
from refsr.registration.refine import LOSS, affine, alike, dominant, features_for
from refsr.registration.result import Figures, Registration, Verdict
from refsr.registration.search import HALF, Candidate, halved, same_sides, search
from refsr.registration.transforms import (
    IDENTITY,
    Floats,
    Transform,
    after,
    inverse,
    pixels,
    shift_turn_scale,
)

SMALLEST = 12
"""Sides of LR and of Ref at its sharpness below this are too small to compare."""
REACH = 0.15
"""Largest shift by default, as a share of LR's longer side."""


def register(lr: Image, ref: Image, scale: float, options: RegistrationOptions | None = None) -> Registration:
    """LR (h, w[, C]) and Ref (H', W'[, C]), about [0, 1], NaN where nothing is known -> how HR's pixels lie in Ref.

    HR is `scale` times LR. Ref may have any size and other bands. Assumed is `options.start`, or that both show the
    same ground from corner to corner (or, where that would distort it, from the middle on at HR's pixel size).
    """
    chosen = options or RegistrationOptions()
    for name, image in (("LR", lr), ("Ref", ref)):
        if image.ndim not in (2, 3) or 0 in image.shape:
            raise DataError(f"{name} of shape {image.shape} is no image to register")
    size = (round(lr.shape[0] * scale), round(lr.shape[1] * scale))
    found = [_from(lr, ref, scale, size, start, chosen) for start in starts(size, ref.shape, chosen)]
    return max(found, key=lambda one: (one.accepted, one.figures.likeness))


def starts(size: tuple[int, int], ref_shape: tuple[int, ...], options: RegistrationOptions) -> list[Transform]:
    """Where HR's pixels may be assumed in Ref."""
    if options.start is not None:
        return [np.asarray(options.start, np.float64)]
    across, down = ref_shape[1] / size[1], ref_shape[0] / size[0]
    stretched = pixels(across, down)
    if (across, down) == (1, 1):
        return [IDENTITY]
    middle = IDENTITY.copy()
    middle[:, 2] = (ref_shape[1] - size[1]) / 2, (ref_shape[0] - size[0]) / 2
    found = [stretched] if abs(np.log(across / down)) < ALIKE else []
    return found + ([middle] if not found or 1 / NEAR < across < NEAR else [])


ALIKE = 0.05
NEAR = 3.0


def _from(
    lr: Image, ref: Image, scale: float, size: tuple[int, int], start: Transform, options: RegistrationOptions
) -> Registration:
    greys = prepare(lr, ref, scale, start)
    small = min(*lr.shape[:2], *(side // 2 for side in greys.ref.shape))
    if small < SMALLEST:
        return _refused(size, ref, start, f"{small} pixels at LR's sharpness are too few to compare")
    for name, valid in (("LR", greys.lr_valid), ("Ref", greys.ref_valid)):
        if not valid.any():
            return _refused(size, ref, start, f"{name} holds no data")
    if greys.flat:
        return _refused(size, ref, start, f"{' and '.join(greys.flat)} shows nothing but one grey")
    before = alike(greys, greys.start)
    found_by, transform, likeness = "start", greys.start, before
    if options.mode != "none":
        for candidate in _candidates(greys, scale, options):
            refined = affine(greys, candidate.transform)
            for one in (candidate.transform, refined):
                value = alike(greys, one)
                if value > likeness:
                    found_by, transform, likeness = candidate.found_by, one, value
        agreeing = same_sides(greys, transform, _reach(greys, scale, options))
        if agreeing is not transform and alike(greys, agreeing) > likeness - LOSS:
            transform = agreeing
    field: Floats | None = None
    local = likeness
    features = features_for(greys, transform)
    if options.mode != "none":
        transform = dominant(greys, transform, features)
        likeness = local = alike(greys, transform)
    if options.mode in ("auto", "local"):
        made = local_field(greys, transform, features)
        value = alike(greys, transform, made)
        if options.mode == "local" or value > likeness:
            field, local = made, value
    return _verdict_on(greys, size, ref, start, transform, field, before, likeness, local, found_by, scale)


def _candidates(greys: Greys, scale: float, options: RegistrationOptions) -> list[Candidate]:
    """Transforms of matching pixels, the likely ones first."""
    lr = halved(greys.lr)
    found = search(
        lr,
        (halved(greys.lr_valid) > 0.99).astype(np.float32),
        halved(greys.ref),
        (halved(greys.ref_valid) > 0.99).astype(np.float32),
        after(inverse(HALF), after(greys.start, HALF)),
        options.turns_searched(),
        options.scales_searched(),
        _reach(greys, scale, options),
    )
    back = [Candidate(after(HALF, after(one.transform, inverse(HALF))), one.height, one.found_by) for one in found]
    return [Candidate(greys.start, 0.0, "start"), *back]


def _reach(greys: Greys, scale: float, options: RegistrationOptions) -> int:
    """Largest shift of a search in LR's pixels."""
    longer = max(greys.lr.shape) // FINER
    reach = REACH * longer if options.reach is None else options.reach / scale
    return int(np.clip(np.ceil(reach), 1, longer - 2))


def _verdict_on(
    greys: Greys,
    size: tuple[int, int],
    ref: Image,
    start: Transform,
    transform: Transform,
    field: Floats | None,
    before: float,
    likeness: float,
    local: float,
    found_by: str,
    scale: float,
) -> Registration:
    weight, covered = weight_map(greys, transform, field, size)
    outer = greys.outer(transform)
    step = scale / 2
    lengths = np.zeros(1) if field is None else np.sqrt(dot(field, field)) * step
    shift, turn, ratio = shift_turn_scale(after(inverse(start), outer), size)
    lead, sides = lead_and_sides(greys, transform)
    figures = Figures(
        shift=shift,
        turn=turn,
        scale=ratio,
        residual=float(np.median(lengths)),
        likeness=likeness,
        likeness_local=local,
        likeness_before=before,
        lead=lead,
        sides=sides,
        coverage=float(covered.mean()),
        matched=float((weight > 0.5).mean()),
    )
    reasons = reasons_against(figures, round(float(covered.mean()) * greys.lr.size))
    if reasons:
        return Registration(
            size, ref.shape[:2], start, None, np.zeros_like(weight), Verdict(False, reasons), figures, found_by
        )
    nodes = None if field is None else np.asarray(field * np.float32(step), np.float32)
    return Registration(size, ref.shape[:2], outer, nodes, weight, Verdict(True), figures, found_by)


def _refused(size: tuple[int, int], ref: Image, start: Transform, reason: str) -> Registration:
    figures = Figures(0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    weight = np.zeros(size, np.float32)
    return Registration(size, ref.shape[:2], start, None, weight, Verdict(False, (reason,)), figures, "start")
