"""The metrics of an evaluation, chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import torch

from refsr.metrics import available, build, metric_named
from refsr.metrics.base import ImageMetric, SetMetric
from refsr.metrics.invention import WITH_LR, Measure

ALWAYS = ("psnr", "ssim")


@dataclass
class Metrics:
    """The metrics that can be computed here, and lines about those that cannot."""

    about: dict[str, dict[str, str]] = field(default_factory=dict)
    """Each metric's unit, direction (higher or lower is better) and library."""
    images: dict[str, ImageMetric] = field(default_factory=dict)
    sets: dict[str, Callable[[], SetMetric]] = field(default_factory=dict)
    """Metrics of whole sets: constructors, called for each method and protocol."""
    with_lr: dict[str, Measure] = field(default_factory=dict)
    """Those that compare with LR too; equal under all protocols."""
    missing: list[str] = field(default_factory=list)


def known_metric(name: str) -> str:
    """The name of a metric; a UsageError for one that there is not."""
    return name if name in WITH_LR else metric_named(name).name


def not_measurable(names: Sequence[str], weights: Path | None) -> list[str]:
    """A line for each metric that cannot be computed here; unknown names are a UsageError. Builds nothing."""
    others = [name for name in dict.fromkeys(names) if name not in WITH_LR]
    return [line for name in others if (line := available(name, weights)) is not None]


def find_metrics(names: Sequence[str], weights: Path | None, scale: int, device: torch.device) -> Metrics:
    """PSNR, SSIM and the metrics of these names; one without its weights goes into `missing`, which is no error."""
    found = Metrics()
    for name in dict.fromkeys((*ALWAYS, *names)):
        if name in WITH_LR:
            found.about[name], found.with_lr[name] = dict(WITH_LR[name][0]), WITH_LR[name][1]
            continue
        metric = metric_named(name)
        if (line := available(name, weights)) is not None:
            found.missing.append(line)
            continue
        found.about[name] = {"unit": metric.unit, "better": metric.better, "library": metric.library}
        make = partial(build, name, weights, scale, device)
        if metric.whole_set:
            found.sets[name] = cast(Callable[[], SetMetric], make)
        else:
            found.images[name] = cast(ImageMetric, make())
    return found
