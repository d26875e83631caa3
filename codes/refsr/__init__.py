"""refsr: reference-based super-resolution of remote-sensing images.

>>> restorer = refsr.load("rrsnet-small-x4", device="cpu")
>>> restorer.restore(lr="lr.png", ref="ref.png").shape
(96, 128, 3)

`import refsr` imports neither torch nor NumPy; what a name stands for is imported when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from refsr.core.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from refsr import metrics, worlds
    from refsr.core.errors import RefsrError
    from refsr.core.registry import (
        list_datasets,
        list_metrics,
        list_models,
        list_networks,
        list_tasks,
        register_dataset,
        register_metric,
        register_network,
        register_task,
    )
    from refsr.inference.display import show
    from refsr.inference.restorer import Restorer
    from refsr.networks.descriptor import build_network

__all__ = [
    "RefsrError",
    "Restorer",
    "__version__",
    "build_network",
    "list_datasets",
    "list_metrics",
    "list_models",
    "list_networks",
    "list_tasks",
    "load",
    "metrics",
    "register_dataset",
    "register_metric",
    "register_network",
    "register_task",
    "show",
    "worlds",
]

_PLACES = {
    "RefsrError": "refsr.core.errors",
    "list_models": "refsr.core.registry",
    "Restorer": "refsr.inference.restorer",
    "build_network": "refsr.networks.descriptor",
    "show": "refsr.inference.display",
}


def load(path: str | Path | None = None, device: str | torch.device | None = None) -> Restorer:
    """What restores images with a model file, or with the best checkpoint of a run's folder (else its newest).

    Bundled weights are called by their names, which `list_models` gives; without a path: refsr-x4. Without a device:
    the GPU, where there is one.

    >>> refsr.load(device="cpu").restore("lr.png", "ref.png").dtype
    dtype('uint8')
    >>> refsr.load("refsr-x4-fast", device="cpu").restore("lr.png", "ref.png", output="sharp.png").name
    'sharp.png'
    """
    from refsr.inference.restorer import load as load_restorer

    return load_restorer(path, device)


def __getattr__(name: str) -> Any:
    if name in ("metrics", "worlds"):
        return importlib.import_module(f"refsr.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'refsr' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES.get(name, "refsr.core.registry")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
