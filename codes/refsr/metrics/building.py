"""Metrics by name: whether they can be taken here, and the thing that takes them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refsr.metrics.files import find, lack, wrong_folder
from refsr.metrics.table import Metric, MetricError, described

if TYPE_CHECKING:
    import torch

    from refsr.metrics.pair import ImageMetric, SetMetric

BRING = {"torchmetrics": "`pip install 'torchmetrics>=1.8'` brings it"}


@dataclass(frozen=True)
class Setting:
    """What a metric is made for."""

    metric: Metric
    weights: Path | None = None
    scale: int = 4
    device: torch.device | str = "cpu"


def available(name: str, weights: Path | None = None) -> str | None:
    """None where the metric can be taken; else one line with what is missing and how to bring it."""
    metric = described(name)
    for package in metric.packages:
        if (reason := cannot_import(package)) is not None:
            return f"{name}: {reason}; {BRING[package]}"
    if metric.files and (wrong := wrong_folder(weights)) is not None:
        return f"{name}: {wrong}"
    missing = [lack(key, weights) for key in metric.files if find(key, weights) is None]
    return f"{name}: " + "; and ".join(missing) if missing else None


def build(
    name: str, weights: Path | None = None, scale: int = 4, device: torch.device | str = "cpu"
) -> ImageMetric | SetMetric:
    """The metric, ready to be taken; networks are read once a process and shared."""
    if (line := available(name, weights)) is not None:
        raise MetricError(line)
    metric = described(name)
    module, attribute = metric.place.split(":")
    make: Any = getattr(importlib.import_module(module), attribute)
    built: ImageMetric | SetMetric = make(Setting(metric, weights, scale, device))
    return built


@cache
def cannot_import(package: str) -> str | None:
    """Why a package cannot be used; None where it can."""
    # A torchvision beside a torch that it was not built for raises RuntimeError, and takes torchmetrics with it.
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        return f"{package} is not installed" if error.name == package else f"{package} cannot be imported ({error})"
    except Exception as error:
        return f"{package} cannot be imported ({type(error).__name__}: {error})"
    return None
