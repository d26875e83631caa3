"""Finds the class folders of a published set and their images; what is not as it was distributed is one clear line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from refsr.core.errors import DataError, listed, nearest, suggestion
from refsr.data.images import IMAGE_SUFFIXES, images_in
from refsr.data.scenes.catalogue import SceneSet

Scenes = dict[str, dict[str, Path]]
"""Class: name without suffix: file."""


def find_scenes(source: Path, scenes: SceneSet, incomplete: bool = False) -> Scenes:
    """All images of the set below `source`, by class in the catalogue's order and by name.

    `source` is the folder of the class folders, or one whose only such sub-folder it is (UCMerced_LandUse/Images).
    Case, blanks and underscores in the names of class folders do not count. Unless `incomplete`, every class must be
    there with as many images as were published.
    """
    if not source.is_dir():
        near = suggestion(source.name, _names(source.parent)) if source.parent.is_dir() else ""
        raise DataError(f"{source}: {'is a file, not a folder' if source.exists() else 'no such folder'}{near}")
    root, folders = _class_folders(source, scenes)
    missing = [name for name in scenes.classes if name not in folders]
    if missing and not incomplete:
        raise DataError(
            f"{root}: {len(missing)} of {scenes.title}'s {len(scenes.classes)} classes are missing: "
            f"{listed(missing)}{_renamed(root, missing, folders)} (--incomplete splits what is there)"
        )
    found = {name: _images(folders[name]) for name in scenes.classes if name in folders}
    if not incomplete:
        _check_counts(root, scenes, found, folders)
    return found


def _class_folders(source: Path, scenes: SceneSet) -> tuple[Path, dict[str, Path]]:
    """The folder in which classes lie, and the classes' folders."""
    here = _known(source, scenes)
    if here:
        return source, here
    below = {folder: known for folder in _folders(source) if (known := _known(folder, scenes))}
    if len(below) == 1:
        return next(iter(below.items()))
    if below:
        raise DataError(
            f"{source}: class folders of {scenes.title} lie in {listed([folder.name for folder in below])}; name one"
        )
    word = _plain(source.name)
    if word in {_plain(name) for name in scenes.classes}:
        above = _known(source.parent, scenes)
        if above:
            raise DataError(f"{source}: is one class of {scenes.title}; name the folder of all, {source.parent}")
    there = listed([folder.name for folder in _folders(source)]) or "no folders"
    wanted = listed(list(scenes.classes)[:2])
    raise DataError(f"{source}: no class folders of {scenes.title} ({wanted}, ...) here or one below; there: {there}")


def _known(folder: Path, scenes: SceneSet) -> dict[str, Path]:
    """Sub-folders that are classes, by the catalogue's names."""
    classes = {_plain(name): name for name in scenes.classes}
    found: dict[str, Path] = {}
    for below in _folders(folder):
        name = classes.get(_plain(below.name))
        if name is None:
            continue
        if name in found:
            raise DataError(f"{folder}: {found[name].name} and {below.name} are both the class {name}; keep one")
        found[name] = below
    return found


def _images(folder: Path) -> dict[str, Path]:
    found = images_in(folder)
    if not found:
        inner = [below.name for below in _folders(folder)]
        hint = f"; there are folders: {listed(inner)}" if inner else ""
        raise DataError(f"{folder}: no images here (looked for {', '.join(IMAGE_SUFFIXES)}){hint}")
    return found


def _check_counts(root: Path, scenes: SceneSet, found: Scenes, folders: Mapping[str, Path]) -> None:
    wrong = [
        f"{folders[name].name} has {len(images)} of {scenes.classes[name]} images"
        for name, images in found.items()
        if len(images) != scenes.classes[name]
    ]
    if wrong:
        raise DataError(
            f"{root}: not {scenes.title} as it was published: {listed(wrong)} (--incomplete splits what is there)"
        )


def _renamed(root: Path, missing: list[str], folders: Mapping[str, Path]) -> str:
    """A folder that may be a missing class under another name."""
    others = [folder.name for folder in _folders(root) if folder not in folders.values()]
    near = nearest(missing[0], others)
    return f"; is {near!r} {missing[0]}?" if near is not None else ""


def _folders(parent: Path) -> list[Path]:
    return sorted(entry for entry in parent.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _names(parent: Path) -> list[str]:
    return [folder.name for folder in _folders(parent)]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
