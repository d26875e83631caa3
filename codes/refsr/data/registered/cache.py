"""Registered references on disk, each in a file that is named by digests of all that it was made from.

So what is found is what would be made, whichever run or process made it; what is broken is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from refsr.core.atomic import write_bytes
from refsr.core.window import Window
from refsr.data.images import Array
from refsr.data.registered.registered_ref import RegisteredRef, registration_version

PLANES = ("ref", "weight", "used")
META = "refsr"
FORMAT = "refsr-registered-1"


def default_folder() -> Path:
    """`refsr/registered` in the user's cache folder (XDG_CACHE_HOME)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "refsr" / "registered"


def key_of(lr: Array, refs: Sequence[Array], settings: dict[str, Any]) -> str:
    """The name of what these images and settings give with this version of the registration."""
    running = hashlib.blake2b(digest_size=20)
    running.update(json.dumps({"version": registration_version(), **settings}, sort_keys=True).encode())
    for image in (lr, *refs):
        running.update(f"{image.shape}{image.dtype}".encode())
        running.update(np.ascontiguousarray(image).data)
    return running.hexdigest()


def write(file: Path, found: RegisteredRef) -> None:
    """Puts a registered reference there, whole or not at all."""
    planes = {name: np.ascontiguousarray(getattr(found, name)) for name in PLANES}
    about = {"format": FORMAT, "digest": _digest(planes), "records": list(found.records)}
    write_bytes(file, save(planes, {META: json.dumps(about)}))


def read(file: Path) -> RegisteredRef | None:
    """What a file holds, None where there is none or it is damaged."""
    try:
        with safe_open(file, framework="numpy") as opened:
            about = json.loads(opened.metadata()[META])
            planes = {name: opened.get_tensor(name) for name in PLANES}
        if about["format"] != FORMAT or about["digest"] != _digest(planes):
            return None
        return RegisteredRef(**planes, records=tuple(about["records"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def read_window(file: Path, plane: str, window: Window | None) -> Array:
    """A plane of a file that `read` accepted, or a window of it."""
    with safe_open(file, framework="numpy") as opened:
        if window is None:
            found: Array = opened.get_tensor(plane)
            return found
        top, left, height, width = window
        part: Array = opened.get_slice(plane)[top : top + height, left : left + width]
        return part


def _digest(planes: dict[str, Array]) -> str:
    running = hashlib.blake2b(digest_size=16)
    for name in PLANES:
        running.update(f"{planes[name].shape}{planes[name].dtype}".encode())
        running.update(np.ascontiguousarray(planes[name]).data)
    return running.hexdigest()
