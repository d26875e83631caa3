"""Weights that come with the package, called by name where a model file is asked for."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from refsr.engine.checkpoint import WEIGHTS


def shipped() -> dict[str, Path]:
    """Model files by name, each with a card of the same name beside it."""
    folder = Path(str(resources.files("refsr") / "models"))
    return {file.name.removesuffix(WEIGHTS): file for file in sorted(folder.glob(f"*{WEIGHTS}"))}


def located(path: Path) -> Path:
    """`path`, or the shipped model of that name where there is no such file or folder."""
    return path if path.exists() else shipped().get(str(path), path)
