"""One parity case: a folder with case.json and expected.npz, its filled weights and inputs."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError

FloatArray = npt.NDArray[np.float32]


class NotCoveredError(Exception):
    """A case asks for something that this package does not have."""


def uniform(name: str, shape: tuple[int, ...], seed: int) -> FloatArray:
    """Uniform numbers in [0, 1) that depend on name, seed and shape alone, the same on every machine."""
    bits = np.random.PCG64([zlib.crc32(name.encode()), seed])
    return np.random.Generator(bits).random(size=shape).astype(np.float32)


def _centred(name: str, shape: tuple[int, ...], deviation: float, seed: int) -> FloatArray:
    return ((uniform(name, shape, seed) * 2 - 1) * (deviation * math.sqrt(3))).astype(np.float32)


def filled_parameter(key: str, shape: tuple[int, ...], seed: int, gain: float) -> npt.NDArray[Any]:
    """A state-dict entry: kernels by fan-in, scales near one, shifts near zero."""
    leaf = key.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, dtype=np.int64)
    if leaf == "running_var":
        return (1 + 0.1 * uniform(key, shape, seed)).astype(np.float32)
    if len(shape) >= 2:
        fan_in = max(1, math.prod(shape[1:]))
        return _centred(key, shape, gain / math.sqrt(fan_in), seed)
    if leaf == "weight":
        return (1 + _centred(key, shape, 0.1, seed)).astype(np.float32)
    return _centred(key, shape, 0.05, seed)


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
        missing = [key for key in ("system", "what", "inputs", "outputs", "tolerance") if key not in meta]
        if missing:
            raise DataError(f"{file}: lacks {', '.join(missing)}")
        return Case(path, meta)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def system(self) -> str:
        return str(self.meta["system"])

    @property
    def what(self) -> str:
        return str(self.meta["what"])

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.meta.get("config", {}))

    @property
    def seed(self) -> int:
        return int(self.meta.get("seed", 0))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """The published network's filled state dict under its published keys, constants included."""
        gain = float(self.meta.get("gain", 1.0))
        state = {key: filled_parameter(key, tuple(shape), self.seed, gain) for key, shape in self.meta["state"]}
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

    def expected(self) -> dict[str, npt.NDArray[Any]]:
        file = self.folder / "expected.npz"
        if not file.is_file():
            raise DataError(f"{file}: missing")
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def tolerance(self, output: str) -> float:
        """The largest absolute difference allowed for one output."""
        return float(self.meta.get("tolerances", {}).get(output, self.meta["tolerance"]))
