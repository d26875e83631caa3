"""The example images of the page: the worst and the best, with all their pictures."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from refsr.core.errors import DataError
from refsr.evaluation.evidence import PREFIX
from refsr.inference.evidence import ABOUT as EVIDENCE
from refsr.report.comparison import SCORED, Comparison, Method
from refsr.report.invention import invention, worst_parts
from refsr.report.numbers import count
from refsr.report.pictures import Crop, Errors, Rgb, common_top, encoded, error_map, load, painted, worst_crop

MOST_PIXELS = 512
"""Longest side of HR as shown; larger images are cropped to the part with the largest errors."""
MOST_RUNS = 4
ERROR = "Error of "
INVENTED = "Made up by "
WORST = "Most made up: LR, Ref, result, HR"
MAPS = ("error", "invention", "evidence", "window")
"""Roles of pictures that are no images of the place."""


@dataclass
class Picture:
    """One picture of an example."""

    label: str
    image: Rgb
    role: str
    """`lr`, `ref`, `hr`, `result`, or of MAPS."""
    size: tuple[int, int] = (0, 0)
    """Width and height of the whole picture."""
    source: str = ""
    """As a data URI, once it is encoded."""


@dataclass
class Example:
    """An image with its rank and its pictures."""

    image: str
    rank: str
    pictures: list[Picture] = field(default_factory=list)
    errors: dict[str, Errors] = field(default_factory=dict)
    crop: Crop = field(default_factory=Crop)
    problems: list[str] = field(default_factory=list)

    def of(self, role: str) -> list[Picture]:
        return [one for one in self.pictures if one.role == role]


@dataclass
class ChosenExamples:
    """The examples of one data set."""

    examples: list[Example] = field(default_factory=list)
    order: str = ""
    """In words, what they are ranked by."""
    top: int = 0
    """The error at which the colour scale ends."""
    problems: list[str] = field(default_factory=list)
    lossless: bool = True


def ranked(comparison: Comparison, protocol: str, order: str) -> tuple[list[str], str]:
    """The images, worst first by the shown method, and in words what they are ranked by."""
    method = comparison.shown
    if method is None:
        return [], ""
    base = comparison.base_of(method)
    values = comparison.values(method, protocol, SCORED)
    words = f"PSNR of {method.label}"
    if order == "gain" and base is not None and base is not method:
        values = comparison.differences(method, base, protocol, SCORED)
        words = f"gain in PSNR of {method.label} over {base.label.lower()}"
    return sorted((image for image in values if image), key=lambda one: (_last_if_nan(values[one]), one)), words


def choose(comparison: Comparison, protocol: str, order: str, number: int) -> ChosenExamples:
    """The worst and the best images that have pictures, half of each, none twice."""
    images, words = ranked(comparison, protocol, order)
    chosen = ChosenExamples(order=words)
    method = comparison.shown
    if method is None or not images:
        chosen.problems.append("no image has scores, so there are no examples")
        return chosen
    named = method.source.results.pictures
    with_pictures = [image for image in images if method.name in named.get(image, {})]
    if not with_pictures:
        chosen.problems.append(f"the results of {method.label} contain no pictures, so there are no examples")
        return chosen
    if len(with_pictures) < len(images):
        chosen.problems.append(
            f"{len(with_pictures)} of {count(len(images), 'image')} have pictures; examples are chosen among those"
        )
    number = min(number, len(with_pictures))
    worst = (number + 1) // 2
    places = [*range(worst), *range(len(with_pictures) - number + worst, len(with_pictures))]
    for place in places:
        example = Example(with_pictures[place], _rank(place, worst, len(with_pictures)))
        _gather(example, comparison)
        if example.of("result") or example.of("hr"):
            chosen.examples.append(example)
        else:
            chosen.problems.append(
                f"{example.image}: {example.problems[0] if example.problems else 'its pictures are missing'}"
            )
    _paint(chosen)
    for example in chosen.examples:
        _map_invention(example, comparison)
    return chosen


def encode(chosen: ChosenExamples, lossless: bool) -> int:
    """Encodes all pictures as data URIs; returns their size in bytes."""
    chosen.lossless = lossless
    size = 0
    for example in chosen.examples:
        for picture in example.pictures:
            # Maps have few colours, so lossless files are small.
            picture.source = encoded(picture.image, lossless or picture.role in ("error", "invention", "evidence"))
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


def _gather(example: Example, comparison: Comparison) -> None:
    """Reads all pictures of one image and crops them; problems are recorded."""
    for role, label in (("lr", "LR"), ("ref", "Ref"), ("hr", "HR")):
        for _, entry in comparison.sources:
            name = entry.results.pictures.get(example.image, {}).get(role)
            if name is not None and _add(example, label, role, entry.folder, name):
                break
    for method in _shown_methods(comparison):
        name = method.source.results.pictures.get(example.image, {}).get(method.name)
        if name is not None:
            _add(example, method.label, "result", method.source.folder, name)
    _add_evidence(example, comparison)
    _compute_errors(example)
    shown = next((example.errors[one.label] for one in example.of("result")[::-1] if one.label in example.errors), None)
    first = comparison.shown
    if first is not None and first.label in example.errors:
        shown = example.errors[first.label]
    if shown is not None:
        example.crop = worst_crop(shown, MOST_PIXELS, max(comparison.scale, 1))
        example.errors = {label: example.crop.of(errors) for label, errors in example.errors.items()}
    elif example.pictures:
        largest = max(example.pictures, key=lambda one: max(one.size)).image
        example.crop = worst_crop(np.zeros(largest.shape[:2], np.float32), MOST_PIXELS, max(comparison.scale, 1))
    for picture in example.pictures:
        picture.image = np.ascontiguousarray(example.crop.of(picture.image))


def _shown_methods(comparison: Comparison) -> Sequence[Method]:
    """Bicubic, the runs, and the first run with a swapped (else the first perturbed) reference."""
    runs = comparison.of_kind("run")[:MOST_RUNS]
    base = comparison.base_of(runs[0]) if runs else None
    baselines = [base] if base is not None else [] if runs else comparison.of_kind("baseline")
    perturbed = comparison.ablations_of(runs[0]) if runs else []
    swapped = sorted(perturbed, key=lambda one: one.perturbed != "swap")[:1]
    return [*baselines, *runs, *swapped]


def _add(example: Example, label: str, role: str, folder: Path, name: str) -> bool:
    """Reads one picture into the example, or records why it is missing."""
    try:
        image = load(folder, name)
    except (DataError, OSError, ValueError) as error:
        example.problems.append(f"{label} is not shown: {error}")
        return False
    example.pictures.append(Picture(label, image, role, (image.shape[1], image.shape[0])))
    return True


def _add_evidence(example: Example, comparison: Comparison) -> None:
    """The evidence beside the shown run's image, where it was saved."""
    shown = comparison.shown
    named = shown.source.results.pictures.get(example.image, {}) if shown is not None else {}
    for plane in EVIDENCE:
        name = named.get(PREFIX + plane)
        if shown is None or name is None:
            continue
        if _add(example, plane.capitalize(), "evidence", shown.source.folder, name):
            picture = example.pictures[-1]
            picture.image = painted(picture.image[:, :, 0].astype(np.float32), 255)


