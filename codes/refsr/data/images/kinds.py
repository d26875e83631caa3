"""Which format a file has: by its content where it is read, by its name where it is written."""

from __future__ import annotations

from pathlib import Path

from refsr.core.errors import DataError, suggestion

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
    b"II+\x00": "tiff",
    b"MM\x00+": "tiff",
    b"\x93NUMPY": "npy",
}


def file_kind(path: Path) -> str:
    """`png`, `jpeg`, `tiff` or `npy` by the file's first bytes, whatever its name says."""
    try:
        with path.open("rb") as handle:
            head = handle.read(8)
    except FileNotFoundError:
        near = suggestion(path.name, _siblings(path))
        raise DataError(f"{path}: no such file{near}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    if not head:
        raise DataError(f"{path}: the file is empty")
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    raise DataError(f"{path}: not a PNG, JPEG, TIFF or .npy image")


def named_kind(path: Path) -> str | None:
    """The kind that the file's suffix promises, if it promises one."""
    suffix = path.suffix.lower().lstrip(".")
    return {"jpg": "jpeg", "jpeg": "jpeg", "tif": "tiff", "tiff": "tiff", "png": "png", "npy": "npy"}.get(suffix)


def _siblings(path: Path) -> list[str]:
    try:
        return [other.name for other in path.parent.iterdir()]
    except OSError:
        return []
