"""refsr: reference-based super-resolution of remote-sensing images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refsr.core.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from refsr.inference.restorer import Restorer

__all__ = ["__version__", "load"]


def load(path: str | Path, device: str | torch.device | None = None) -> Restorer:
    """What restores images with a model file, or with the best checkpoint of a run's folder; GPU where there is one.

    >>> refsr.load("weights.safetensors").restore(lr="a.png", ref="b.png")
    """
    from refsr.inference.restorer import load as load_restorer

    return load_restorer(path, device)