def _compute_errors(example: Example) -> None:
    targets = example.of("hr")
    if not targets:
        example.problems.append("no HR picture, so no error maps")
        return
    for picture in example.of("result"):
        try:
            example.errors[picture.label] = error_map(picture.image, targets[0].image)
        except DataError as error:
            example.problems.append(f"no error map of {picture.label}: {error}")


def _paint(chosen: ChosenExamples) -> None:
    """Error maps of all examples with one colour scale."""
    chosen.top = common_top([errors for example in chosen.examples for errors in example.errors.values()])
    for example in chosen.examples:
        for label, errors in example.errors.items():
            example.pictures.append(Picture(f"{ERROR}{label}", painted(errors, chosen.top), "error"))


def _map_invention(example: Example, comparison: Comparison) -> None:
    """What the runs made up in an example, where its LR is shown beside its HR."""
    targets, lows = example.of("hr"), example.of("lr")
    runs = {method.label for method in comparison.of_kind("run")}
    if not targets or not lows:
        return
    for result in example.of("result"):
        if result.label in runs:
            with contextlib.suppress(DataError):
                found = invention(result.image, targets[0].image, lows[0].image, comparison.scale)
                label = f"{INVENTED}{result.label}: {found.worst:.0%} in the frame"
                example.pictures.append(Picture(label, found.picture, "invention"))
                if comparison.shown is not None and result.label == comparison.shown.label:
                    parts = [lows[0].image, *(one.image for one in example.of("ref")), result.image, targets[0].image]
                    strip = worst_parts(parts, found.window, targets[0].image.shape[:2])
                    example.pictures.append(Picture(WORST, strip, "window"))


def _last_if_nan(value: float) -> float:
    return math.inf if math.isnan(value) else value
