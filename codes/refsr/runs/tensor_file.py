"""Tensors on disk: safetensors with a digest of all that the file says, so that damage is never loaded."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from refsr.core.atomic import write_bytes
from refsr.core.errors import DataError, suggestion

HEADER = "refsr"
"""The one key of the file's metadata: libraries write several in no fixed order, and equal runs give equal files."""
DIGEST = "digest"


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """`tensors` and a header of texts at `path`, whole or not at all."""
    from safetensors.torch import save

    kept = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    words = json.dumps({**header, DIGEST: _digest(kept, header)}, sort_keys=True)
    write_bytes(path, save(kept, metadata={HEADER: words}))


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors, on the CPU, and the header; a file that is not what was written is a DataError."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    file = Path(path)
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        near = suggestion(file.name, [other.name for other in file.parent.glob("*.safetensors")])
        raise DataError(f"{file}: no such file{near}") from None
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from error
    try:
        header = _header(content)
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{file}: is no safetensors file, or a damaged one") from error
    digest = header.pop(DIGEST, None)
    # Other programs' files have no header of ours, and ours always have a digest.
    if header and digest != _digest(tensors, header):
        raise DataError(f"{file}: is damaged: its tensors are not the ones that were written")
    return tensors, header


def _header(content: bytes) -> dict[str, str]:
    (length,) = struct.unpack_from("<Q", content) if len(content) >= 8 else (0,)
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return {str(key): str(value) for key, value in json.loads(metadata.get(HEADER, "{}")).items()}


def _digest(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> str:
    """Over names, types, shapes, values and the rest of the header, in an order of their own."""
    running = hashlib.sha256(json.dumps(dict(header), sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        running.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        running.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return running.hexdigest()
