"""Reading .pth and .pt files: tensors and plain containers, and never code."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

from refsr.core.errors import DataError
from refsr.core.foreign_files import BROKEN_ARCHIVE, open_zip, require_file
from refsr.core.memory import is_out_of_memory

FOLDER = 0x10
"""The attribute of a zip archive's entry that marks a folder."""
PROGRAM = "/constants.pkl"
"""How the name of an entry ends that TorchScript has."""
BEGINS = (b"P", b"\x80")
"""The first byte of a zip archive and, before torch 1.6, of a pickle."""


class MoreThanTensorsError(DataError):
    """A file names things that are never loaded."""


def load_tensors(file: Path) -> Any:
    """What a file holds, on the CPU; a DataError for whatever is not tensors in plain containers."""
    import torch

    require_file(file)
    if zipfile.is_zipfile(file):
        _require_sound(file)
    try:
        with warnings.catch_warnings():
            # About pickle protocols; the user cannot change them.
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise MoreThanTensorsError(
            f"{file}: holds more than tensors, or is no .pth file; only the tensors of a state dict are ever loaded"
        ) from error
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # The loader raises many types for damaged archives, and its messages advise unsafe loading.
        with file.open("rb") as handle:
            damaged = handle.read(1) in BEGINS
        raise DataError(f"{file}: is {'a damaged' if damaged else 'no'} .pth file") from error


def _require_sound(file: Path) -> None:
    """A DataError for TorchScript, and where a checksum is wrong, which the loader does not look at."""
    with open_zip(file) as archive:
        # By entry, not by name: a damaged directory may name one entry twice.
        for entry in archive.infolist():
            if entry.filename.endswith(PROGRAM):
                raise DataError(
                    f"{file}: is a program (TorchScript), which is never run; save its weights where it was made: "
                    "torch.save(torch.jit.load(PROGRAM).state_dict(), WEIGHTS)"
                )
            if entry.external_attr & FOLDER:
                # The loader would treat this record as empty and leave memory uninitialised.
                raise DataError(f"{file}: is damaged at {entry.filename!r}; get the file again")
            try:
                with archive.open(entry) as record:
                    while record.read(1 << 20):
                        pass
            except BROKEN_ARCHIVE as error:
                raise DataError(f"{file}: is damaged at {entry.filename!r}; get the file again") from error
