"""Reads the tensors of a published .pth file without running anything in it."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refsr.core.digests import file_digest
from refsr.core.errors import DataError
from refsr.core.torch_files import MoreThanTensorsError, load_tensors
from refsr.interop.weights.pickled_modules import module_tensors

PARTS = ("state_dict", "params_ema", "params")
"""Keys of the state dict in a checkpoint or a wrapped file; averages come first."""

MOST_GAPS = 100
"""Numbers of layers without tensors, such as activations."""


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
    try:
        content = load_tensors(file)
    except MoreThanTensorsError:
        if not zipfile.is_zipfile(file):
            raise
        content = module_tensors(file)
    part = _part(content)
    return Published(file.name, file_digest(file), _tensors(file, content if part is None else content[part]), part)


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
    for key, value in content.items():
        _require_plain(file, key, value)
        _require_numbering(file, key, len(content))
    bare: dict[str, Tensor] = {}
    for key, value in content.items():
        short = key.removeprefix("module.")
        if short in bare:
            raise DataError(f"{file}: {short!r} is there twice, with and without 'module.'")
        bare[short] = value
    return bare


def _require_numbering(file: Path, key: str, count: int) -> None:
    """A DataError for a key that numbers layers far beyond those that a file has: their number is an option."""
    for part in key.split("."):
        if part.isdecimal() and (len(part) > 9 or int(part) > count + MOST_GAPS):
            raise DataError(f"{file}: {key[:80]!r} numbers a layer beyond the {count} tensors that the file has")


def _require_plain(file: Path, key: str, tensor: Tensor) -> None:
    """A DataError for a tensor whose numbers are not all in the file: sparse, quantised, on no device, repeated."""
    kind = "sparse" if tensor.layout != torch.strided else "quantised" if tensor.is_quantized else ""
    if kind or tensor.is_meta:
        raise DataError(f"{file}: {key!r} is a {kind or 'meta'} tensor, expected plain numbers")
    if tensor.nbytes > tensor.untyped_storage().nbytes():
        shape = tuple(tensor.shape)
        raise DataError(f"{file}: {key!r} has shape {shape}, and the file does not hold so many numbers")
