"""Bundled weights, called by name where a model file is asked for."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

MODEL_SUFFIX = ".safetensors"


def bundled() -> dict[str, Path]:
    """Model files by name, each with a page of the same name beside it that says what it is."""
    folder = Path(str(resources.files("refsr") / "models"))
    return {file.name.removesuffix(MODEL_SUFFIX): file for file in sorted(folder.glob(f"*{MODEL_SUFFIX}"))}


def list_models() -> list[str]:
    """The names of the bundled weights, which `load` takes.

    >>> refsr.list_models()
    ['rrsnet-small-x4']
    """
    return list(bundled())
