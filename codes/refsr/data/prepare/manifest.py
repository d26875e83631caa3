"""prepare.json: which settings a prepared folder was made with, and every image in it with its draws and digests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refsr.core.atomic import write_text
from refsr.core.errors import DataError
from refsr.core.foreign_files import read_record

NAME = "prepare.json"
FORMAT = 1


@dataclass
class Manifest:
    """`settings` as plain values, and key: {source digests, file digests, degradation steps}."""

    settings: dict[str, Any]
    images: dict[str, dict[str, Any]] = field(default_factory=dict)

    def save(self, target: Path) -> None:
        """Writes it, whole or not at all; the same content always gives the same bytes."""
        images = {key: self.images[key] for key in sorted(self.images)}
        content = {"format": FORMAT, "settings": self.settings, "images": images}
        write_text(target / NAME, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def load(target: Path) -> Manifest | None:
    """The manifest of a folder, None where there is none."""
    file = target / NAME
    if not file.exists():
        return None
    content = read_record(file, "manifest of refsr prepare (remove it to start anew)")
    try:
        if content["format"] != FORMAT:
            raise DataError(f"{file}: format {content['format']!r}, this version knows {FORMAT}")
        return Manifest(dict(content["settings"]), {str(key): dict(entry) for key, entry in content["images"].items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{file}: not a manifest of refsr prepare ({error}); remove it to start anew") from error


def differences(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> list[str]:
    """Each setting that is not the same, as `name was A, now B`."""
    found = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{path}{name}.")
        elif old != new:
            found.append(f"{path}{name} was {json.dumps(old)}, now {json.dumps(new)}")
    return found
