"""Measures by name, made for one validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import torch

from refsr.metrics.measures import available, build, described
from refsr.metrics.measures.pair import ImageMeasure, SetMeasure

ALWAYS = ("psnr", "ssim")


@dataclass
class Judges:
    """What can be measured here, and lines about what cannot."""

    about: dict[str, dict[str, str]] = field(default_factory=dict)
    """Each measure's unit, whether higher or lower is better, and the library that computes it."""
    images: dict[str, ImageMeasure] = field(default_factory=dict)
    sets: dict[str, Callable[[], SetMeasure]] = field(default_factory=dict)
    """Made anew for each method and protocol."""
    missing: list[str] = field(default_factory=list)


def not_measurable(names: Sequence[str], weights: Path | None) -> list[str]:
    """A line for each measure that cannot be taken here; unknown names are a UsageError. Builds nothing."""
    return [line for name in dict.fromkeys(names) if (line := available(name, weights)) is not None]


def find_judges(names: Sequence[str], weights: Path | None, scale: int, device: torch.device) -> Judges:
    """PSNR, SSIM and the measures of these names; one whose weights are not there is missing, which is no mistake."""
    found = Judges()
    for name in dict.fromkeys((*ALWAYS, *names)):
        measure = described(name)
        if (line := available(name, weights)) is not None:
            found.missing.append(line)
            continue
        found.about[name] = {"unit": measure.unit, "better": measure.better, "library": measure.library}
        make = partial(build, name, weights, scale, device)
        if measure.whole_set:
            found.sets[name] = cast(Callable[[], SetMeasure], make)
        else:
            found.images[name] = cast(ImageMeasure, make())
    return found
