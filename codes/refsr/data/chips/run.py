"""Cuts all chips of all scenes, so that a repeated call does only what is missing."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.atomic import explain_io, sweep
from refsr.core.digests import file_digest
from refsr.core.errors import DataError, listed
from refsr.core.progress import Announce, ProgressFactory, no_progress
from refsr.core.version import __version__
from refsr.data.chips.candidates import Candidate, find_candidates, ground_blocks, in_order
from refsr.data.chips.chip_reader import ChipReader, how_lr_lies
from refsr.data.chips.extras import FOOTPRINTS, SHEET, SNIPPET, write_footprints, write_sheet, write_snippet
from refsr.data.chips.footprints import ALONG, outlines, polygon
from refsr.data.chips.ground_blocks import GroundBlocks
from refsr.data.chips.record import JOURNAL, ChipsRecord, made_by_chips
from refsr.data.chips.settings import SPLITS, ChipSettings, checked
from refsr.data.chips.survey import Survey, survey
from refsr.data.images import write_image
from refsr.data.stores import open_store
from refsr.data.stores.sets import pack_set
from refsr.geo.block_cache import bounded_cache
from refsr.geo.projection import may_meet
from refsr.geo.raster import has_rasterio

BETWEEN, OVER_LIMIT = "too near to ground of another split", "beyond the limit"
MOST_SAID = 8
"""Sources of a kind that get a line of their own."""
MOST_UNEQUAL = 1.25
"""How much larger pixels may be before a line says so."""
NOTABLE_ZEROS = 0.01
"""Share of pixels that are 0 in all bands from which on a hint at nodata is printed."""


@dataclass
class ChipsReport:
    """What a run left in its folder."""

    splits: dict[str, int] = field(default_factory=dict)
    """Chips of each split."""
    left_out: dict[str, int] = field(default_factory=dict)
    """How many were left out, by the reason."""
    made: int = 0
    """Chips that this run cut; the others were there."""

    @property
    def total(self) -> int:
        return sum(self.splits.values())


def cut_chips(
    settings: ChipSettings,
    target: Path,
    overwrite: bool = False,
    progress: ProgressFactory = no_progress,
    announce: Announce = lambda line: None,
) -> ChipsReport:
    """Cuts HR, LR and Ref into `target`/train, val and test; what comes out depends on sources and settings alone.

    `announce` gets a line for every decision that a rule took.
    """
    if not has_rasterio():
        raise DataError("chips are cut from rasters, which need rasterio; pip install 'refsr[geo]'")

    with bounded_cache():
        return _cut(checked(settings), target, overwrite, progress, announce)


def reasons(left_out: Mapping[str, int]) -> str:
    """`left out: 12 (HR holds no data somewhere), 3 (nearly uniform)`."""
    counted = sorted(((count, reason) for reason, count in left_out.items() if count), reverse=True)
    return "left out: " + (", ".join(f"{count} ({reason})" for count, reason in counted) or "none")


def _cut(
    settings: ChipSettings, target: Path, overwrite: bool, progress: ProgressFactory, announce: Announce
) -> ChipsReport:
    known = survey(settings)
    _announce_sources(known, settings, announce)
    blocks = ground_blocks(settings, known)
    announce(f"ground is split in blocks of {blocks.side:g} m, {blocks.gap:g} m apart where splits differ")
    record = ChipsRecord(target, _identity(settings, known, blocks))
    if overwrite and made_by_chips(target):
        _remove_chips(target)
        record.begin()
    else:
        record.open()
    sweep(target)
    candidates = find_candidates(settings, known, blocks)
    if record.complete and _whole(target, settings, record.known):
        return _report(record.known, record.left_out, 0)
    cutter = _Cutter(settings, known, target, record)
    try:
        with progress("cutting chips", len(candidates.chosen)) as bar:
            for own, quota in in_order(settings, known, candidates.chosen):
                cutter.cut(own, quota, bar.advance)
    finally:
        cutter.close()
    cutter.left_out[BETWEEN] += candidates.between
    if not cutter.chips:
        raise DataError(f"{target}: no chip is left; {reasons(cutter.left_out)}")
    write_footprints(target, known, cutter.chips)
    write_sheet(target, settings, known, cutter.chips)
    write_snippet(target, settings, known, cutter.chips)
    if settings.lmdb:
        _pack(target, progress)
    left_out = {reason: count for reason, count in cutter.left_out.items() if count}
    record.finish(cutter.chips, left_out)
    if settings.lmdb:
        _remove_images(target)
    return _report(cutter.chips, left_out, cutter.made)


class _Cutter:
    """Cuts candidates one after another and keeps what came of them."""

    def __init__(self, settings: ChipSettings, known: Survey, target: Path, record: ChipsRecord) -> None:
        self._settings, self._survey, self._target, self._record = settings, known, target, record
        self._reader = ChipReader(settings, known)
        self.chips: dict[str, dict[str, Any]] = {}
        self.left_out: Counter[str] = Counter()
        self.made = 0

    def cut(self, candidates: list[Candidate], quota: int | None, advance: Callable[[int, str], None]) -> None:
        """Takes candidates in order until there are as many chips as the quota."""
        taken = 0
        for at, candidate in enumerate(candidates):
            if taken == quota:
                self.left_out[OVER_LIMIT] += len(candidates) - at
                advance(len(candidates) - at, "")
                return
            key = candidate.key(self._survey)
            entry = self._record.known.get(key)
            if entry is None or (not isinstance(entry, str) and not _intact(self._target, entry)):
                entry = self._one(candidate, key)
                self._record.add(key, entry)
            if isinstance(entry, str):
                self.left_out[entry] += 1
            else:
                self.chips[key] = entry
                taken += 1
            advance(1, key)

    def close(self) -> None:
        self._reader.close()

    def _one(self, candidate: Candidate, key: str) -> dict[str, Any] | str:
        """The entry of a chip whose files are written, or why there is none."""
        scene = self._survey.hr[candidate.scene]
        chip = self._reader.read(scene, candidate.top, candidate.left)
        if isinstance(chip, str):
            return chip
        self.made += 1
        corner, files = scene.grid.geotransform.moved(candidate.left, candidate.top), {}
        for kind, image in chip.images.items():
            png = self._survey.dtype == "uint8" and image.shape[2] in (1, 3, 4)
            name = f"{candidate.split}/{kind}/{key}{'.png' if png else '.tif'}"
            where = corner.coarser(self._settings.scale) if kind == "LR" else corner
            write_image(self._target / name, image, profile=None if png else where.profile())
            files[name] = file_digest(self._target / name)
        longitudes, latitudes = outlines(scene.grid, candidate.top, np.array([candidate.left]), self._settings.size)
        return {
            "split": candidate.split,
            "scene": scene.label,
            "row": candidate.top,
            "column": candidate.left,
            "cover": chip.cover,
            "lr": chip.lr or "made from HR, bicubic",
            "refs": chip.refs,
            "files": files,
            "ring": polygon(longitudes[0, ::ALONG], latitudes[0, ::ALONG]),
        }


def _announce_sources(known: Survey, settings: ChipSettings, announce: Announce) -> None:
    """A line a source; a DataError where an LR raster is of another scale, or none of a kind shares ground."""
    lines = {"HR": [one.described() for one in known.hr], "Ref": [one.described() for one in known.ref], "LR": []}
    for low in known.lr:
        lies = [how_lr_lies(one, low, settings.scale) for one in known.hr if may_meet(one.grid, low.grid)]
        lines["LR"].append(f"{low.name}: {lies[0] if lies else 'on no scene'}; {low.choice}; {low.range}")
    if not settings.lr:
        lines["LR"].append(f"made from HR by MATLAB's bicubic, scale {settings.scale}")
    for role, said in lines.items():
        for line in said[:MOST_SAID]:
            announce(f"{role}: {line}")
        if len(said) > MOST_SAID:
            announce(f"{role}: and {len(said) - MOST_SAID} more")
    _announce_pixels(known, announce)
    for role, others in (("ref", known.ref), ("lr", known.lr)):
        if others and not any(may_meet(one.grid, other.grid) for one in known.hr for other in others):
            extents = "; ".join(f"{one.name}: {one.grid.extent()}" for one in (known.hr[0], others[0]))
            raise DataError(f"--{role}: no raster shares ground with HR; {extents}")
    for one in (*known.hr, *known.ref, *known.lr):
        if one.zeros > NOTABLE_ZEROS:
            flag = {"hr": "--nodata", "ref": "--nodata-ref", "lr": "--nodata-lr"}[one.role]
            announce(f"{one.name}: {one.zeros:.0%} of it is 0 in all bands and no nodata is declared; "
                     f"{flag} 0 treats it as empty")  # fmt: skip
    if known.dtype == "float32" and known.hr[0].dtype != "float32":
        kinds = ", ".join(sorted({one.dtype for one in known.hr}))
        announce(f"chips hold float32: HR is {kinds}")


def _announce_pixels(known: Survey, announce: Announce) -> None:
    """Says where HR rasters have pixels of several sizes, and where references are coarser than HR."""
    sizes = [one.grid.pixel_metres for one in known.hr]
    if max(sizes) > MOST_UNEQUAL * min(sizes):
        announce(f"HR rasters have pixels of {min(sizes):.3g} to {max(sizes):.3g} m; chips keep them")
    coarse = [one.name for one in known.ref if one.grid.pixel_metres > MOST_UNEQUAL * max(sizes)]
    if coarse:
        announce(f"coarser than HR, so without its finest detail: {listed(coarse)}")


def _identity(settings: ChipSettings, known: Survey, blocks: GroundBlocks) -> dict[str, Any]:
    """All that chips depend on, as plain JSON."""
    sources = {role: {one.label: one.record() for one in getattr(known, role)} for role in ("hr", "ref", "lr")}
    plain = {name: value for name, value in settings.record().items() if name not in sources}
    span = [known.range.low, known.range.high]
    settled = {"stride": settings.step, "block": blocks.side, "gap": blocks.gap, "range": span, "dtype": known.dtype}
    return {"refsr": __version__, **plain, **settled, "sources": sources}


def _intact(target: Path, entry: Mapping[str, Any]) -> bool:
    return all((target / name).is_file() and file_digest(target / name) == was for name, was in entry["files"].items())


def _whole(target: Path, settings: ChipSettings, chips: Mapping[str, Any]) -> bool:
    """Whether all that a complete record names is there."""
    if not all((target / name).is_file() for name in (FOOTPRINTS, SHEET, SNIPPET)):
        return False
    if not settings.lmdb:
        return all(_intact(target, entry) for entry in chips.values())
    for split in {entry["split"] for entry in chips.values()}:
        keys = sorted(key for key, entry in chips.items() if entry["split"] == split)
        for kind in settings.kinds:
            store = target / split / f"{kind}.lmdb"
            if not store.is_dir() or sorted(open_store(store).keys()) != keys:
                return False
    _remove_images(target)
    return True


def _pack(target: Path, progress: ProgressFactory) -> None:
    """Every split's folders to stores beside them."""
    for split in SPLITS:
        if (target / split).is_dir():
            pack_set(target / split, target / split, workers=1, progress=progress)


def _remove_images(target: Path) -> None:
    """The folders of images, once stores hold them."""
    for split in SPLITS:
        for kind in ("HR", "LR", "Ref"):
            with explain_io(target / split / kind):
                if (target / split / kind).is_dir():
                    shutil.rmtree(target / split / kind)


def _remove_chips(target: Path) -> None:
    """What refsr chips wrote but for its record, and nothing else."""
    with explain_io(target):
        for split in SPLITS:
            if (target / split).is_dir():
                shutil.rmtree(target / split)
        for name in (FOOTPRINTS, SHEET, SNIPPET, JOURNAL):
            (target / name).unlink(missing_ok=True)


def _report(chips: Mapping[str, Mapping[str, Any]], left_out: dict[str, int], made: int) -> ChipsReport:
    counted = Counter(chip["split"] for chip in chips.values())
    return ChipsReport({split: counted[split] for split in SPLITS}, left_out, made)
