"""The image files that lie in a folder."""

from __future__ import annotations

from pathlib import Path

from refsr.core.errors import DataError
from refsr.data.images.headers import IMAGE_SUFFIXES


def images_in(folder: Path) -> dict[str, Path]:
    """Those right in it by their name without suffix, in order; hidden files are none."""
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in IMAGE_SUFFIXES or file.name.startswith(".") or not file.is_file():
            continue
        if file.stem in found:
            raise DataError(f"{folder}: {found[file.stem].name} and {file.name} would become one image; rename one")
        found[file.stem] = file
    return found
