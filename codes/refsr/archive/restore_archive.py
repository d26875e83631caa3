"""Restores a catalog to a folder: what is there stays, the rest is handed to a cluster, and all of it is published."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from refsr.archive.catalog import CatalogScene, overlooked_columns, read_catalog
from refsr.archive.cluster import connected
from refsr.archive.folder import ArchiveFolder
from refsr.archive.journal import BEGUN, ENDED, Journal
from refsr.archive.publish import publish
from refsr.archive.references import Candidate, ReferenceCatalog
from refsr.archive.run import ArchiveCounts, ArchiveRun
from refsr.archive.settings import ArchiveSettings, SceneWork
from refsr.archive.worker import patient_with_servers
from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.core.progress import Announce, ProgressFactory, counted
from refsr.geo.raster_source import is_remote
from refsr.inference.inputs import RestoreOptions
from refsr.inference.restorer import Restorer
from refsr.inference.scene import SUPPORTED

CANDIDATES = 8
"""References that are handed to a worker beyond those that are used: it takes them where others are refused."""


@dataclass(frozen=True)
class Sources:
    """Where scenes and their references come from."""

    catalog: Path
    asset: str | None = None
    """Of STAC items: which is the raster."""
    references: Path | None = None
    """The catalog that references are found in; None: those that `catalog` lists for each scene."""
    reference_asset: str | None = None

    def scenes(self) -> Iterator[CatalogScene]:
        return read_catalog(self.catalog, self.asset)

    def notices(self) -> Iterator[str]:
        """What of the catalogs is ignored and was perhaps meant otherwise."""
        for catalog in filter(None, (self.catalog, self.references)):
            yield from overlooked_columns(catalog)

    def reference_catalog(self) -> ReferenceCatalog | None:
        if self.references is None:
            return None
        return ReferenceCatalog(read_catalog(self.references, self.reference_asset))


def scene_work(scene: CatalogScene, references: ReferenceCatalog | None, settings: ArchiveSettings) -> SceneWork:
    """A scene with the references that may be used for it; a DataError where it needs one and none is found."""
    candidates, known = [Candidate(Path(path).stem, path) for path in scene.references], scene
    if references is not None and not candidates:
        known = scene.measured()
        known.require_footprint()
        candidates = references.ranked(known)
    if references is not None and not candidates and not settings.without_reference:
        raise DataError(
            f"{scene.path}: no reference shares ground with it; --without-reference restores such scenes from LR alone"
        )
    date = None if scene.date is None else scene.date.isoformat()
    used = tuple(candidates[: settings.references + CANDIDATES])
    return SceneWork(scene.name, scene.path, used, date, _bounds(known))


def works(
    scenes: Iterable[CatalogScene],
    references: ReferenceCatalog | None,
    settings: ArchiveSettings,
    set_aside: Callable[[SceneWork, str], None],
) -> Iterator[SceneWork]:
    """Scenes with their references; those on servers that cannot be looked at come once more, after all others."""
    # It is gone through last, and has grown by then.
    failed: list[CatalogScene] = []
    for scene, again in itertools.chain(((one, False) for one in scenes), ((one, True) for one in failed)):
        try:
            yield scene_work(scene, references, settings)
        except DataError as error:
            if is_remote(scene.path) and not again:
                failed.append(scene)
            else:
                set_aside(SceneWork(scene.name, scene.path, bounds=_bounds(scene)), str(error))


def _bounds(scene: CatalogScene) -> tuple[float, ...] | None:
    return None if scene.footprint is None else tuple(scene.footprint.bounds)


def check_model(restorer: Restorer, options: RestoreOptions) -> None:
    """A UsageError for a model that restores images in memory only, and options that single scenes have."""
    others = [name for name in restorer.inputs if name not in SUPPORTED]
    if others or restorer.samples:
        what = f"takes {', '.join(others)}" if others else "samples"
        raise UsageError(
            f"{restorer.card.spec.network} {what}; an archive needs a model that restores rasters by blocks"
        )
    restorer.trust(options)


def restore_archive(
    sources: Sources,
    settings: ArchiveSettings,
    progress: ProgressFactory,
    announce: Announce,
    scheduler: str | None = None,
    workers: int | None = None,
    write_page: Callable[[ArchiveFolder], None] | None = None,
) -> ArchiveCounts:
    """Restores the scenes of a catalog that are not there yet; what it came to, with those that are there."""
    patient_with_servers()
    total = sum(1 for _ in sources.scenes())
    for line in sources.notices():
        announce(line)
    references = sources.reference_catalog()
    if references is not None:
        announce(f"references: {len(references)} in {sources.references}")
    folder = ArchiveFolder(settings.output.absolute())
    with folder.locked():
        folder.claim(settings.record())
        if (fault := folder.fault()) is not None:
            raise RefsrError(f"{fault}; nothing can be written there")
        done = sum(folder.item(scene.name).exists() for scene in sources.scenes())
        announce(f"{sources.catalog}: {counted(total, 'scene')}, {done} of them done")
        journal = Journal(folder.journal)
        try:
            journal.add(BEGUN, scenes=total, done=done, catalog=str(sources.catalog))
            counts = ArchiveCounts()
            if done < total:
                with connected(scheduler, workers, announce) as client, progress("archive", total) as bar:
                    bar.skip(done)
                    scenes = (scene for scene in sources.scenes() if not folder.item(scene.name).exists())
                    run = ArchiveRun(client, settings, journal, bar, announce)
                    counts = run.run(works(scenes, references, settings, run.set_aside))
            counts.done += done
            publish(folder, counts.aside)
            if write_page is not None:
                write_page(folder)
            journal.add(ENDED, done=counts.done, set_aside=len(counts.aside))
        finally:
            journal.close()
    return counts
