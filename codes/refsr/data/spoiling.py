"""References taken away or spoilt, to see what a network owes to them: swap, blank, shift, rotate, down, recolour."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.core.seeding import numpy_generator
from refsr.data.derivation import blurred
from refsr.data.sample import Sample, Unit
from refsr.data.sets.paired import PairedSet
from refsr.ops.resize import imresize

Indices = npt.NDArray[np.int64]

AMOUNTS = {
    "swap": None,
    "blank": None,
    "shift": "whole pixels from 1 on, as in shift:8",
    "rotate": "degrees from -180 to 180, as in rotate:5",
    "down": "a whole factor from 2 on, as in down:4",
    "recolour": None,
}
"""Every way to spoil a reference, and what is said after the colon, if anything."""

SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Right, down, left and up, as rows and columns."""


@dataclass(frozen=True)
class Spoil:
    """How a reference is spoilt; `str` of it is the text it was parsed from."""

    kind: str
    amount: float = 0

    def __str__(self) -> str:
        return self.kind if AMOUNTS[self.kind] is None else f"{self.kind}:{self.amount:g}"


def parse_spoil(text: str) -> Spoil:
    """`swap`, `blank`, `shift:PX`, `rotate:DEG`, `down:N` or `recolour`."""
    kind, colon, number = text.strip().partition(":")
    if kind not in AMOUNTS:
        known = ", ".join(name if takes is None else f"{name}:..." for name, takes in AMOUNTS.items())
        raise UsageError(f"{text!r} spoils no reference{suggestion(kind, AMOUNTS)} (known: {known})")
    wanted = AMOUNTS[kind]
    if wanted is None:
        if colon:
            raise UsageError(f"{text!r}: {kind} takes nothing after it")
        return Spoil(kind)
    try:
        amount = float(number)
    except ValueError:
        amount = math.nan
    whole = amount.is_integer()
    if not {"shift": whole and amount >= 1, "rotate": abs(amount) <= 180, "down": whole and amount >= 2}[kind]:
        raise UsageError(f"{text!r}: {kind} takes {wanted}")
    return Spoil(kind, amount)


def spoiled(dataset: PairedSet, index: int, how: Spoil, seed: int) -> Sample:
    """Sample number `index`, whole, with another `ref` and a `ref_down` to match; all else is as it was.

    A function of seed and index alone. What moves in from beyond the reference's edges is mirrored.
    """
    sample = dataset[index]
    if "ref" not in sample:
        raise DataError(f"{dataset.name}: has no references that could be spoilt by {how}")
    if how.kind == "swap":
        return _swapped(dataset, index, sample)
    generator = numpy_generator(seed, "spoil", how.kind, index)
    ref = WAYS[how.kind](_planes_last(sample["ref"]), how.amount, generator)
    changed: Sample = {**sample, "ref": _planes_first(ref)}
    if "ref_down" in sample:
        changed["ref_down"] = _planes_first(np.clip(blurred(ref, dataset.scale), 0, 1))
    return changed


def _swapped(dataset: PairedSet, index: int, sample: Sample) -> Sample:
    """The reference of the next sample, from its files; cut, or mirrored on, to this one's size."""
    if len(dataset) < 2:
        raise DataError(f"{dataset.name}: swap needs two samples, there is one")
    other = dataset[(index + 1) % len(dataset)]
    changed: Sample = {**sample, "ref": _fitted(other["ref"], sample["ref"])}
    if "ref_down" in sample:
        changed["ref_down"] = _fitted(other["ref_down"], sample["ref_down"])
    return changed


def _fitted(image: Tensor, like: Tensor) -> Tensor:
    rows, columns = (
        torch.from_numpy(_mirrored(np.arange(wanted), found))
        for wanted, found in zip(like.shape[-2:], image.shape[-2:], strict=True)
    )
    return image[:, rows][:, :, columns]


def _mirrored(index: Indices, size: int) -> Indices:
    """Indices beyond 0 to size - 1, reflected as often as it takes; the outermost pixel is repeated."""
    inside = index % (2 * size)
    return np.minimum(inside, 2 * size - 1 - inside)


def _blank(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Its mean colour."""
    return np.broadcast_to(ref.mean(axis=(0, 1), dtype=np.float64).astype(np.float32), ref.shape)


def _shift(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Moved by whole pixels, so that nothing is blurred, to a side that is drawn."""
    pixels = int(amount)
    if pixels >= min(ref.shape[:2]):
        raise DataError(f"shift:{pixels} leaves nothing of a reference of {ref.shape[0]}x{ref.shape[1]}")
    down, right = SIDES[int(generator.integers(len(SIDES)))]
    rows = _mirrored(np.arange(ref.shape[0]) - down * pixels, ref.shape[0])
    columns = _mirrored(np.arange(ref.shape[1]) - right * pixels, ref.shape[1])
    return ref[rows[:, None], columns]


def _rotate(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Turned counter-clockwise about its centre, bicubic."""
    height, width = ref.shape[:2]
    angle = math.radians(amount)
    cosine, sine = math.cos(angle), math.sin(angle)
    # In units of half a side, as grid_sample counts, so a side's ratio enters.
    turn = torch.tensor(
        [[[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]]], dtype=torch.float64
    )
    image = torch.from_numpy(np.ascontiguousarray(ref.transpose(2, 0, 1))[None]).double()
    grid = F.affine_grid(turn, list(image.shape), align_corners=False)
    turned = F.grid_sample(image, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
    return np.clip(_planes_last(turned[0].float()), 0, 1)


def _down(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Reduced by a factor and enlarged again."""
    factor = int(amount)
    height, width = ref.shape[:2]
    if factor > min(height, width):
        raise DataError(f"down:{factor} leaves nothing of a reference of {height}x{width}")
    small = imresize(ref, size=(-(-height // factor), -(-width // factor)))
    return np.clip(imresize(small, size=(height, width)), 0, 1)


def _recolour(ref: Unit, amount: float, generator: np.random.Generator) -> Unit:
    """Other light and another camera: gamma, bands mixed into one another, gain and offset, band by band."""
    bands = ref.shape[2]
    gamma = np.exp(generator.uniform(-0.4, 0.4, bands))
    mixing = generator.dirichlet(np.ones(bands), bands)
    mixing = 0.7 * np.eye(bands) + 0.3 * mixing
    gain, offset = np.exp(generator.uniform(-0.35, 0.35, bands)), generator.uniform(-0.1, 0.1, bands)
    seen = (ref.astype(np.float64) ** gamma) @ mixing.T * gain + offset
    recoloured: Unit = np.clip(seen, 0, 1).astype(np.float32)
    return recoloured


WAYS: dict[str, Callable[[Unit, float, np.random.Generator], Unit]] = {
    "blank": _blank,
    "shift": _shift,
    "rotate": _rotate,
    "down": _down,
    "recolour": _recolour,
}


def _planes_last(image: Tensor) -> Unit:
    planes: Unit = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    return planes


def _planes_first(image: Unit) -> Tensor:
    return torch.from_numpy(np.array(image.transpose(2, 0, 1), order="C"))
