"""Whether a metric can be computed here, and building it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refsr.metrics.table import Metric, MetricError, metric_named
from refsr.metrics.weight_files import find, folder_error, how_to_get

if TYPE_CHECKING:
    import torch

    from refsr.metrics.base import ImageMetric, SetMetric

INSTALL = {"torchmetrics": "`pip install 'torchmetrics>=1.8'` brings it"}


@dataclass(frozen=True)
class MetricConfig:
    """What a metric is built for."""

    metric: Metric
    weights: Path | None = None
    scale: int = 4
    device: torch.device | str = "cpu"


def available(name: str, weights: Path | None = None) -> str | None:
    """None where the metric can be computed; else one line with what is missing and how to install it."""
    metric = metric_named(name)
    for package in metric.packages:
        if (reason := import_error(package)) is not None:
            return f"{name}: {reason}; {INSTALL[package]}"
    if metric.files and (wrong := folder_error(weights)) is not None:
        return f"{name}: {wrong}"
    missing = [how_to_get(key, weights) for key in metric.files if find(key, weights) is None]
    return f"{name}: " + "; and ".join(missing) if missing else None


def build(
    name: str, weights: Path | None = None, scale: int = 4, device: torch.device | str = "cpu"
) -> ImageMetric | SetMetric:
    """The metric, ready to be called; networks are read once a process and shared."""
    if (line := available(name, weights)) is not None:
        raise MetricError(line)
    metric = metric_named(name)
    module, attribute = metric.factory.split(":")
    make: Any = getattr(importlib.import_module(module), attribute)
    built: ImageMetric | SetMetric = make(MetricConfig(metric, weights, scale, device))
    return built


@cache
def import_error(package: str) -> str | None:
    """Why a package cannot be imported; None where it can."""
    # A torchvision built for another torch raises RuntimeError, and torchmetrics then fails with it.
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        return f"{package} is not installed" if error.name == package else f"{package} cannot be imported ({error})"
    except Exception as error:
        return f"{package} cannot be imported ({type(error).__name__}: {error})"
    return None
