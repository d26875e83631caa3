"""Reads the tensors of pickled module objects without importing or running what the pickle names.

Such a file is a zip archive of a pickle and of raw numbers. The unpickler replaces every name by an inert record that
stores its arguments and state. Of the records only parameters, buffers and sub-modules are used, and only the numbers
of their tensors are read.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from refsr.core.errors import DataError
from refsr.core.foreign_files import open_zip

DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
}
WANTED = ("ema", "net")
"""The network of a training state that is read: the averaged one, else the last."""
DEEPEST = 64
MEMBERS = ("_parameters", "_buffers", "_modules")


class Record:
    """Stands for any name in the pickle; stores the arguments and the state that it was given."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *arguments: Any) -> Record:
        return Record(*arguments)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Ignored, like the other entries of unknown containers."""

    def append(self, value: Any) -> None:
        """Ignored."""

    def extend(self, values: Any) -> None:
        """Ignored."""


@dataclass(frozen=True)
class Storage:
    """Raw numbers of the archive."""

    key: str
    dtype: torch.dtype
    count: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in the archive: a view of a storage."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class ModuleUnpickler(pickle.Unpickler):
    """Builds records, and descriptions of tensors."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _stored
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        # A new class, since the pickle may make instances without calling it.
        return type(name, (Record,), {})

    def persistent_load(self, identity: Any) -> Any:
        match identity:
            case ("storage", torch.dtype() as dtype, str(key), _, int(count)):
                return Storage(key, dtype, count)
        raise pickle.UnpicklingError("an outside object that is no storage")


def _stored(storage: Any, offset: Any, size: Any, stride: Any, *others: Any) -> Any:
    """A tensor, if this is one."""
    if not isinstance(storage, Storage):
        return Record()
    return StoredTensor(storage, int(offset), tuple(map(int, size)), tuple(map(int, stride)))


def _parameter(data: Any, *others: Any) -> Any:
    return data


def module_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of the network in a training state, by the keys of its state dict."""
    try:
        with open_zip(file) as archive:
            index = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
            if index is None:
                raise DataError(f"{file}: {UNREADABLE}")
            with archive.open(index) as stream:
                content = _walked(file, stream)
            place = index.removesuffix("data.pkl")
            return {name: _tensor(file, archive, place, stored) for name, stored in _found(file, content).items()}
    except OSError as error:
        raise DataError(f"{file}: {UNREADABLE}") from error


UNREADABLE = (
    "only the tensors of a state dict are ever loaded, or of modules in a training state, and none can be found in "
    "this file without running its code; in the published code's own "
    'environment, python -c "import sys, torch; s = torch.load(sys.argv[1]); '
    "torch.save(s['ema'].state_dict(), sys.argv[2])\" STATE.pt WEIGHTS.pth makes a file that can"
)


def _walked(file: Path, stream: IO[bytes]) -> Any:
    try:
        return ModuleUnpickler(stream).load()
    except Exception as error:
        # A damaged pickle can raise any exception.
        raise DataError(f"{file}: {UNREADABLE}") from error


def _found(file: Path, content: Any) -> dict[str, StoredTensor]:
    """The tensors of the first wanted network."""
    if isinstance(content, Mapping):
        for key in WANTED:
            if isinstance(content.get(key), Record):
                content = content[key]
                break
    found = dict(_members(content, "", 0))
    if not found:
        raise DataError(
            f"{file}: holds neither a network's tensors nor a network under {' or '.join(map(repr, WANTED))}; "
            "only the tensors of a state dict, or of modules in a training state, are ever loaded"
        )
    return found


def _members(node: Any, prefix: str, depth: int) -> Iterator[tuple[str, StoredTensor]]:
    state = _state(node)
    if state is None or depth > DEEPEST:
        return
    for kind in MEMBERS:
        members = state.get(kind)
        if not isinstance(members, Mapping):
            continue
        for name, member in members.items():
            if isinstance(member, StoredTensor):
                yield f"{prefix}{name}", member
            elif kind == "_modules":
                yield from _members(member, f"{prefix}{name}.", depth + 1)


def _state(node: Any) -> Mapping[str, Any] | None:
    """A module's attributes: its pickled state or, for the persistent classes of EDM, inside an argument."""
    if not isinstance(node, Record):
        return None
    given = node.state
    if not isinstance(given, Mapping) and len(node.arguments) == 1 and isinstance(node.arguments[0], Mapping):
        given = node.arguments[0].get("state")
    return given if isinstance(given, Mapping) else None


def _tensor(file: Path, archive: zipfile.ZipFile, place: str, stored: StoredTensor) -> Tensor:
    """The numbers of one tensor."""
    storage = stored.storage
    last = stored.offset + sum((side - 1) * step for side, step in zip(stored.size, stored.stride, strict=False))
    sound = (
        len(stored.size) == len(stored.stride)
        and min((*stored.size, *stored.stride, stored.offset), default=0) >= 0
        and (math.prod(stored.size) == 0 or max(last + 1, math.prod(stored.size)) <= storage.count)
    )
    try:
        raw = archive.read(f"{place}data/{storage.key}")
    except KeyError:
        raw = b""
    if not sound or len(raw) != storage.count * storage.dtype.itemsize:
        raise DataError(f"{file}: is damaged: the numbers of a tensor {tuple(stored.size)} are incomplete")
    flat = torch.frombuffer(bytearray(raw), dtype=storage.dtype) if raw else torch.empty(0, dtype=storage.dtype)
    return flat.as_strided(stored.size, stored.stride, stored.offset).clone()
