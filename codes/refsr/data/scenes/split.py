"""Which image of a set goes to train, val and test: drawn, or as lists say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from refsr.core.errors import DataError, listed, suggestion
from refsr.core.foreign_files import read_text
from refsr.core.seeding import derive
from refsr.data.images import IMAGE_SUFFIXES
from refsr.data.scenes.catalogue import PARTS, SceneSet, class_counts
from refsr.data.scenes.folders import Scenes

Split = dict[str, list[tuple[str, str]]]
"""Part: (class, image) in order."""


def drawn_split(scenes: SceneSet, found: Scenes, seed: int, where: object) -> Split:
    """Every class split by itself, in the published numbers.

    The images of a class are put in order of the number that seed, set, class and name give each of them: the first
    go to train, the next to val, the next to test. So nothing counts but names, on any machine.
    """
    split: Split = {part: [] for part in PARTS}
    for name, images in found.items():
        counts = class_counts(scenes, name, len(images), f"{where}, class {name}")
        order = iter(sorted(images, key=lambda image: derive(seed, "split", scenes.name, name, image)))
        for part in PARTS:
            split[part] += sorted((name, next(order)) for _ in range(counts[part]))
    return split


def listed_split(found: Scenes, lists: Path) -> Split:
    """The split in a folder: train, val and test as text files, a name a line, or as folders of images.

    Names count without their folders and suffixes; images that no list has are left out.
    """
    if not lists.is_dir():
        near = suggestion(lists.name, [one.name for one in lists.parent.iterdir()]) if lists.parent.is_dir() else ""
        raise DataError(f"{lists}: no such folder of lists{near}")
    pairs: dict[str, tuple[str, str]] = {}
    twice: set[str] = set()
    for name, images in found.items():
        for image in images:
            if image in pairs:
                twice.add(image)
            pairs[image] = name, image
    split: Split = {}
    taken: dict[str, str] = {}
    for part in PARTS:
        names = _listed_names(lists, part)
        unknown = [name for name in names if name not in pairs]
        if unknown:
            near = suggestion(unknown[0], pairs)
            raise DataError(f"{lists}: {part} names {listed(unknown)}, which the source lacks{near}")
        unclear = [name for name in names if name in twice]
        if unclear:
            raise DataError(f"{lists}: {part} names {listed(unclear)}, which several classes have")
        again = [f"{name} ({taken[name]} and {part})" for name in names if taken.setdefault(name, part) != part]
        if again:
            raise DataError(f"{lists}: in two parts at once: {listed(again)}")
        split[part] = sorted(pairs[name] for name in dict.fromkeys(names))
    return split


def list_texts(split: Split, found: Mapping[str, Mapping[str, Path]]) -> Iterator[tuple[str, str]]:
    """A split as files of lists: name and content."""
    for part, entries in split.items():
        yield f"{part}.txt", "".join(f"{name}/{found[name][image].name}\n" for name, image in entries)


def _listed_names(lists: Path, part: str) -> list[str]:
    """Names without folder and suffix."""
    file, folder = lists / f"{part}.txt", lists / part
    if file.is_file():
        names = [_stem(line.strip()) for line in read_text(file).splitlines() if line.strip()]
    elif folder.is_dir():
        found = {path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES}
        # A pack has each image as HR and as LR.
        names = sorted({path.stem for path in found})
    else:
        raise DataError(f"{lists}: neither {part}.txt nor a folder {part} here")
    if not names:
        raise DataError(f"{file if file.is_file() else folder}: names no images")
    return names


def _stem(line: str) -> str:
    path = Path(line.replace("\\", "/"))
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
