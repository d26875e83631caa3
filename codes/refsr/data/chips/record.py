"""chips.json: what a folder of chips was cut from and how; and the journal by which an interrupted run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refsr.core.atomic import explain_io, write_text
from refsr.core.errors import DataError, UsageError
from refsr.core.foreign_files import parse_json, read_bytes, read_record
from refsr.data.prepare.manifest import differences

NAME = "chips.json"
JOURNAL = "chips.journal"
FORMAT = "refsr-chips-1"


class ChipsRecord:
    """What is known of every chip that was tried: its entry, or why it was left out.

    Each is appended to the journal after its files are on disk, so that what a kill leaves is either known or made
    again, to the same bytes.
    """

    def __init__(self, target: Path, settings: Mapping[str, Any]) -> None:
        self._target = target
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))
        self.known: dict[str, Any] = {}
        self.left_out: dict[str, int] = {}
        self.complete = False

    def open(self) -> None:
        """Takes over what an earlier run with the same settings has left; a UsageError where they are others."""
        found = self._read()
        if found is None:
            if self._target.exists() and (not self._target.is_dir() or any(map(_foreign, self._target.iterdir()))):
                raise DataError(f"{self._target}: is there already and not empty, and refsr chips did not make it")
            self.begin()
            return
        changed = differences(found["settings"], self._settings)
        if changed:
            raise UsageError(
                f"{self._target}: was cut otherwise: {'; '.join(changed)}; --overwrite begins anew, or choose "
                "another folder"
            )
        self.complete, self.known, self.left_out = found["complete"], found["chips"], found["left_out"]
        journal = self._target / JOURNAL
        if journal.exists():
            for line in read_bytes(journal).splitlines():
                try:
                    key, entry = parse_json(line, journal)
                except (DataError, ValueError, TypeError):
                    # The line at which a kill struck.
                    continue
                if isinstance(key, str):
                    self.known[key] = entry

    def begin(self) -> None:
        """A record of nothing yet."""
        self._write({}, {}, complete=False)

    def add(self, key: str, entry: Any) -> None:
        """One chip more: its entry, or the reason why there is none."""
        self.known[key] = entry
        with explain_io(self._target / JOURNAL), (self._target / JOURNAL).open("ab") as handle:
            # A line that a kill cut short must not swallow this one.
            handle.write(b"\n" + json.dumps([key, entry]).encode() + b"\n")

    def finish(self, chips: Mapping[str, Any], left_out: Mapping[str, int]) -> None:
        """Writes the whole record; the same content always gives the same bytes."""
        self._write(chips, left_out, complete=True)
        (self._target / JOURNAL).unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        file = self._target / NAME
        if not file.exists():
            return None
        found: dict[str, Any] = read_record(file, "record of refsr chips (remove it to start anew)")
        try:
            if found["format"] != FORMAT:
                raise DataError(f"{file}: format {found['format']!r}, this version knows {FORMAT!r}")
            kept = {name: dict(found[name]) for name in ("settings", "left_out", "chips")}
            return {**kept, "complete": bool(found["complete"])}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{file}: not a record of refsr chips ({error}); remove it to start anew") from error

    def _write(self, chips: Mapping[str, Any], left_out: Mapping[str, int], complete: bool) -> None:
        content = {
            "format": FORMAT,
            "complete": complete,
            "settings": self._settings,
            "left_out": {reason: left_out[reason] for reason in sorted(left_out)},
            "chips": {key: chips[key] for key in sorted(chips)},
        }
        write_text(self._target / NAME, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def made_by_chips(target: Path) -> bool:
    """Whether a folder holds a record of chips."""
    return (target / NAME).is_file()


def _foreign(file: Path) -> bool:
    """Whether a file is none that a kill left while the first record was written."""
    return not (file.name.startswith(f".{NAME}.") and file.suffix == ".part")
