"""Prepares all pairs of a folder over processes, so that a rerun does only what is missing."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from refsr.core.atomic import sweep
from refsr.core.errors import DataError, RefsrError, UsageError, listed, suggestion
from refsr.core.processes import spread
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.degradation.presets import preset
from refsr.data.hardening.hardness import hardness
from refsr.data.images import probe_image
from refsr.data.prepare import manifest as manifests
from refsr.data.prepare.derive import (
    LR_UP_FROM,
    SCALES,
    PrepareSettings,
    check_formats,
    digest,
    lossless_suffixes,
    prepare_pair,
    source_digests,
)
from refsr.data.prepare.manifest import Manifest
from refsr.data.prepare.sources import SourcePair, check_pair, find_pairs
from refsr.data.ranges import declared
from refsr.data.registered.registered_ref import registration_version
from refsr.data.registered.summary import summary
from refsr.data.sets.self_references import another
from refsr.registration.options import MODES

SECONDS_BETWEEN_SAVES = 2.0
PrepareResult = tuple[str, dict[str, Any] | None, str]


@dataclasses.dataclass(frozen=True)
class PrepareReport:
    """How many pairs there were, how many of them had to be made now."""

    images: int
    made: int
    adjusted: int = 0
    """How many were cropped or padded to the size that all images of the set have."""
    notes: tuple[str, ...] = ()
    """Remarks for the user, a line each."""


def prepare(
    source: str | Path,
    target: str | Path,
    settings: PrepareSettings,
    hr_folder: str | None = None,
    ref_folders: Sequence[str] = (),
    lr_folder: str | None = None,
    workers: int = 0,
    progress: ProgressFactory = no_progress,
) -> PrepareReport:
    """Makes HR, LR, LR_UX<s> and, where there is a Ref, Ref and Ref_DUX<s> in `target`.

    With `settings.register`, also Ref_reg, Ref_reg_DUX<s> and Ref_weight; and nothing but these where `lr_folder` has
    LR. What comes out depends on the images' names, their content, the settings and nothing else. With `workers` 0 or 1
    all is done in this process.
    """
    check_settings(settings)
    source, target = Path(source), Path(target)
    check_apart(source, target)
    pairs = find_pairs(source, hr_folder, ref_folders, lr_folder)
    if settings.self_reference is not None:
        pairs = _with_elsewhere(source, pairs, settings)
    _check_references(source, pairs, settings, lr_folder)
    # A manifest of what is not asked for would differ from those that were written before.
    about: dict[str, Any] = {} if lr_folder is None else {"lr": lr_folder}
    about |= {"references": 1 + len(pairs[0].others)} if pairs[0].others else {}
    return prepare_pairs(pairs, target, settings, about, workers, progress)


def prepare_pairs(
    pairs: list[SourcePair],
    target: Path,
    settings: PrepareSettings,
    about: dict[str, Any],
    workers: int,
    progress: ProgressFactory,
) -> PrepareReport:
    """All pairs, of which the manifest says `about` beside the settings."""
    if workers < 0:
        raise UsageError(f"{workers} workers; it takes 0 or more")
    for pair in pairs:
        check_formats(pair, check_pair(pair, settings.scale), settings)
    manifest = _open(target, pairs, settings, about)
    sweep(target)
    try:
        made = _all(pairs, target, settings, manifest, workers, progress)
    except BaseException:
        # What is finished is recorded; if the disk is full, the first error says so.
        with suppress(RefsrError):
            manifest.save(target)
        raise
    manifest.save(target)
    adjusted = sum("adjusted_from" in entry for entry in manifest.images.values())
    records = {
        key: entry["registration"]["references"] for key, entry in manifest.images.items() if "registration" in entry
    }
    return PrepareReport(len(pairs), made, adjusted, (summary(records),) if records else ())


def check_settings(settings: PrepareSettings) -> None:
    """Refuses settings that no images could be prepared with."""
    preset(settings.degradation)
    if settings.scale not in SCALES:
        raise UsageError(f"scale {settings.scale} is not one of {', '.join(map(str, SCALES))}")
    if settings.lr_up_from not in LR_UP_FROM:
        near = suggestion(settings.lr_up_from, LR_UP_FROM)
        raise UsageError(f"LR_UX comes from 'clean', 'file' or 'none', not {settings.lr_up_from!r}{near}")
    if settings.self_reference is not None:
        hardness(settings.self_reference)
    if settings.jpeg is not None and not 1 <= settings.jpeg <= 100:
        raise UsageError(f"JPEG quality {settings.jpeg} is not between 1 and 100")
    if settings.register not in MODES:
        near = suggestion(settings.register, MODES)
        raise UsageError(f"registration {settings.register!r} is none of {', '.join(MODES)}{near}")
    if settings.suffix is not None and settings.suffix not in lossless_suffixes():
        raise UsageError(f"suffix {settings.suffix!r} is not one of {', '.join(lossless_suffixes())}")


def _with_elsewhere(source: Path, pairs: list[SourcePair], settings: PrepareSettings) -> list[SourcePair]:
    """Single images, each with another one whose ground its reference shows in places."""
    if pairs[0].ref is not None or pairs[0].lr is not None:
        raise UsageError(f"{source}: has references or LR of its own; references are made from single HR images")
    count = len(pairs)
    chosen = [another(index, count, settings.seed, pair.key, source) for index, pair in enumerate(pairs)]
    return [dataclasses.replace(pair, elsewhere=pairs[other].hr) for pair, other in zip(pairs, chosen, strict=True)]


def _check_references(source: Path, pairs: list[SourcePair], settings: PrepareSettings, lr: str | None) -> None:
    """Refuses what only a registration could do, and a registration of nothing."""
    if settings.register == "none":
        if lr is not None:
            raise UsageError(f"LR from {lr!r}: there is nothing to make; only a registration needs LR")
        if pairs[0].others:
            raise UsageError(
                f"{1 + len(pairs[0].others)} references of each place: only a registration makes one of them"
            )
        if settings.range is not None and settings.self_reference is None:
            raise UsageError("a range is for a registration; nothing else needs one")
    elif not pairs[0].has_ref:
        raise DataError(f"{source}: has no references to register")
    else:
        declared(
            probe_image((*pairs[0].refs, pairs[0].hr)[0]).dtype, settings.range, source, "--range", in_option_file=False
        )


def check_apart(source: Path, target: Path) -> None:
    """Refuses a target inside its source, and a source that the target's images would be written into."""
    inner, outer = target.resolve(), source.resolve()
    if inner == outer or outer in inner.parents:
        raise UsageError(f"{target}: the target lies inside the source {source}; choose a folder beside it")
    if inner in outer.parents and (inner / "HR").resolve() in (outer, *outer.parents):
        raise UsageError(f"{source}: the source lies inside the target's HR folder; choose another target")


