"""Describes, verifies or repairs stores of images, or writes checksums of folders.

refsr store info STORE...
refsr store verify STORE...
refsr store repair STORE [--source DIR]
refsr store digest FOLDER...
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from refsr.cli.arguments import add_max_pixels
from refsr.core.errors import UsageError
from refsr.data.cubes.folder import folder_of
from refsr.data.stores import open_store
from refsr.data.stores.checking import repair, verify, verify_set
from refsr.data.stores.checksums import SUMS, write_checksums
from refsr.data.stores.folder import FolderStore

A_STORE = "LMDB, or folder of images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="info|verify|repair|digest")
    about = actions.add_parser(
        "info",
        help="describe stores",
        description="Prints the kind of each store, and the number and sizes of its images.",
    )
    about.add_argument("stores", nargs="+", type=Path, metavar="STORE", help=A_STORE)
    check = actions.add_parser(
        "verify",
        help="check every byte of stores",
        description="Lists damaged and missing images, unfinished packing, and keys of stores that do not pair.\n"
        "The exit code is 0 if everything is intact, else 1.",
    )
    check.add_argument("stores", nargs="+", type=Path, metavar="STORE", help=A_STORE)
    fix = actions.add_parser(
        "repair",
        help="repair a packed store",
        description="Removes damaged images from a packed store and packs them again from --source.\n"
        "Without --source they are lost.",
    )
    fix.add_argument("store", type=Path, metavar="STORE", help="LMDB")
    fix.add_argument("--source", type=Path, metavar="DIR", help="folder that the store was packed from")
    sums = actions.add_parser(
        "digest",
        help="write the checksums of folders",
        description="Writes SHA256SUMS into each folder, as sha256sum does (sha256sum -c checks it).\n"
        "From then on files that differ from it, or are not in it, are errors when they are read.",
    )
    sums.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="folder of images or cubes")
    for action in (about, check, fix):
        add_max_pixels(action)


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "info":
        return _info(arguments.stores)
    if arguments.action == "verify":
        return _verify(arguments.stores)
    if arguments.action == "digest":
        return _digest(arguments.folders)
    return _repair(arguments.store, arguments.source)


def _info(paths: list[Path]) -> int:
    for path in paths:
        store = open_store(path)
        sizes = Counter(str(store.info(key)) for key in store.keys())
        listed = "; ".join(f"{count} of {size}" for size, count in sizes.most_common(5))
        print(f"{path}: {type(store).__name__}, {len(store.keys())} images: {listed}")
    return 0


def _verify(paths: list[Path]) -> int:
    wrong = 0
    for path in paths:
        damages = verify(path)
        for damage in damages:
            print(f"{path}: {damage}")
        if not damages:
            print(f"{path}: {len(open_store(path).keys())} images, all intact")
        wrong += len(damages)
    for line in verify_set(paths) if len(paths) > 1 else []:
        print(line)
        wrong += 1
    return 1 if wrong else 0


def _digest(folders: list[Path]) -> int:
    for folder in folders:
        if not isinstance(open_store(folder), FolderStore):
            raise UsageError(f"{folder}: no folder of files; an LMDB that refsr pack made holds digests already")
        store = folder_of(folder)
        files = [file for key in store.keys() for file in store.parts(key)]
        write_checksums(folder, files)
        print(f"{folder / SUMS}: {len(set(files))} files")
    return 0


def _repair(path: Path, source: Path | None) -> int:
    damages, report = repair(path, source)
    for damage in damages:
        print(f"{path}: {damage}")
    print(f"{path}: {len(damages)} problems, {report.written} images packed again")
    lost = [damage.key for damage in damages if damage.key is not None] if source is None else []
    if lost:
        print(f"{path}: without --source these are lost: {', '.join(lost)}")
    return 0
