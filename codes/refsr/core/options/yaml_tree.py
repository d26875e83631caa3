"""YAML text as plain data, with the location of every key and value, and every mistake of the YAML itself.

PyYAML composes the text into nodes, whose marks are the locations. Nothing is constructed but dicts, lists and plain
values; depth, size and the growth of aliases are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from refsr.core.options.problems import Edit, KeyPath, Location, Problem, quote
from refsr.core.options.scalars import read_word

MOST_DEPTH = 24
MOST_VALUES = 20_000
_MOST_CUTS = 8

_YAML = "tag:yaml.org,2002:"
_TEXT_TAG = f"{_YAML}str"
_PLAIN_TAGS = {"", *(f"{_YAML}{kind}" for kind in ("str", "map", "seq", "int", "float", "bool", "null"))}
_BAD_ALIAS = "bad alias"


@dataclass
class Tree:
    """Data, where each part of it stands, and what is wrong with how it is written."""

    source: str
    text: str = ""
    data: Any = None
    keys: dict[KeyPath, Location] = field(default_factory=dict)
    """Where the key (or the list's dash) of a path stands."""
    values: dict[KeyPath, Location] = field(default_factory=dict)
    """Where its value stands."""
    problems: list[Problem] = field(default_factory=list)
    cut: bool = False
    """The text could not be read to its end; what stands before that is here."""

    def key_location(self, path: KeyPath) -> Location:
        """Where the key of `path` stands, or the nearest section above it that stands anywhere."""
        return _nearest(self.keys, path)

    def value_location(self, path: KeyPath) -> Location:
        """The same for its value."""
        return _nearest(self.values, path)

    def written(self, path: KeyPath) -> str:
        """The value of `path` as the file spells it; empty where it is not in the file."""
        location = self.values.get(path)
        return self.text[location.start : location.end] if location is not None and location.line is not None else ""

    def edit_value(self, path: KeyPath, text: str) -> tuple[Edit, ...]:
        """The edit that writes another value at `path`, if its value stands in the file."""
        return _edit(self.values.get(path), text)

    def edit_key(self, path: KeyPath, key: str) -> tuple[Edit, ...]:
        """The edit that gives the value at `path` another key, if it stands in the file and that key is free."""
        return () if (*path[:-1], key) in self.values else _edit(self.keys.get(path), key)

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
        _move(self.keys, other.keys, path)
        _move(self.values, other.values, path)
        return None


def read_tree(text: str, source: str, in_file: bool = True) -> Tree:
    """The tree of one YAML document; raises nothing for any text. Without `in_file`, locations have no lines."""
    reader = _Reader(Tree(source, text), in_file)
    reader.read()
    return reader.tree


def _nearest(locations: Mapping[KeyPath, Location], path: KeyPath) -> Location:
    return next(locations[path[:end]] for end in range(len(path), -1, -1) if path[:end] in locations)


def _edit(location: Location | None, text: str) -> tuple[Edit, ...]:
    return (Edit(location.start, location.end, text),) if location is not None and location.end > location.start else ()


def _move(mine: dict[KeyPath, Location], theirs: dict[KeyPath, Location], path: KeyPath) -> None:
    for old in [known for known in mine if known[: len(path)] == path]:
        del mine[old]
    mine.update({path + below: entry for below, entry in theirs.items()})


class _LimitError(Exception):
    """Reading further makes no sense: `mark` is where the limit is passed."""

    def __init__(self, message: str, mark: yaml.Mark) -> None:
        super().__init__(message)
        self.mark = mark


class _Composer(yaml.SafeLoader):
    """Nodes with the tags that are written, empty where there is none; a wrong alias is a node that says why."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._open: list[str | None] = []

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: bool | tuple[bool, bool]) -> str:
        return ""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor: str | None = event.anchor
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            if anchor in self.anchors and anchor not in self._open:
                return self.anchors[anchor]
            reason = "stands inside what it names" if anchor in self._open else "names no anchor above it"
            message = f"alias {quote(f'*{anchor}')} {reason}"
            return yaml.ScalarNode(_BAD_ALIAS, message, event.start_mark, event.end_mark)  # type: ignore[arg-type]
        if len(self._open) >= MOST_DEPTH:
            raise _LimitError(f"nested more than {MOST_DEPTH} levels deep", event.start_mark)
        if anchor is not None:
            self.anchors.pop(anchor, None)
        self._open.append(anchor)
        node = super().compose_node(parent, index)
        self._open.pop()
        return node


class _Reader:
    def __init__(self, tree: Tree, in_file: bool) -> None:
        self.tree = tree
        self._in_file = in_file
        self._left = MOST_VALUES

    def read(self) -> None:
        try:
            root = self._composed()
            if root is not None:
                self.tree.data = self._unfold(root, ())
        except _LimitError as error:
            self._wrong(self._line(error.mark.line), str(error))

    def _composed(self) -> yaml.Node | None:
        loader = None
        try:
            loader = _Composer(self.tree.text)
            return loader.get_single_node()
        except yaml.reader.ReaderError as error:
            line = self.tree.text.count("\n", 0, error.position)
            self._wrong(self._line(line), f"character U+{error.character:04X} cannot stand in YAML")
        except (ValueError, OverflowError):
            # The scanner turns escapes and version numbers into characters and numbers without a check.
            line = loader.get_mark().line if loader is not None else 0
            self._wrong(self._line(line), "not YAML: an escape or number is out of range")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._wrong(self._line(mark.line if mark is not None else 0), _syntax_message(error))
            self.tree.cut = True
            return self._before(mark.line) if mark is not None else None
        return None

    def _before(self, end: int) -> yaml.Node | None:
        """What stands in the lines before `end`, and before whatever is left open there."""
        lines = self.tree.text.splitlines(keepends=True)
        for _ in range(_MOST_CUTS):
            try:
                return _Composer("".join(lines[:end])).get_single_node()
            except yaml.MarkedYAMLError as error:
                mark = error.context_mark or error.problem_mark
                end = min(end - 1, mark.line if mark is not None else 0)
            except (ValueError, OverflowError):
                break
        return None

    def _unfold(self, node: yaml.Node, path: KeyPath) -> Any:
        self._spend(node)
        if len(path) > MOST_DEPTH:
            raise _LimitError(f"nested more than {MOST_DEPTH} levels deep", node.start_mark)
        location = self._location(node)
        self.tree.values[path] = location
        self.tree.keys.setdefault(path, location)
        if node.tag == _BAD_ALIAS:
            self._wrong(location, node.value, path)
            return None
        if node.tag not in _PLAIN_TAGS:
            tag = node.tag.replace(_YAML, "!!", 1)
            reason = "would run code and is refused" if "python" in tag else "is not needed and not known here"
            self._wrong(location, f"tag {quote(tag)} {reason}; write the plain value", path)
        if isinstance(node, yaml.SequenceNode):
            return [self._unfold(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            result: dict[str, Any] = {}
            for word, (key, value) in self._entries(node, path).items():
                self.tree.keys[(*path, word)] = self._location(key)
                result[word] = self._unfold(value, (*path, word))
            return result
        return self._scalar(node, path)

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        text: str = node.value
        if _half_characters(text):
            self._wrong(self._location(node), "half a surrogate pair is no character", path)
            return ""
        # A quoted word, or one tagged as text, is text; !!float 1e-4 is the word after it.
        if node.tag == _TEXT_TAG or (not node.tag and node.style is not None):  # type: ignore[attr-defined]
            return text
        return read_word(text)[0]

    def _entries(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Keys with their values, those that `<<` brings in last and only where the section has none itself."""
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            self._spend(key)
            word = key.value
            if not isinstance(key, yaml.ScalarNode) or key.tag == _BAD_ALIAS:
                self._wrong(self._location(key), "a key must be a word", path)
            elif word == "<<" and key.style is None:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif _half_characters(word):
                self._wrong(self._location(key), "half a surrogate pair is no character", path)
            elif word in own:
                first = self._location(own[word][0]).line
                known = f" (first on line {first})" if first is not None else ""
                self._wrong(self._location(key), f"the key stands here a second time{known}", (*path, word))
            else:
                own[word] = (key, value)
        for base in merged:
            if isinstance(base, yaml.MappingNode):
                own = {**self._entries(base, path), **own}
            else:
                wrong = base.value if base.tag == _BAD_ALIAS else "<< merges sections only"
                self._wrong(self._location(base), wrong, path)
        return own

    def _spend(self, node: yaml.Node) -> None:
        self._left -= 1
        if self._left < 0:
            message = f"more than {MOST_VALUES} values, aliases counted as often as they are used"
            raise _LimitError(message, node.start_mark)

    def _location(self, node: yaml.Node) -> Location:
        if not self._in_file:
            return Location(self.tree.source)
        return Location(self.tree.source, node.start_mark.line + 1, node.start_mark.index, node.end_mark.index)

    def _line(self, line: int) -> Location:
        return Location(self.tree.source, line + 1 if self._in_file else None)

    def _wrong(self, location: Location, message: str, path: KeyPath = ()) -> None:
        self.tree.problems.append(Problem(path, message, location))


def _half_characters(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    if error.context == "expected a single document in the stream":
        return "a second document starts here; an option file is one"
    parts = [error.problem or "cannot be read"]
    if error.context:
        parts.append(error.context)
        started, ended = error.context_mark, error.problem_mark
        if started is not None and ended is not None and started.line != ended.line:
            parts[-1] += f" from line {started.line + 1}"
    return f"not YAML: {' '.join(parts)}"
