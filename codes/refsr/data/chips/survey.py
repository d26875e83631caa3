"""What the sources are, looked up before anything is cut: grids, bands, value ranges, dates, rights, digests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import DataError, UsageError
from refsr.data.chips.settings import ChipSettings, missing_file
from refsr.geo.band_choice import BandChoice, choose_bands
from refsr.geo.band_pairing import pair_bands
from refsr.geo.grid import Grid
from refsr.geo.raster_digest import raster_digest
from refsr.geo.raster_source import ALPHA, RasterSource
from refsr.geo.value_range import Samples, ValueRange, find_range, sampled

RIGHTS = {
    "date": re.compile(r"date|sensing_start|start_time", re.IGNORECASE),
    "licence": re.compile(r"licen[cs]e|copyright", re.IGNORECASE),
    "attribution": re.compile(r"attribution|credit", re.IGNORECASE),
}
RGB = 3
OPTIONS = {"hr": "--bands", "ref": "--bands-ref", "lr": "--bands-lr"}
"""Of the command, by the sources' role."""
SPOKEN = {"hr": "HR", "ref": "Ref", "lr": "LR"}
PLAIN = re.compile(r"[^\w-]+")


@dataclass(frozen=True, eq=False)
class Surveyed:
    """One raster as it will be read."""

    name: str
    role: str
    """hr, ref or lr."""
    label: str
    """What chips and records call it: unique, and fit for a file's name."""
    grid: Grid
    choice: BandChoice
    dtype: str
    range: ValueRange
    rights: Mapping[str, str]
    """Date, licence and attribution, as far as the file says them."""
    digest: str
    nodata: float | None
    """In place of the file's own."""
    zeros: float
    """Share of pixels that are 0 in all bands, where nothing says which pixels are empty."""

    def described(self) -> str:
        """Name, grid, bands and range in a line."""
        return f"{self.name}: {self.grid}; {self.choice}; {self.range}"

    def open(self) -> RasterSource:
        return RasterSource(self.name, self.choice.bands, self.nodata)

    def record(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"name": self.name, "digest": self.digest, "bands": list(self.choice.bands), **self.rights}


@dataclass(frozen=True)
class Survey:
    """All sources, and how chips hold their values."""

    hr: tuple[Surveyed, ...]
    ref: tuple[Surveyed, ...]
    lr: tuple[Surveyed, ...]
    dtype: str
    """Of the chips: uint8, uint16 or float32."""
    range: ValueRange
    """Raw values of the chips that mean 0 and 1."""

    @property
    def channels(self) -> int:
        return len(self.hr[0].choice.bands)


def survey(settings: ChipSettings) -> Survey:
    """Opens every source once; a DataError names what cannot be used."""
    hr = _surveyed("hr", settings.hr, settings.bands, bool(settings.bands), None, settings.range, settings.nodata)
    ref = _surveyed("ref", settings.ref, settings.bands_ref or settings.bands, bool(settings.bands_ref), hr[0],
                    settings.range_ref, settings.nodata_ref)  # fmt: skip
    kinds = {one.dtype for one in hr}
    kind = kinds.pop() if len(kinds) == 1 else "float32"
    dtype = kind if kind in ("uint8", "uint16") else "float32"
    lr = _surveyed("lr", settings.lr, settings.bands_lr or settings.bands, bool(settings.bands_lr), hr[0],
                   settings.range_lr, settings.nodata_lr)  # fmt: skip
    if settings.range is not None and settings.range_ref is None:
        ref = _as_hr(ref, hr[0])
    if settings.range_lr is None:
        # LR is HR seen coarser: values of one type mean the same in both.
        lr = _as_hr(lr, hr[0])
    _check_copies(hr, (*ref, *lr))
    return Survey(hr, ref, lr, dtype, hr[0].range)


