"""Measures by name, as a validation calls them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refsr.engine.validation.plan import ImageJudge, SetJudge
from refsr.metrics.fidelity import psnr, ssim


@dataclass
class Judges:
    """What can be measured here, and lines about what cannot."""

    about: dict[str, dict[str, str]] = field(default_factory=dict)
    images: dict[str, ImageJudge] = field(default_factory=dict)
    sets: dict[str, Callable[[], SetJudge]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def find_judges(names: Sequence[str], weights: Path | None = None) -> Judges:
    """The measures of these names; one whose weights are not there is missing, which is no mistake."""
    found = Judges()
    found.about = {
        "psnr": {"unit": "dB", "better": "higher", "library": "refsr"},
        "ssim": {"unit": "", "better": "higher", "library": "refsr"},
    }
    found.images = {"psnr": psnr, "ssim": ssim}
    return found
