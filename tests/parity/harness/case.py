"""One parity case: a folder with case.json and expected.npz, its filled weights and its inputs."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from refsr.core.errors import DataError

FloatArray = npt.NDArray[np.float32]

KEYS: dict[str, type | tuple[type, ...]] = {"system": str, "kind": str, "inputs": dict, "tolerance": (int, float)}
"""What a case must have, and of which type."""


class NotCoveredError(Exception):
    """A case asks for something that this package does not have."""


def uniform(name: str, shape: tuple[int, ...], seed: int) -> FloatArray:
    """Uniform numbers in [0, 1) that depend on name, seed and shape alone, the same on every machine."""
    bits = np.random.PCG64([zlib.crc32(name.encode()), seed])
    return np.random.Generator(bits).random(size=shape).astype(np.float32)


def _zero_mean(name: str, shape: tuple[int, ...], std: float, seed: int) -> FloatArray:
    return ((uniform(name, shape, seed) * 2 - 1) * (std * math.sqrt(3))).astype(np.float32)


def filled_parameter(key: str, shape: tuple[int, ...], seed: int, gain: float) -> npt.NDArray[Any]:
    """A state-dict entry: kernels by fan-in, scales near one, shifts near zero."""
    leaf = key.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, dtype=np.int64)
    if leaf == "running_var":
        return (1 + 0.1 * uniform(key, shape, seed)).astype(np.float32)
    if len(shape) >= 2:
        fan_in = max(1, math.prod(shape[1:]))
        return _zero_mean(key, shape, gain / math.sqrt(fan_in), seed)
    if leaf == "weight":
        return (1 + _zero_mean(key, shape, 0.1, seed)).astype(np.float32)
    return _zero_mean(key, shape, 0.05, seed)


@dataclass(frozen=True)
class Case:
    """What a case's folder holds; arrays are made or read when asked for."""

    folder: Path
    meta: dict[str, Any]

    @staticmethod
    def load(folder: str | Path) -> Case:
        path = Path(folder)
        file = path / "case.json"
        if not file.is_file():
            raise DataError(f"{path}: no parity case here (case.json is missing)")
        try:
            meta = json.loads(file.read_text())
        except ValueError as error:
            raise DataError(f"{file}: not JSON: {error}") from error
        if not isinstance(meta, dict):
            raise DataError(f"{file}: not a JSON object")
        missing = [key for key in KEYS if key not in meta]
        if missing:
            raise DataError(f"{file}: lacks {', '.join(missing)}")
        wrong = [key for key, kind in KEYS.items() if not isinstance(meta[key], kind)]
        wrong += [key for key in ("config", "tolerances", "constants") if not isinstance(meta.get(key, {}), dict)]
        if wrong:
            raise DataError(f"{file}: {', '.join(wrong)} of a wrong type")
        return Case(path, meta)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def system(self) -> str:
        return str(self.meta["system"])

    @property
    def kind(self) -> str:
        return str(self.meta["kind"])

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.meta.get("config", {}))

    @property
    def seed(self) -> int:
        return int(self.meta.get("seed", 0))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """The published network's filled state dict under its published keys, constants included."""
        gain = float(self.meta.get("gain", 1.0))
        state = {key: filled_parameter(key, tuple(shape), self.seed, gain) for key, shape in self.meta.get("state", [])}
        constants = self.meta.get("constants", {})
        state.update({key: np.asarray(value, dtype=np.float32) for key, value in constants.items()})
        return state

    def inputs(self) -> dict[str, FloatArray]:
        """The case's inputs, uniform in their declared ranges."""
        return {
            name: (
                uniform("input/" + name, tuple(of["shape"]), self.seed) * (of["high"] - of["low"]) + of["low"]
            ).astype(np.float32)
            for name, of in self.meta["inputs"].items()
        }

    def weights(self, prefix: str = "") -> dict[str, Tensor]:
        """The state as tensors: the entries below a prefix, without it."""
        return _tensors(self.state(), prefix)

    def given(self, prefix: str = "") -> dict[str, Tensor]:
        """The inputs as tensors: those whose names begin with a prefix, without it."""
        return _tensors(self.inputs(), prefix)

    def expected(self) -> dict[str, npt.NDArray[Any]]:
        """The published numbers, by output."""
        file = self.folder / "expected.npz"
        if not file.is_file():
            raise DataError(f"{file}: missing")
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except Exception as error:  # a damaged archive can raise nearly anything
            raise DataError(f"{file}: cannot be read: {error}") from error

    @cached_property
    def asked(self) -> frozenset[str]:
        """The outputs that the case asks for."""
        return frozenset(self.expected())

    def tolerance(self, output: str) -> float:
        """The largest absolute difference allowed for one output."""
        return float(self.meta.get("tolerances", {}).get(output, self.meta["tolerance"]))


def _tensors(arrays: dict[str, npt.NDArray[Any]], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: torch.from_numpy(array) for key, array in arrays.items() if key.startswith(prefix)}
