"""Perturbations of references and cubes, to measure how much a network depends on them: parsing and applying them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.core.seeding import numpy_generator
from refsr.data.covering import covered
from refsr.data.derivation import blurred
from refsr.data.reference_perturbations import PERTURBATIONS, mirrored
from refsr.data.sample import Sample, Unit
from refsr.data.sets.paired import PairedSet, Records


@dataclass(frozen=True)
class Amount:
    """The number after the colon."""

    about: str
    allowed: Callable[[float], bool]
    default: float | None = None
    """Used if none is given."""


def _percent(value: float) -> bool:
    return 0 < value <= 100


AMOUNTS: dict[str, Amount | None] = {
    "swap": None,
    "blank": None,
    "shift": Amount("whole pixels from 1 on, as in shift:8", lambda value: value.is_integer() and value >= 1),
    "rotate": Amount("degrees from -180 to 180, as in rotate:5", lambda value: abs(value) <= 180),
    "scale": Amount("percent from -50 to 100, as in scale:4", lambda value: -50 <= value <= 100),
    "down": Amount("a whole factor from 2 on, as in down:4", lambda value: value.is_integer() and value >= 2),
    "recolour": Amount("percent from 1 to 100, as in recolour:50", _percent, default=100),
    "haze": Amount("percent from 1 to 100, as in haze:40", _percent),
    "clouds": Amount("percent from 1 to 100, as in clouds:30", _percent),
    "change": Amount("percent from 1 to 100, as in change:25", _percent),
}
"""Every way to perturb a reference, and the amount that it takes, if any."""
CUBE_PERTURBATIONS = ("swap", "blank")
"""Those that apply to a hyperspectral cube too: the next sample's cube, or its mean spectrum everywhere."""


@dataclass(frozen=True)
class Perturbation:
    """How a reference is perturbed; `str` of it is the text it was parsed from."""

    kind: str
    amount: float = 0
    member: Literal["ref", "hsi"] = "ref"
    """Which input is perturbed: the reference or the cube."""

    def __str__(self) -> str:
        wanted = AMOUNTS[self.kind]
        return self.kind if wanted is None or self.amount == wanted.default else f"{self.kind}:{self.amount:g}"


def parse_perturbation(text: str) -> Perturbation:
    """`swap`, `blank`, `shift:PX`, `rotate:DEG`, ...: a name of AMOUNTS and its amount."""
    kind, colon, number = text.strip().partition(":")
    if kind not in AMOUNTS:
        known = ", ".join(name if takes is None else f"{name}:..." for name, takes in AMOUNTS.items())
        raise UsageError(f"{text!r} is no perturbation of a reference{suggestion(kind, AMOUNTS)} (known: {known})")
    wanted = AMOUNTS[kind]
    if wanted is None:
        if colon:
            raise UsageError(f"{text!r}: {kind} takes nothing after it")
        return Perturbation(kind)
    if not colon and wanted.default is not None:
        return Perturbation(kind, wanted.default)
    try:
        amount = float(number)
    except ValueError:
        amount = math.nan
    if not wanted.allowed(amount):
        raise UsageError(f"{text!r}: {kind} takes {wanted.about}")
    return Perturbation(kind, amount)


def parse_cube_perturbation(text: str) -> Perturbation:
    """`swap` or `blank`."""
    kind = text.strip()
    if kind not in CUBE_PERTURBATIONS:
        known = ", ".join(CUBE_PERTURBATIONS)
        raise UsageError(
            f"{text!r} is no perturbation of a cube{suggestion(kind, CUBE_PERTURBATIONS)} (known: {known})"
        )
    return Perturbation(kind, member="hsi")


def perturb(dataset: PairedSet, index: int, perturbation: Perturbation, seed: int) -> Sample:
    """Sample number `index`, whole, with another `ref` and a `ref_down` to match, or `hsi`; all else is unchanged.

    A function of seed and index alone. What moves in from beyond the reference's edges is mirrored. Where the set
    registers references, they are perturbed before.
    """
    return perturb_recorded(dataset, index, perturbation, seed)[0]


def perturb_recorded(dataset: PairedSet, index: int, perturbation: Perturbation, seed: int) -> tuple[Sample, Records]:
    """The same, and what the registration of each perturbed reference came to; nothing where none was registered."""
    sample = dataset[index]
    if perturbation.member == "ref" and dataset.composes:
        records: Records = ()
        if perturbation.kind == "swap" and dataset.registered_refs is None:
            _require_two(dataset, perturbation)
            given = dataset.weighted_ref((index + 1) % len(dataset))
        else:
            given, records = dataset.laid(index, _perturbed_refs(dataset, index, perturbation, seed))
        members = {name: _planes_first(image) for name, image in dataset.composed(index, given).items()}
        return {**sample, **members}, records  # type: ignore[typeddict-item]
    return _perturbed(dataset, index, sample, perturbation, seed), ()


