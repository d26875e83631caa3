"""What a text of YAML holds: plain data, and the place of every key and value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from refsr.core.options.problems import KeyPath, Place, Problem
from refsr.core.options.scalars import Remark

_Entry = TypeVar("_Entry", Place, Remark)


@dataclass
class Tree:
    """Data, where each part of it stands, and what is wrong with how it is written."""

    data: Any = None
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    """Where the key (or the list's dash) of a path stands."""
    values: dict[KeyPath, Place] = field(default_factory=dict)
    """Where its value stands."""
    remarks: dict[KeyPath, Remark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    cut: bool = False
    """The text could not be read to its end; what stands before that is here."""

    def graft_at(self, path: KeyPath, other: Tree) -> KeyPath | None:
        """Puts the root of `other` at `path`, with sections above it as needed; returns what is in the way, if any."""
        parent = self.data
        for end, part in enumerate(path[:-1], start=1):
            if parent.get(part) is None:
                parent[part] = {}
                self.keys.setdefault(path[:end], other.keys[()])
                self.values[path[:end]] = other.values[()]
            parent = parent[part]
            if not isinstance(parent, dict):
                return path[:end]
        parent[path[-1]] = other.data
        self._move(self.keys, other.keys, path)
        self._move(self.values, other.values, path)
        self._move(self.remarks, other.remarks, path)
        return None

    @staticmethod
    def _move(mine: dict[KeyPath, _Entry], theirs: dict[KeyPath, _Entry], path: KeyPath) -> None:
        for old in [known for known in mine if known[: len(path)] == path]:
            del mine[old]
        mine.update({path + below: entry for below, entry in theirs.items()})
