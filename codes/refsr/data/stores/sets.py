"""Packs a whole data set: one store a kind of image, after making sure that the kinds fit each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refsr.core.errors import DataError, listed, suggestion
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.cubes.cube_file import NO_CUBE_HINTS, CubeHints
from refsr.data.cubes.files import CUBE_SUFFIXES
from refsr.data.cubes.folder import folder_of
from refsr.data.stores.checking import unequal_keys
from refsr.data.stores.packing import PackReport, pack_folder, pack_folder_published

KINDS = ("HR", "LR", "LR_UX4", "Ref", "Ref_DUX4")
"""The folders of a published data set; other kinds are packed all the same."""
LAYOUTS = ("refsr", "published")


def pack_set(
    source: Path,
    target: Path,
    *,
    kinds: Sequence[str] = (),
    codec: str = "raw",
    layout: str = "refsr",
    workers: int = 2,
    hints: CubeHints = NO_CUBE_HINTS,
    progress: ProgressFactory = no_progress,
) -> dict[Path, PackReport]:
    """Packs each kind folder below `source` to `target/<kind>.lmdb`; a bare image folder to one store.

    `hints` say of cubes what their files do not.
    """
    folders = kind_folders(source, kinds)
    if len(folders) > 1:
        check_fit(folders, hints)
    reports = {}
    for kind, folder in folders.items():
        place = target if target.suffix == ".lmdb" and len(folders) == 1 else target / f"{kind}.lmdb"
        if layout == "published":
            reports[place] = pack_folder_published(folder, place, workers=workers, progress=progress)
        else:
            reports[place] = pack_folder(folder, place, codec=codec, workers=workers, hints=hints, progress=progress)
    return reports


def kind_folders(source: Path, kinds: Sequence[str] = ()) -> dict[str, Path]:
    """Kind to folder: those asked for, or every sub-folder with images, or `source` itself if it holds images."""
    if not source.is_dir():
        near = suggestion(source.name, [p.name for p in source.parent.iterdir()]) if source.parent.is_dir() else ""
        raise DataError(f"{source}: no such folder{near}")
    below = {folder.name: folder for folder in sorted(source.iterdir()) if folder.is_dir() and _has_images(folder)}
    if kinds:
        for kind in kinds:
            if kind not in below:
                raise DataError(f"{source / kind}: no folder with images{suggestion(kind, below)}")
        return {kind: below[kind] for kind in kinds}
    if _directly(source):
        return {source.name: source}
    if not below:
        raise DataError(f"{source}: neither images nor folders with images (such as {', '.join(KINDS)})")
    return below


def check_fit(folders: dict[str, Path], hints: CubeHints = NO_CUBE_HINTS) -> None:
    """Every kind must have the same keys, and sizes in whole proportions to the largest."""
    stores = {kind: folder_of(folder, hints) for kind, folder in folders.items()}
    lines = unequal_keys({kind: set(store.keys()) for kind, store in stores.items()})
    if lines:
        raise DataError("the folders do not pair:\n  " + "\n  ".join(lines))
    wrong = []
    for key in next(iter(stores.values())).keys():
        sizes = {kind: (store.info(key).height, store.info(key).width) for kind, store in stores.items()}
        largest = max(sizes.values())
        for kind, (height, width) in sizes.items():
            if largest[0] % height or largest[1] % width or largest[0] // height != largest[1] // width:
                wrong.append(f"{key}: {kind} is {height}x{width} beside {largest[0]}x{largest[1]}")
    if wrong:
        raise DataError("sizes are not in whole proportions: " + listed(wrong))


def _has_images(folder: Path) -> bool:
    """Whether images lie in a folder of one kind: right there, or in class folders."""
    return _directly(folder) or any(
        _directly(below) for below in folder.iterdir() if below.is_dir() and below.name not in KINDS
    )


def _directly(folder: Path) -> bool:
    return any(file.suffix.lower() in CUBE_SUFFIXES for file in folder.iterdir() if file.is_file())