def _open(target: Path, pairs: list[SourcePair], settings: PrepareSettings, about: dict[str, Any]) -> Manifest:
    """The target's manifest, new or of an earlier run with the same settings."""
    chosen = dataclasses.asdict(settings)
    if settings.register == "none":
        # As it was before there were registrations.
        del chosen["register"], chosen["range"]
    if settings.self_reference is None:
        # As it was before references were made.
        del chosen["self_reference"]
    wanted = {
        **chosen,
        "reference": pairs[0].has_ref,
        "degradation_parameters": dataclasses.asdict(preset(settings.degradation)),  # type: ignore[call-overload]
        **about,
    }
    wanted = json.loads(json.dumps(wanted))
    found = manifests.load(target)
    if found is None:
        if target.exists() and (not target.is_dir() or any(not _half_manifest(file) for file in target.iterdir())):
            raise DataError(f"{target}: is there already and not empty, and refsr prepare did not make it")
        found = Manifest(wanted)
        found.save(target)
        return found
    changed = manifests.differences(found.settings, wanted)
    if changed:
        raise DataError(f"{target}: was prepared with other settings: {'; '.join(changed)}; choose another folder")
    gone = sorted(set(found.images) - {pair.name for pair in pairs})
    if gone:
        raise DataError(f"{target}: holds images that the source lacks: {listed(gone)}; choose another folder")
    return found


def _half_manifest(file: Path) -> bool:
    """Whether a kill left this file while the first manifest was written."""
    return file.name.startswith(f".{manifests.NAME}.") and file.suffix == ".part"


def _all(
    pairs: list[SourcePair],
    target: Path,
    settings: PrepareSettings,
    manifest: Manifest,
    workers: int,
    progress: ProgressFactory,
) -> int:
    """Prepares what is missing and records it; an image is on disk before it is in the manifest."""
    made, broken = 0, []
    saved = time.monotonic()
    with progress("preparing", len(pairs)) as bar, _results(pairs, target, settings, manifest, workers) as results:
        for result in results:
            _record(manifest, result)
            key, entry, problem = result
            made += entry is not None
            if problem:
                broken.append(problem)
            bar.advance(note=key)
            if time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
                manifest.save(target)
                saved = time.monotonic()
    if broken:
        more = f" (and {len(broken) - 1} more images)" if len(broken) > 1 else ""
        raise DataError(f"{broken[0]}{more}; all others are prepared, a rerun does the rest")
    return made


@contextmanager
def _results(
    pairs: list[SourcePair], target: Path, settings: PrepareSettings, manifest: Manifest, workers: int
) -> Iterator[Iterator[PrepareResult]]:
    """The outcome of each pair, in the order in which they end."""
    items = [(pair, manifest.images.get(pair.name)) for pair in pairs]
    work = partial(_one, target, settings)
    if workers < 2 or len(pairs) < 2:
        yield (work(item) for item in items)
        return
    # On Ctrl-C, workers finish what they are at: that is recorded, too.
    with spread(work, items, workers, on_early_exit=partial(_record, manifest)) as results:
        yield results


def _record(manifest: Manifest, result: PrepareResult) -> None:
    """Puts a result into the manifest; doing so twice changes nothing."""
    key, entry, problem = result
    if problem:
        manifest.images.pop(key, None)
    elif entry is not None:
        manifest.images[key] = entry


def _one(target: Path, settings: PrepareSettings, item: tuple[SourcePair, dict[str, Any] | None]) -> PrepareResult:
    """Key, the new entry if the pair had to be made, and what is wrong with its images."""
    pair, entry = item
    try:
        if entry is not None and _is_whole(pair, target, entry):
            return pair.name, None, ""
        return pair.name, prepare_pair(pair, target, settings), ""
    except DataError as error:
        return pair.name, None, str(error)


def _is_whole(pair: SourcePair, target: Path, entry: dict[str, Any]) -> bool:
    if entry.get("source") != source_digests(pair):
        return False
    if entry.get("registration", {}).get("version", registration_version()) != registration_version():
        return False
    return all((target / name).is_file() and digest(target / name) == kept for name, kept in entry["files"].items())
