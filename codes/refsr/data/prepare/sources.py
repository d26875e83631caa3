"""Finds the images to prepare, pairs them by name, and refuses what cannot be prepared before any work is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refsr.core.errors import DataError, listed, suggestion
from refsr.data.images import IMAGE_SUFFIXES, ImageInfo, images_in, probe_image
from refsr.data.prepare.fit_side import check_side


@dataclass(frozen=True)
class SourcePair:
    """One HR image, its reference where there is one, and the name that all derived images get."""

    key: str
    hr: Path
    ref: Path | None
    part: str = ""
    """Sub-folder of the target that holds its folders; none where a set is one part."""
    side: int | None = None
    """The side that all images of the set should have, where a few do not."""

    @property
    def name(self) -> str:
        """Unique among all pairs of a set."""
        return f"{self.part}/{self.key}" if self.part else self.key


def find_pairs(source: Path, hr_folder: str | None, ref_folder: str | None) -> list[SourcePair]:
    """The pairs of `source`: its HR and Ref sub-folders, or a bare folder of sharp images, in order of name.

    Sub-folders that are named must be there; those that are not are taken when they are.
    """
    if not source.is_dir():
        raise DataError(f"{source}: no such folder{suggestion(source.name, _folders(source.parent))}")
    bare = hr_folder is None and not (source / "HR").is_dir()
    hr = images_in(source if bare else _sub_folder(source, hr_folder or "HR"))
    if not hr:
        hint = " (no HR sub-folder in it either; --hr names another)" if bare else ""
        folder = source if bare else source / (hr_folder or "HR")
        raise DataError(f"{folder}: no images here{hint}; known suffixes are {', '.join(IMAGE_SUFFIXES)}")
    if ref_folder is None and (bare or not (source / "Ref").is_dir()):
        return [SourcePair(key, file, None) for key, file in hr.items()]
    ref = images_in(_sub_folder(source, ref_folder or "Ref"))
    without = [key for key in hr if key not in ref]
    alone = [key for key in ref if key not in hr]
    if without or alone:
        parts = {"HR without Ref": without, "Ref without HR": alone}
        lines = [f"{label}: {listed(keys)}" for label, keys in parts.items() if keys]
        raise DataError(f"{source}: images do not pair; {'; '.join(lines)}")
    return [SourcePair(key, file, ref[key]) for key, file in hr.items()]


def check_pair(pair: SourcePair, scale: int) -> ImageInfo:
    """The header of the HR image, if both images can be prepared."""
    info = probe_image(pair.hr)
    if min(info.height, info.width) < scale:
        raise DataError(f"{pair.hr}: {info.height}x{info.width} is smaller than the scale {scale}")
    if pair.side is not None:
        check_side(pair.hr, info, pair.side)
    if pair.ref is not None:
        ref = probe_image(pair.ref)
        if ref != info:
            raise DataError(f"{pair.ref}: {ref}, but its HR image {pair.hr} is {info}; they must be alike")
    return info


def _sub_folder(source: Path, name: str) -> Path:
    folder = source / name
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder{suggestion(name, _folders(source))}")
    return folder


def _folders(parent: Path) -> list[str]:
    return sorted(entry.name for entry in parent.iterdir() if entry.is_dir()) if parent.is_dir() else []
