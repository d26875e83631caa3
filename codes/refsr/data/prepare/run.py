"""Prepares all places of a folder over processes, so that a rerun does only what is missing."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from refsr.core.atomic import sweep
from refsr.core.errors import DataError, RefsrError, UsageError, listed, suggestion
from refsr.core.processes import spread
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.degradation.presets import preset
from refsr.data.prepare import manifest as manifests
from refsr.data.prepare.derive import (
    LR_UP_FROM,
    SCALES,
    Settings,
    check_formats,
    digest,
    lossless_suffixes,
    prepare_place,
    source_digests,
)
from refsr.data.prepare.manifest import Manifest
from refsr.data.prepare.sources import Place, check_place, find_places

SECONDS_BETWEEN_SAVES = 2.0
Result = tuple[str, dict[str, Any] | None, str]


@dataclasses.dataclass(frozen=True)
class Report:
    """How many places there were, how many of them had to be made now."""

    places: int
    made: int
    mended: int = 0
    """How many were not of the size that they must have."""
    notes: tuple[str, ...] = ()
    """What else is good to know, a line each."""


def prepare(
    source: str | Path,
    target: str | Path,
    settings: Settings,
    hr_folder: str | None = None,
    ref_folder: str | None = None,
    workers: int = 0,
    progress: ProgressFactory = no_progress,
) -> Report:
    """Makes HR, LR, LR_UX<s> and, where there is a Ref, Ref and Ref_DUX<s> in `target`.

    What comes out depends on the images' names, their content, the settings and nothing else. With `workers` 0 or 1
    all is done in this process.
    """
    check_settings(settings)
    source, target = Path(source), Path(target)
    check_apart(source, target)
    return prepare_places(find_places(source, hr_folder, ref_folder), target, settings, {}, workers, progress)


def prepare_places(
    places: list[Place],
    target: Path,
    settings: Settings,
    about: dict[str, Any],
    workers: int,
    progress: ProgressFactory,
) -> Report:
    """All places, of which the manifest says `about` beside the settings."""
    if workers < 0:
        raise UsageError(f"{workers} workers; it takes 0 or more")
    for place in places:
        check_formats(place, check_place(place, settings.scale), settings)
    manifest = _open(target, places, settings, about)
    sweep(target)
    try:
        made = _all(places, target, settings, manifest, workers, progress)
    except BaseException:
        # What is done counts; if the disk is what failed, that is told already.
        with suppress(RefsrError):
            manifest.save(target)
        raise
    manifest.save(target)
    return Report(len(places), made, sum("mended_from" in entry for entry in manifest.images.values()))


def check_settings(settings: Settings) -> None:
    """Refuses settings that no images could be prepared with."""
    preset(settings.degradation)
    if settings.scale not in SCALES:
        raise UsageError(f"scale {settings.scale} is not one of {', '.join(map(str, SCALES))}")
    if settings.lr_up_from not in LR_UP_FROM:
        near = suggestion(settings.lr_up_from, LR_UP_FROM)
        raise UsageError(f"LR_UX comes from 'clean', 'file' or 'none', not {settings.lr_up_from!r}{near}")
    if settings.jpeg is not None and not 1 <= settings.jpeg <= 100:
        raise UsageError(f"JPEG quality {settings.jpeg} is not between 1 and 100")
    if settings.suffix is not None and settings.suffix not in lossless_suffixes():
        raise UsageError(f"suffix {settings.suffix!r} is not one of {', '.join(lossless_suffixes())}")


def check_apart(source: Path, target: Path) -> None:
    """Refuses a target inside its source, and a source that the target's images would be written into."""
    inner, outer = target.resolve(), source.resolve()
    if inner == outer or outer in inner.parents:
        raise UsageError(f"{target}: the target lies inside the source {source}; choose a folder beside it")
    if inner in outer.parents and (inner / "HR").resolve() in (outer, *outer.parents):
        raise UsageError(f"{source}: the source lies inside the target's HR folder; choose another target")


def _open(target: Path, places: list[Place], settings: Settings, about: dict[str, Any]) -> Manifest:
    """The target's manifest, new or of an earlier run with the same settings."""
    wanted = {
        **dataclasses.asdict(settings),
        "reference": places[0].ref is not None,
        "degradation_parameters": dataclasses.asdict(preset(settings.degradation)),  # type: ignore[call-overload]
        **about,
    }
    wanted = json.loads(json.dumps(wanted))
    found = manifests.load(target)
    if found is None:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise DataError(f"{target}: is there already and not empty, and refsr prepare did not make it")
        found = Manifest(wanted)
        found.save(target)
        return found
    changed = manifests.differences(found.settings, wanted)
    if changed:
        raise DataError(f"{target}: was prepared with other settings: {'; '.join(changed)}; choose another folder")
    gone = sorted(set(found.images) - {place.name for place in places})
    if gone:
        raise DataError(f"{target}: holds images that the source lacks: {listed(gone)}; choose another folder")
    return found


def _all(
    places: list[Place], target: Path, settings: Settings, manifest: Manifest, workers: int, progress: ProgressFactory
) -> int:
    made, broken = 0, []
    saved = time.monotonic()
    with progress("preparing", len(places)) as bar, _results(places, target, settings, manifest, workers) as results:
        for key, entry, problem in results:
            if problem:
                broken.append(problem)
                manifest.images.pop(key, None)
            elif entry is not None:
                manifest.images[key] = entry
                made += 1
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
    places: list[Place], target: Path, settings: Settings, manifest: Manifest, workers: int
) -> Iterator[Iterator[Result]]:
    """The outcome of each place, in the order in which they end."""
    items = [(place, manifest.images.get(place.name)) for place in places]
    work = partial(_one, target, settings)
    if workers < 2 or len(places) < 2:
        yield (work(item) for item in items)
        return
    with spread(work, items, workers) as results:
        yield results


def _one(target: Path, settings: Settings, item: tuple[Place, dict[str, Any] | None]) -> Result:
    """Key, the new entry if the place had to be made, and what is wrong with its images."""
    place, entry = item
    try:
        if entry is not None and _is_whole(place, target, entry):
            return place.name, None, ""
        return place.name, prepare_place(place, target, settings), ""
    except DataError as error:
        return place.name, None, str(error)


def _is_whole(place: Place, target: Path, entry: dict[str, Any]) -> bool:
    if entry.get("source") != source_digests(place):
        return False
    return all((target / name).is_file() and digest(target / name) == kept for name, kept in entry["files"].items())
