"""Weights that come with the package, called by name where a model file is asked for."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from refsr.core.errors import DataError, suggestion

WEIGHTS = ".safetensors"


def bundled() -> dict[str, Path]:
    """Model files by name, each with a page of the same name beside it that tells what it is."""
    folder = Path(str(resources.files("refsr") / "models"))
    return {file.name.removesuffix(WEIGHTS): file for file in sorted(folder.glob(f"*{WEIGHTS}"))}


def located(path: Path) -> Path:
    """`path`, or the bundled weights of that name where there is no such file or folder."""
    known = bundled()
    if path.exists() or (str(path) not in known and (path.suffix or len(path.parts) > 1)):
        return path
    if str(path) in known:
        return known[str(path)]
    hint = suggestion(str(path), known)
    raise DataError(
        f"{path}: no such file or folder, and no weights of that name come with refsr{hint} (known: {', '.join(known)})"
    )
