"""The images that are shown: the worst and the best, with every picture there is of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError
from refsr.report.comparison import SCORED, Comparison, Method
from refsr.report.numbers import count
from refsr.report.pictures import Cut, Errors, Rgb, common_top, encoded, error_map, load, painted, worst_cut

MOST_PIXELS = 512
"""Longest side of what is shown of HR; of larger images the part with the largest errors."""
MOST_RUNS = 4
ERROR = "Error of "


@dataclass
class Picture:
    """One picture of a case."""

    label: str
    image: Rgb
    role: str
    """`lr`, `ref`, `hr`, `result` or `error`."""
    size: tuple[int, int] = (0, 0)
    """Width and height of the whole picture."""
    source: str = ""
    """As a data URI, once it is encoded."""


@dataclass
class Case:
    """An image with its place in the order and its pictures."""

    image: str
    rank: str
    pictures: list[Picture] = field(default_factory=list)
    errors: dict[str, Errors] = field(default_factory=dict)
    cut: Cut = field(default_factory=Cut)
    gaps: list[str] = field(default_factory=list)

    def of(self, role: str) -> list[Picture]:
        return [one for one in self.pictures if one.role == role]


@dataclass
class Chosen:
    """The cases of one data set."""

    cases: list[Case] = field(default_factory=list)
    order: str = ""
    """In words, what they are ordered by."""
    top: int = 0
    """The error at which the colours end."""
    gaps: list[str] = field(default_factory=list)
    lossless: bool = True


def ranked(comparison: Comparison, protocol: str, order: str) -> tuple[list[str], str]:
    """The images of the shown method, worst first, and in words by what."""
    method = comparison.shown
    if method is None:
        return [], ""
    base = comparison.base_of(method)
    values = comparison.values(method, protocol, SCORED)
    words = f"PSNR of {method.label}"
    if order == "gain" and base is not None and base is not method:
        values = comparison.differences(method, base, protocol, SCORED)
        words = f"gain of {method.label} over {base.label.lower()} in PSNR"
    return sorted((image for image in values if image), key=lambda one: (_last_if_nan(values[one]), one)), words


def choose(comparison: Comparison, protocol: str, order: str, number: int) -> Chosen:
    """The worst and the best images that have pictures, half of each, none twice."""
    images, words = ranked(comparison, protocol, order)
    chosen = Chosen(order=words)
    method = comparison.shown
    if method is None or not images:
        chosen.gaps.append("no image has scores to choose cases by")
        return chosen
    named = method.source.results.pictures
    with_pictures = [image for image in images if method.name in named.get(image, {})]
    if not with_pictures:
        chosen.gaps.append(f"the results of {method.label} keep no pictures, so there are no cases to show")
        return chosen
    if len(with_pictures) < len(images):
        chosen.gaps.append(f"{len(with_pictures)} of {count(len(images), 'image')} have pictures; cases are of those")
    number = min(number, len(with_pictures))
    worst = (number + 1) // 2
    places = [*range(worst), *range(len(with_pictures) - number + worst, len(with_pictures))]
    for place in places:
        case = Case(with_pictures[place], _rank(place, worst, len(with_pictures)))
        _gather(case, comparison)
        if case.of("result") or case.of("hr"):
            chosen.cases.append(case)
        else:
            chosen.gaps.append(f"{case.image}: {case.gaps[0] if case.gaps else 'its pictures are gone'}")
    _paint(chosen)
    return chosen


def encode(chosen: Chosen, lossless: bool) -> int:
    """Fills in the pictures' data; returns their size in bytes."""
    chosen.lossless = lossless
    size = 0
    for case in chosen.cases:
        for picture in case.pictures:
            # Error maps have few colours: without losses they are small, and stay exact.
            picture.source = encoded(picture.image, lossless or picture.role == "error")
            size += len(picture.source)
    return size


def _rank(place: int, worst: int, total: int) -> str:
    if place < worst:
        return "worst" if place == 0 else f"{_ordinal(place + 1)} worst"
    from_best = total - place
    return "best" if from_best == 1 else f"{_ordinal(from_best)} best"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _gather(case: Case, comparison: Comparison) -> None:
    """All pictures of one image, cut to what is shown; what cannot be read is named."""
    for role, label in (("lr", "LR"), ("ref", "Ref"), ("hr", "HR")):
        for _, measured in comparison.sources:
            name = measured.results.pictures.get(case.image, {}).get(role)
            if name is not None and _add(case, label, role, measured.folder, name):
                break
    for method in _shown_methods(comparison):
        name = method.source.results.pictures.get(case.image, {}).get(method.name)
        if name is not None:
            _add(case, method.label, "result", method.source.folder, name)
    _measure_errors(case)
    shown = next((case.errors[one.label] for one in case.of("result")[::-1] if one.label in case.errors), None)
    first = comparison.shown
    if first is not None and first.label in case.errors:
        shown = case.errors[first.label]
    if shown is not None:
        case.cut = worst_cut(shown, MOST_PIXELS, max(comparison.scale, 1))
        case.errors = {label: case.cut.of(errors) for label, errors in case.errors.items()}
    elif case.pictures:
        largest = max(case.pictures, key=lambda one: max(one.size)).image
        case.cut = worst_cut(np.zeros(largest.shape[:2], np.float32), MOST_PIXELS, max(comparison.scale, 1))
    for picture in case.pictures:
        picture.image = np.ascontiguousarray(case.cut.of(picture.image))


def _shown_methods(comparison: Comparison) -> Sequence[Method]:
    """Bicubic, the runs, and what the first run makes of a swapped reference, or of the first perturbed one."""
    runs = comparison.of_kind("run")[:MOST_RUNS]
    base = comparison.base_of(runs[0]) if runs else None
    baselines = [base] if base is not None else [] if runs else comparison.of_kind("baseline")
    perturbed = comparison.ablations_of(runs[0]) if runs else []
    swapped = sorted(perturbed, key=lambda one: one.perturbed != "swap")[:1]
    return [*baselines, *runs, *swapped]


def _add(case: Case, label: str, role: str, folder: Path, name: str) -> bool:
    """Reads one picture into the case, or says why it is not there."""
    try:
        image = load(folder, name)
    except (DataError, OSError, ValueError) as error:
        case.gaps.append(f"{label} is not shown: {error}")
        return False
    case.pictures.append(Picture(label, image, role, (image.shape[1], image.shape[0])))
    return True


def _measure_errors(case: Case) -> None:
    targets = case.of("hr")
    if not targets:
        case.gaps.append("no HR picture, so no error maps")
        return
    for picture in case.of("result"):
        try:
            case.errors[picture.label] = error_map(picture.image, targets[0].image)
        except DataError as error:
            case.gaps.append(f"no error map of {picture.label}: {error}")


def _paint(chosen: Chosen) -> None:
    """Error maps of all cases on one scale of colours."""
    chosen.top = common_top([errors for case in chosen.cases for errors in case.errors.values()])
    for case in chosen.cases:
        for label, errors in case.errors.items():
            case.pictures.append(Picture(f"{ERROR}{label}", painted(errors, chosen.top), "error"))


def _last_if_nan(value: float) -> float:
    return math.inf if math.isnan(value) else value
