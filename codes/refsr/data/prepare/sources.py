"""Finds the images to prepare, pairs them by name, and refuses what cannot be prepared before any work is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    others: tuple[Path, ...] = ()
    """Further references of the same place."""
    elsewhere: Path | None = None
    """Another HR image, where Ref is made from HR: its ground is seen in places."""
    lr: Path | None = None
    """LR where it is there already: nothing but registered references is made."""

    @property
    def name(self) -> str:
        """Unique among all pairs of a set."""
        return f"{self.part}/{self.key}" if self.part else self.key

    @property
    def has_ref(self) -> bool:
        """Whether there is a reference, from a file or made."""
        return self.ref is not None or self.elsewhere is not None

    @property
    def refs(self) -> tuple[Path, ...]:
        """All references of the place."""
        return () if self.ref is None else (self.ref, *self.others)


def find_pairs(
    source: Path, hr_folder: str | None, ref_folders: Sequence[str] = (), lr_folder: str | None = None
) -> list[SourcePair]:
    """The pairs of `source`: its HR and Ref sub-folders, or a bare folder of sharp images, in order of name.

    Sub-folders that are named must be there; those that are not are taken when they are. Several of references give
    each place several.
    """
    if not source.is_dir():
        raise DataError(f"{source}: no such folder{suggestion(source.name, _folders(source.parent))}")
    bare = hr_folder is None and not (source / "HR").is_dir()
    hr = images_in(source if bare else _sub_folder(source, hr_folder or "HR"))
    if not hr:
        hint = " (no HR sub-folder in it either; --hr names another)" if bare else ""
        folder = source if bare else source / (hr_folder or "HR")
        raise DataError(f"{folder}: no images here{hint}; known suffixes are {', '.join(IMAGE_SUFFIXES)}")
    lr = {} if lr_folder is None else images_in(_sub_folder(source, lr_folder))
    if lr_folder is not None:
        _check_keys(source, hr, lr, lr_folder)
    if not ref_folders and (bare or not (source / "Ref").is_dir()):
        return [SourcePair(key, file, None, lr=lr.get(key)) for key, file in hr.items()]
    names = list(ref_folders) or ["Ref"]
    refs = [images_in(_sub_folder(source, name)) for name in names]
    for name, ref in zip(names, refs, strict=True):
        _check_keys(source, hr, ref, name)
    first, *others = refs
    return [
        SourcePair(key, file, first[key], others=tuple(other[key] for other in others), lr=lr.get(key))
        for key, file in hr.items()
    ]


def _check_keys(source: Path, hr: Mapping[str, Path], found: Mapping[str, Path], name: str) -> None:
    without = [key for key in hr if key not in found]
    alone = [key for key in found if key not in hr]
    if without or alone:
        parts = {f"HR without {name}": without, f"{name} without HR": alone}
        lines = [f"{label}: {listed(keys)}" for label, keys in parts.items() if keys]
        raise DataError(f"{source}: images do not pair; {'; '.join(lines)}")


def check_pair(pair: SourcePair, scale: int) -> ImageInfo:
    """The header of the HR image, if both images can be prepared."""
    info = probe_image(pair.hr)
    if min(info.height, info.width) < scale:
        raise DataError(f"{pair.hr}: {info.height}x{info.width} is smaller than the scale {scale}")
    if pair.side is not None:
        check_side(pair.hr, info, pair.side)
    if pair.lr is not None:
        _check_lr(pair.lr, pair.hr, info, scale)
    for file in pair.refs:
        ref = probe_image(file)
        # What is registered may be of another size, unless Ref itself is written beside it.
        alike = ref == info if pair.lr is None else (ref.bands, ref.dtype) == (info.bands, info.dtype)
        if not alike:
            raise DataError(f"{file}: {ref}, but its HR image {pair.hr} is {info}; they must be alike")
    return info


def _check_lr(file: Path, hr: Path, info: ImageInfo, scale: int) -> None:
    if info.height % scale or info.width % scale:
        raise DataError(f"{hr}: {info.height}x{info.width} is no multiple of {scale}, so Ref cannot be laid on it")
    lr = probe_image(file)
    if (lr.height, lr.width) != (info.height // scale, info.width // scale):
        wanted = f"{info.height // scale}x{info.width // scale}"
        raise DataError(f"{file}: is {lr.height}x{lr.width}, but its HR image {hr} needs {wanted}")


def _sub_folder(source: Path, name: str) -> Path:
    folder = source / name
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder{suggestion(name, _folders(source))}")
    return folder


def _folders(parent: Path) -> list[str]:
    return sorted(entry.name for entry in parent.iterdir() if entry.is_dir()) if parent.is_dir() else []
