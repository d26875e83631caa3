"""Candidates by search: every turn and scale of a list, and all shifts of each at once by Fourier transforms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refsr.registration.gradients import correlation, dot, oriented, signed, through
from refsr.registration.greys import FINER, Greys
from refsr.registration.refine import seen_through
from refsr.registration.transforms import Floats, Transform, after, inverse, moved, pixels, similarity

SMALLEST_SHARE = 0.3
"""Shifts under which less of LR is seen are not looked at."""


@dataclass(frozen=True)
class Candidate:
    """A transform that may be right, and how it was found."""

    transform: Transform
    height: float
    """Of the peak: the correlation there."""
    found_by: str


def _spectra(image: Floats, valid: Floats, room: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    """Of the planes, of their power and of where they are valid."""
    planes = np.fft.rfft2(np.moveaxis(image, 2, 0), room)
    return planes, np.fft.rfft2(dot(image, image), room), np.fft.rfft2(valid, room)


def best_of(
    own: tuple[Floats, Floats, Floats],
    other: tuple[Floats, Floats, Floats],
    room: tuple[int, int],
    reach: int,
    known: float,
) -> tuple[float, float, float]:
    """The best shift from spectra."""
    products = np.stack([
        (np.conj(own[0]) * other[0]).sum(axis=0),
        np.conj(own[1]) * other[2],
        np.conj(own[2]) * other[1],
        np.conj(own[2]) * other[2],
    ])  # fmt: skip
    line = np.r_[-reach : reach + 1]
    both, power, other_power, share = np.fft.irfft2(products, room)[:, line[:, None], line]
    likely = both / np.sqrt(np.maximum(power * other_power, 1e-6))
    likely[share < SMALLEST_SHARE * known] = -1
    row, column = divmod(int(likely.argmax()), likely.shape[1])
    right, down = (_vertex(part, place) for part, place in ((likely[row], column), (likely[:, column], row)))
    return float(column - reach + right), float(row - reach + down), float(likely[row, column])


def _vertex(line: Floats, place: int) -> float:
    """By how much the vertex of the parabola through three values lies beside the middle one."""
    if not 0 < place < len(line) - 1:
        return 0.0
    before, here, behind = (float(one) for one in line[place - 1 : place + 2])
    bent = before - 2 * here + behind
    return 0.5 * (before - behind) / bent if bent < -1e-9 else 0.0


def _handy(length: int) -> int:
    import cv2

    return int(cv2.getOptimalDFTSize(length))


def search(
    lr: Floats,
    lr_valid: Floats,
    ref: Floats,
    ref_valid: Floats,
    start: Transform,
    turns: tuple[float, ...],
    scales: tuple[float, ...],
    reach: int,
    most: int = 2,
) -> list[Candidate]:
    """Grey images at LR's own pixels, and where LR's are assumed in Ref -> the transforms of the highest peaks."""
    own = oriented(lr, lr_valid, 0, 0.8)
    room = (_handy(lr.shape[0] + reach), _handy(lr.shape[1] + reach))
    spectra = _spectra(own, lr_valid, room)
    known = float(lr_valid.sum())
    found = []
    for turn in turns:
        for scale in scales:
            assumed = after(start, similarity(turn, scale, lr.shape))
            seen_valid = (through(ref_valid, assumed, lr.shape) > 0.99).astype(np.float32)
            seen = oriented(_bordered(ref, assumed, lr.shape), seen_valid, 0, 0.8)
            right, down, height = best_of(spectra, _spectra(seen, seen_valid, room), room, reach, known)
            shifted = after(start, moved(similarity(turn, scale, lr.shape), right, down))
            found.append(Candidate(shifted, height, f"search turn {turn:g} scale {scale:g}"))
    found.sort(key=lambda one: -one.height)
    return found[:most]


def search_shift(greys: Greys, reach: int) -> Transform:
    """The best shift from where Ref is assumed, by up to `reach` LR pixels, as a transform of matching pixels."""
    assumed = after(inverse(HALF), after(greys.start, HALF))
    lr_valid, ref_valid = ((halved(valid) > 0.99).astype(np.float32) for valid in (greys.lr_valid, greys.ref_valid))
    found = search(halved(greys.lr), lr_valid, halved(greys.ref), ref_valid, assumed, (0.0,), (1.0,), reach, 1)
    return after(HALF, after(found[0].transform, inverse(HALF)))


def same_sides(greys: Greys, transform: Transform, reach: int) -> Transform:
    """The transform shifted by up to `reach` LR pixels to where the bright sides of edges agree, if they do somewhere.

    Furrows half a period off have their edges on each other, too, but bright sides on dark ones. Where no shift agrees
    as much as this one disagrees, bright and dark have changed places, and the transform stays.
    """
    seen, valid = seen_through(greys, transform)
    own, other = (signed(image, 1.0) for image in (greys.lr, seen))
    here = correlation(own, other, valid * greys.lr_valid)
    if here > OPPOSITE:
        return transform
    height, width = greys.lr.shape
    room = (_handy(height + FINER * reach), _handy(width + FINER * reach))
    own, other = own * greys.lr_valid[:, :, None], other * valid[:, :, None]
    spectra = _spectra(own, greys.lr_valid, room), _spectra(other, valid, room)
    right, down, peak = best_of(*spectra, room, FINER * reach, float(greys.lr_valid.sum()))
    return moved(transform, right, down) if peak > -here else transform


OPPOSITE = -0.25
"""Correlation of gradients with their signs below which bright sides lie on dark ones."""


def _bordered(image: Floats, transform: Transform, shape: tuple[int, ...]) -> Floats:
    import cv2

    seen: Floats = cv2.warpAffine(
        image, transform, shape[1::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    return seen


def halved(image: Floats) -> Floats:
    """(2h, 2w) -> (h, w), means of squares."""
    import cv2

    half: Floats = cv2.resize(
        image, (max(1, image.shape[1] // 2), max(1, image.shape[0] // 2)), interpolation=cv2.INTER_AREA
    )
    return half


HALF = pixels(2, 2)