def _surveyed(
    role: str,
    names: Sequence[str],
    bands: Sequence[int | str],
    asked: bool,
    hr: Surveyed | None,
    declared: tuple[float, float] | None,
    nodata: float | None,
) -> tuple[Surveyed, ...]:
    """The sources of one kind, whose bands show what those of `hr`, or else of the first source, do.

    Ranges that are measured are measured over all of one type together.
    """
    labels = _labels(names)
    found: list[Surveyed] = []
    values = []
    for name in names:
        with _opened(name) as opened:
            choice = _bands(opened, role, bands, asked, hr or next(iter(found), None))
        with RasterSource(name, choice.bands, nodata) as source:
            if source.grid is None or source.grid.geotransform.crs is None:
                raise DataError(f"{name}: names no coordinate system, by which chips are placed; "
                                "refsr prepare takes images that pair by name")  # fmt: skip
            samples = sampled(source)
            # Of several scenes together as many values as of one are enough.
            values.append(samples.values[:: len(names)])
            zeros = 0.0 if source.masked or source.nodata is not None else samples.zeros
            unknown, digest = ValueRange(0, 1, ""), raster_digest(source)
            found.append(Surveyed(name, role, labels[name], source.grid, choice, str(source.dtype), unknown,
                                  _rights(source.tags), digest, nodata, zeros))  # fmt: skip
    result = []
    for one in found:
        alike = [own for other, own in zip(found, values, strict=True) if other.dtype == one.dtype]
        pooled = Samples(np.concatenate(alike), 0.0)
        with one.open() as source:
            result.append(replace(one, range=find_range(source, pooled, declared)))
    return tuple(result)


def _bands(
    source: RasterSource, role: str, bands: Sequence[int | str], asked: bool, like: Surveyed | None
) -> BandChoice:
    """The bands of a source: as many as `like` has, and of its colours where both files say what they show."""
    usable = sum(band.colour != ALPHA for band in source.all_bands)
    count = len(like.choice.bands) if like is not None and role != "hr" else len(bands) or min(usable, RGB)
    choice = choose_bands(source.name, source.all_bands, count, bands, OPTIONS[role])
    if like is None:
        return choice
    if count != len(like.choice.bands):
        raise DataError(
            f"{source.name}: {choice}, but {like.name} has {len(like.choice.bands)}; choose with {OPTIONS[role]}"
        )
    roles = "the first HR" if role == "hr" else SPOKEN[like.role], SPOKEN[role]
    with RasterSource(like.name) as other:
        return pair_bands(other, like.choice.bands, source, choice, asked, OPTIONS[role], roles)


def _as_hr(others: Sequence[Surveyed], hr: Surveyed) -> tuple[Surveyed, ...]:
    """The sources with HR's range where they have its type."""
    return tuple(replace(one, range=hr.range) if one.dtype == hr.dtype else one for one in others)


def _check_copies(hr: Sequence[Surveyed], others: Sequence[Surveyed]) -> None:
    """A DataError where a reference or an LR raster is one of the HR files under another name."""
    known = {one.digest: one.name for one in hr}
    for other in others:
        if other.digest in known:
            raise DataError(f"{other.name}: is a copy of {known[other.digest]}; a network would learn to copy it")


def _opened(name: str) -> RasterSource:
    try:
        return RasterSource(name)
    except DataError as error:
        near = missing_file(name) if not Path(name).exists() else ""
        if near:
            raise DataError(f"{error}{near}") from error
        raise


def _labels(names: Sequence[str]) -> dict[str, str]:
    """A name for each raster: its file's, with its folder's where two are alike."""
    stems = {name: PLAIN.sub("-", Path(name.rstrip("/")).stem).strip("-") or "scene" for name in names}
    twice = {stem for stem in stems.values() if list(stems.values()).count(stem) > 1}
    labels = {
        name: f"{PLAIN.sub('-', Path(name).parent.name).strip('-')}-{stem}".lstrip("-") if stem in twice else stem
        for name, stem in stems.items()
    }
    for name, label in labels.items():
        alike = [other for other, found in labels.items() if found == label]
        if len(alike) > 1:
            raise UsageError(f"{alike[0]} and {alike[1]} would both be called {label}; rename one ({name})")
    return labels


def _rights(tags: Mapping[str, str]) -> dict[str, str]:
    """What a file says of its date, its licence and whom to name: the first tag of each in order of name."""
    found = {}
    for what, pattern in RIGHTS.items():
        said = [str(tags[key]).strip() for key in sorted(tags) if pattern.search(key) and str(tags[key]).strip()]
        if said:
            found[what] = said[0]
    return found
