"""Randomness as a pure function of a seed and a path of names and numbers.

No generator lives longer than the draw it serves, so the order in which things are asked for, the number of
workers and a restart in the middle change nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(seed: int, *path: str | int) -> int:
    """A 128-bit number for this seed and path; any difference in either gives an unrelated one."""
    text = "\x1f".join([f"{seed:d}", *(f"{type(part).__name__[0]}{part}" for part in path)])
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=16).digest(), "little")


def numpy_generator(seed: int, *path: str | int) -> np.random.Generator:
    """A NumPy generator for one purpose: `numpy_generator(seed, "crop", step, index)`."""
    return np.random.Generator(np.random.PCG64(derive(seed, *path)))


def torch_generator(seed: int, *path: str | int) -> torch.Generator:
    """The same for torch, on the CPU, whose draws do not depend on the device that later uses them."""
    import torch

    generator = torch.Generator()
    generator.manual_seed(derive(seed, *path) & (2**63 - 1))
    return generator
