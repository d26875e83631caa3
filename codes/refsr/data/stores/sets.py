"""Packs a whole data set: one store a kind of image, after making sure that the kinds fit each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
PUBLISHED_KIND = re.compile(r"(.+_)?(HR|LR|LR_UX\d+|Ref|Ref_DUX\d+)")
"""The five kinds at any scale, also under a prefix such as RRSSRD's google_Ref."""


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


@dataclass(frozen=True)
class PublishedSet:
    """A folder with kinds of a published data set in it, and where its stores go."""

    source: Path
    target: Path
    kinds: tuple[str, ...]
    others: tuple[str, ...]
    """Folders with images that are none of the kinds."""

    @property
    def missing(self) -> list[str]:
        """The published kinds that are not there."""
        return [kind for kind in KINDS if not any(_unprefixed(found) == kind for found in self.kinds)]


def published_sets(root: Path) -> list[PublishedSet]:
    """The published data sets in `root` and in folders below it.

    Kinds right in `root` go to `root/<kind>.lmdb`; those of a set `root/<set>` to `root/<set>_lmdb/<kind>.lmdb`.
    """
    return list(_published_sets(root, root)) if root.is_dir() else []


def _published_sets(folder: Path, root: Path) -> Iterator[PublishedSet]:
    below = [one for one in sorted(folder.iterdir()) if one.is_dir() and not one.name.startswith(".")]
    kinds = tuple(one.name for one in below if PUBLISHED_KIND.fullmatch(one.name) and _has_images(one))
    others = tuple(one.name for one in below if not PUBLISHED_KIND.fullmatch(one.name) and _directly(one))
    if kinds:
        target = folder if folder == root else folder.with_name(f"{folder.name}_lmdb")
        yield PublishedSet(folder, target, kinds, others)
    for one in below:
        if one.name not in (*kinds, *others) and not one.name.endswith("lmdb"):
            yield from _published_sets(one, root)


def _unprefixed(kind: str) -> str:
    found = PUBLISHED_KIND.fullmatch(kind)
    return kind if found is None else found[2]


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
