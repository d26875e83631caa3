"""A published set as pairs to prepare: each image with its part, its class in its key, and the size it must have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refsr.data.prepare.sources import SourcePair
from refsr.data.scenes.catalogue import SceneSet
from refsr.data.scenes.folders import find_scenes
from refsr.data.scenes.split import drawn_split, list_texts, listed_split


@dataclass(frozen=True)
class SplitPlan:
    """What will be prepared, what a manifest keeps of how it was chosen, and the split as lists."""

    pairs: list[SourcePair]
    record: dict[str, Any]
    lists: dict[str, str]
    """File name: content; they name the split's images."""


def plan_split(
    source: Path, scenes: SceneSet, seed: int, lists: Path | None = None, incomplete: bool = False
) -> SplitPlan:
    """The images of `source`, split by draw or as `lists` says; keys are `class/name`."""
    found = find_scenes(source, scenes, incomplete)
    split = drawn_split(scenes, found, seed, source) if lists is None else listed_split(found, lists)
    pairs = [
        SourcePair(f"{name}/{image}", found[name][image], None, part, scenes.side)
        for part, entries in split.items()
        for name, image in entries
    ]
    texts = dict(list_texts(split, found))
    record = {
        "name": scenes.name,
        "split": "lists" if lists is not None else "drawn",
        "images": {part: len(entries) for part, entries in split.items()},
        "digest": hashlib.blake2b(
            "\f".join(texts.values()).encode(errors="surrogateescape"), digest_size=16
        ).hexdigest(),
    }
    return SplitPlan(pairs, record, texts)
