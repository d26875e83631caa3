"""Reads the tensors of a published .pth file without running anything in it."""

from __future__ import annotations

import pickle
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refsr.core.digests import file_digest
from refsr.core.errors import DataError
from refsr.interop.weights.pickled_modules import module_tensors

PARTS = ("state_dict", "params_ema", "params")
"""Keys of the state dict in a checkpoint or a wrapped file; averages come first."""

FOLDER = 0x10
"""The attribute of a zip archive's entry that marks a folder."""


@dataclass(frozen=True)
class Published:
    """The tensors of a file by their published keys, without the prefix of DataParallel."""

    name: str
    digest: str
    """SHA-256 of the file."""
    tensors: dict[str, Tensor]
    part: str | None = None
    """The key of the state dict in a file that wraps it."""


def read_published(path: str | Path) -> Published:
    """A state dict on the CPU, or the one of module objects in a training state; refuses anything else."""
    file = Path(path)
    if not file.is_file():
        raise DataError(f"{file}: no such file" if not file.exists() else f"{file}: a folder, expected a .pth file")
    try:
        digest = file_digest(file)
        _require_sound(file)
        with warnings.catch_warnings():
            # About pickle protocols; the user cannot change them.
            warnings.simplefilter("ignore")
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from error
    except DataError:
        raise
    except pickle.UnpicklingError as error:
        if not zipfile.is_zipfile(file):
            raise DataError(
                f"{file}: holds more than tensors, or is no .pth file; only the tensors of a state dict are ever loaded"
            ) from error
        content = module_tensors(file)
    except Exception as error:
        if not _begins_as_one(file):
            raise DataError(f"{file}: is no .pth file") from error
        # The loader raises many types for damaged archives.
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{file}: cannot be read as a .pth file: {first}") from error
    part = _part(content)
    return Published(file.name, digest, _tensors(file, content if part is None else content[part]), part)


def _begins_as_one(file: Path) -> bool:
    """Whether the first byte is that of a zip archive or, before torch 1.6, of a pickle."""
    with file.open("rb") as stream:
        return stream.read(1) in (b"P", b"\x80")


def _require_sound(file: Path) -> None:
    """Raises a DataError if a checksum is wrong; the loader does not check them."""
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        # By entry, not by name: a damaged directory may name one entry twice.
        for entry in archive.infolist():
            if entry.external_attr & FOLDER:
                # The loader would treat this record as empty and leave memory uninitialised.
                raise DataError(f"{file}: is damaged at {entry.filename!r}; get the file again")
            try:
                with archive.open(entry) as record:
                    while record.read(1 << 20):
                        pass
            except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError) as error:
                raise DataError(f"{file}: is damaged at {entry.filename!r}; get the file again") from error


def _part(content: Any) -> str | None:
    """The key of the state dict; the rest of the file is ignored."""
    if not isinstance(content, dict):
        return None
    return next((part for part in PARTS if isinstance(content.get(part), dict)), None)


def _tensors(file: Path, content: Any) -> dict[str, Tensor]:
    if not isinstance(content, dict):
        raise DataError(f"{file}: holds a {type(content).__name__}, expected a state dict")
    wrong = [key for key, value in content.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if wrong:
        hint = "; a training state (.state) is no weight file" if "optimizers" in content else ""
        raise DataError(f"{file}: {wrong[0]!r} is no tensor, expected a state dict{hint}")
    if not content:
        raise DataError(f"{file}: the state dict is empty")
    bare: dict[str, Tensor] = {}
    for key, value in content.items():
        short = key.removeprefix("module.")
        if short in bare:
            raise DataError(f"{file}: {short!r} is there twice, with and without 'module.'")
        bare[short] = value
    return bare
