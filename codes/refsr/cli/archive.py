"""Restores many scenes on many machines: refsr archive CATALOG -o OUT

CATALOG is a STAC ItemCollection or a folder with a STAC catalog, a GeoParquet or CSV file with a column path, or a
folder of rasters. Each scene gets a folder in OUT/scenes with a COG, a thumbnail and a STAC item that says what it
rests on; OUT becomes a STAC collection with a table of all scenes (index.parquet) and a page (index.html).

--refs CATALOG2 finds the references of each scene: those that share ground with it, ranked by overlap, date,
resolution and cloud cover. The best --best N are used; one that registration refuses makes room for the next.

The work is handed to Dask: to the scheduler at --scheduler, or else to workers on this machine (--workers). Every
worker must see CATALOG's rasters, the model and OUT under the same names. A large scene is shared by several workers,
small ones are handed out together. The bytes are those that refsr restore gives.

The same command continues after whatever stopped it; scenes that are there stay. A scene that cannot be restored is
tried again, then set aside with its reason, and the rest goes on; the exit code is 3 then. --status OUT says how far an
archive is, also while another process works on it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from refsr.cli.arguments import add_imports, add_max_pixels, flag
from refsr.cli.console import console_progress
from refsr.cli.raster_arguments import (
    add_raster_values,
    add_restoring,
    add_values,
    check_tiles,
    raster_keywords,
    restoring_keywords,
)
from refsr.core.errors import RefsrError, UsageError
from refsr.core.progress import counted
from refsr.core.registry import DEFAULT_MODEL

if TYPE_CHECKING:
    from refsr.archive.restore_archive import Sources
    from refsr.archive.settings import ArchiveSettings, SceneWork
    from refsr.inference.restorer import Restorer

SET_ASIDE = 3
"""The exit code where scenes were set aside."""
SHOWN = 20
"""Scenes that a dry run prints, and of which it looks for one to time."""
PACKAGES = ("distributed", "pystac", "shapely", "pyarrow", "rasterio")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("catalog", type=Path, nargs="?", metavar="CATALOG", help="the scenes to restore")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="the folder of the archive")
    parser.add_argument(
        "--model",
        type=Path,
        default=Path(DEFAULT_MODEL),
        metavar="M",
        help=f"model file, folder of a run or a checkpoint, or a name (refsr info; default: {DEFAULT_MODEL})",
    )
    parser.add_argument("--refs", type=Path, metavar="CATALOG2", help="the catalog that references are found in")
    parser.add_argument(
        "--best", type=int, default=1, metavar="N", help="references of a scene that are used at most (default: 1)"
    )
    parser.add_argument(
        "--without-reference", action="store_true", help="restore scenes without a reference from LR alone"
    )
    parser.add_argument("--asset", metavar="KEY", help="the raster of STAC items (default: image, visual or data)")
    parser.add_argument("--ref-asset", metavar="KEY", help="the raster of STAC items of CATALOG2")
    parser.add_argument("--evidence", action="store_true", help="write the evidence of each result beside it")
    parser.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="a Dask scheduler that runs already")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="worker processes on this machine (default: by its GPUs, else cores)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and write nothing")
    parser.add_argument("--status", type=Path, metavar="OUT", help="print how far the archive in OUT is")
    add_restoring(parser)
    add_values(parser)
    add_raster_values(parser)
    add_max_pixels(parser)
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.status is not None:
        return _status(arguments.status)
    _check(arguments)
    _require_packages()
    _check_apart(arguments)
    from refsr.archive.restore_archive import Sources, check_model, restore_archive
    from refsr.inference.restorer import load
    from refsr.report.archive import write_archive_page

    sources = Sources(arguments.catalog, arguments.asset, arguments.refs, arguments.ref_asset)
    restorer = load(arguments.model, "cpu")
    settings = _settings(arguments, restorer)
    check_model(restorer, settings.options)
    if arguments.dry_run:
        return _plan(sources, settings, restorer)
    # The weights are needed on the workers alone.
    del restorer
    counts = restore_archive(
        sources, settings, console_progress, _announce, arguments.scheduler, arguments.workers, write_archive_page
    )
    print(f"{arguments.output}: {counted(counts.done, 'scene')} done, {len(counts.aside)} set aside")
    return SET_ASIDE if counts.aside else 0


def _announce(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.catalog is None or arguments.output is None:
        raise UsageError("expected CATALOG -o OUT, or --status OUT (see refsr archive --help)")
    for option, value in (("--workers", arguments.workers), ("--best", arguments.best)):
        if value is not None and value < 1:
            raise UsageError(f"{option} {value}: expected 1 or more")
    if arguments.scheduler is not None and arguments.workers is not None:
        raise UsageError("--workers starts workers on this machine; a scheduler has its own")
    check_tiles(arguments)


def _check_apart(arguments: argparse.Namespace) -> None:
    """A UsageError where results would be taken for scenes or references by the next command."""
    from refsr.archive.catalog import is_searched
    from refsr.core.foreign_files import resolved

    for catalog in filter(None, (arguments.catalog, arguments.refs)):
        if is_searched(catalog) and resolved(arguments.output).is_relative_to(resolved(catalog)):
            raise UsageError(
                f"{arguments.output}: lies in {catalog}, where results would be taken for rasters of the catalog; "
                "choose a folder outside of it"
            )


def _require_packages() -> None:
    import importlib.util

    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise RefsrError(f"archives need {', '.join(missing)}; pip install 'refsr[geo,archive]'")


def _settings(arguments: argparse.Namespace, restorer: Restorer) -> ArchiveSettings:
    from refsr.archive.settings import ArchiveSettings
    from refsr.core.user_modules import IMPORTED
    from refsr.inference.inputs import RestoreOptions
    from refsr.inference.raster_options import RasterOptions
    from refsr.runs.model_file import model_file_at, weights_digest

    options = RestoreOptions(
        **restoring_keywords(arguments), raster=RasterOptions(**raster_keywords(arguments)), spelling=flag
    )
    # A name of bundled weights is found by every worker; a path is taken from wherever this command runs.
    model = arguments.model if not arguments.model.exists() else model_file_at(arguments.model).absolute()
    return ArchiveSettings(
        arguments.output.absolute(), str(model), weights_digest(restorer.network), options, arguments.device,
        arguments.evidence, arguments.best, arguments.without_reference, tuple(IMPORTED),
    )  # fmt: skip


def _plan(sources: Sources, settings: ArchiveSettings, restorer: Restorer) -> int:
    """Prints which references each scene would get, and what the first scene takes."""
    from refsr.archive.folder import ArchiveFolder
    from refsr.archive.restore_archive import scene_work
    from refsr.core.errors import DataError
    from refsr.inference.raster_plan import plan_raster

    references, folder = sources.reference_catalog(), ArchiveFolder(settings.output)
    for line in sources.notices():
        _announce(line)
    first: list[SceneWork] = []
    total = done = wrong = 0
    for scene in sources.scenes():
        total += 1
        if folder.item(scene.name).exists():
            done += 1
            continue
        try:
            work = scene_work(scene, references, settings)
        except DataError as error:
            wrong += 1
            print(f"{scene.name}: would be set aside: {error}")
            continue
        if len(first) < SHOWN:
            first.append(work)
            named = ", ".join(_described(one) for one in work.candidates[: settings.references]) or "none"
            print(f"{scene.name}: references: {named} (of {len(work.candidates)})")
    print(f"{counted(total, 'scene')}: {done} are done, {total - done - wrong} to restore, {wrong} would be set aside")
    for work in first:
        refs = [one.path for one in work.candidates[: settings.references]]
        try:
            plan = plan_raster(restorer, work.path, refs, folder.result(work.name), settings.options)
        except RefsrError as error:
            print(f"{work.name}: cannot be restored: {error}")
            continue
        for line in plan.lines:
            print(f"{work.name}: {line}")
        break
    return 0


def _described(candidate: object) -> str:
    about = candidate.record()  # type: ignore[attr-defined]
    overlap = "" if "overlap" not in about else f" covers {about['overlap']:.0%}"
    days = "" if "days" not in about else f", {about['days']:.0f} days apart"
    return f"{about['id']}{overlap}{days}"


def _status(out: Path) -> int:
    from refsr.archive.folder import existing
    from refsr.archive.journal import archive_state

    folder = existing(out)
    state = archive_state(folder.journal)
    at_work = "a command on this machine is at work" if folder.in_use else "no command on this machine is at work"
    print(f"{out}: {state.sentence()}; {at_work}")
    for name, reason in sorted(state.aside.items()):
        print(f"{name}: set aside: {reason}")
    for name, reason in sorted(state.retried.items()):
        print(f"{name}: is tried again: {reason}")
    return SET_ASIDE if state.aside else 0