def _perturbed_refs(dataset: PairedSet, index: int, perturbation: Perturbation, seed: int) -> list[Unit]:
    """The stored references of a sample, each perturbed by draws of its own."""
    refs = dataset.stored_refs(index)
    others: list[Unit] = []
    if perturbation.kind in ("swap", "change"):
        _require_two(dataset, perturbation)
        next_refs = dataset.stored_refs((index + 1) % len(dataset))
        others = [_fitted_planes(one, ref) for one, ref in zip(next_refs, refs, strict=True)]
    if perturbation.kind == "swap":
        return others
    found = []
    for number, ref in enumerate(refs):
        path = (index, number) if number else (index,)
        generator = numpy_generator(seed, "spoil", perturbation.kind, *path)
        if perturbation.kind == "change":
            mask = covered(ref.shape[0], ref.shape[1], perturbation.amount, generator)
            found.append(np.where(mask[:, :, None], others[number], ref))
        else:
            found.append(np.ascontiguousarray(PERTURBATIONS[perturbation.kind](ref, perturbation.amount, generator)))
    return found


def _perturbed(dataset: PairedSet, index: int, sample: Sample, perturbation: Perturbation, seed: int) -> Sample:
    """A sample with another reference or cube, where references are used as they are stored."""
    if perturbation.member not in sample:
        what = "references" if perturbation.member == "ref" else "cubes"
        raise DataError(f"{dataset.name}: has no {what} that could be perturbed by {perturbation}")
    if perturbation.kind == "swap":
        return {**sample, **_from_next_sample(dataset, index, sample, perturbation)}
    generator = numpy_generator(seed, "spoil", perturbation.kind, index)
    if perturbation.member == "hsi":
        cube = PERTURBATIONS[perturbation.kind](_planes_last(sample["hsi"]), perturbation.amount, generator)
        return {**sample, "hsi": _planes_first(cube)}
    if perturbation.kind == "change":
        ref = _changed(dataset, index, sample, perturbation, generator)
    else:
        ref = PERTURBATIONS[perturbation.kind](_planes_last(sample["ref"]), perturbation.amount, generator)
    perturbed: Sample = {**sample, "ref": _planes_first(ref)}
    if "ref_down" in sample:
        perturbed["ref_down"] = _planes_first(np.clip(blurred(ref, dataset.scale), 0, 1))
    return perturbed


def _from_next_sample(dataset: PairedSet, index: int, sample: Sample, perturbation: Perturbation) -> Sample:
    """The reference or cube of the next sample, from its files; cut, or mirrored on, to this one's size."""
    _require_two(dataset, perturbation)
    other = dataset[(index + 1) % len(dataset)]
    if perturbation.member == "hsi":
        return {"hsi": _fitted(other["hsi"], sample["hsi"])}
    found: Sample = {"ref": _fitted(other["ref"], sample["ref"])}
    if "ref_down" in sample:
        found["ref_down"] = _fitted(other["ref_down"], sample["ref_down"])
    return found


def _changed(
    dataset: PairedSet, index: int, sample: Sample, perturbation: Perturbation, generator: np.random.Generator
) -> Unit:
    """The next sample's reference in patches of this one's: ground that is no longer what it was."""
    other = _from_next_sample(dataset, index, sample, perturbation)["ref"]
    height, width = sample["ref"].shape[-2:]
    mask = torch.from_numpy(covered(height, width, perturbation.amount, generator))
    return _planes_last(torch.where(mask, other, sample["ref"]))


def _require_two(dataset: PairedSet, perturbation: Perturbation) -> None:
    if len(dataset) < 2:
        raise DataError(f"{dataset.name}: {perturbation} needs two samples, there is one")


def _fitted_planes(image: Unit, like: Unit) -> Unit:
    rows, columns = (
        mirrored(np.arange(wanted), found) for wanted, found in zip(like.shape[:2], image.shape[:2], strict=True)
    )
    fitted: Unit = image[rows[:, None], columns]
    return fitted


def _fitted(image: Tensor, like: Tensor) -> Tensor:
    rows, columns = (
        torch.from_numpy(mirrored(np.arange(wanted), found))
        for wanted, found in zip(like.shape[-2:], image.shape[-2:], strict=True)
    )
    return image[:, rows][:, :, columns]


def _planes_last(image: Tensor) -> Unit:
    planes: Unit = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    return planes


def _planes_first(image: Unit) -> Tensor:
    return torch.from_numpy(np.array(image.transpose(2, 0, 1), order="C"))
