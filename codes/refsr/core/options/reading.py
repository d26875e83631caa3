"""YAML read by its events into a tree, with every mistake on the way.

Nothing is constructed but dicts, lists and plain values; depth, size and the growth of aliases are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from refsr.core.options.problems import Edit, KeyPath, Place, Problem, quote
from refsr.core.options.scalars import read_word
from refsr.core.options.tree import Tree

MOST_DEPTH = 24
MOST_VALUES = 20_000

_YAML = "tag:yaml.org,2002:"
_TEXT_TAGS = {"!", f"{_YAML}str"}
_PLAIN_TAGS = {*_TEXT_TAGS, *(f"{_YAML}{kind}" for kind in ("map", "seq", "int", "float", "bool", "null"))}


def read_tree(text: str, source: str, in_file: bool = True) -> Tree:
    """The tree of one YAML document; raises nothing for any text."""
    return _Reader(source, in_file).read(text)


@dataclass
class _Scalar:
    event: yaml.ScalarEvent
    wrong: str = ""
    """Why it stands for nothing."""


@dataclass
class _List:
    event: yaml.SequenceStartEvent
    items: list[_Node] = field(default_factory=list)


@dataclass
class _Mapping:
    event: yaml.MappingStartEvent
    entries: list[tuple[_Node, _Node]] = field(default_factory=list)
    open_key: _Node | None = None
    """The key whose value is being read."""


_Node = _Scalar | _List | _Mapping


class _GiveUpError(Exception):
    """Reading further makes no sense; the problem is noted."""


class _Reader:
    def __init__(self, source: str, in_file: bool) -> None:
        self._source = source
        self._in_file = in_file
        self._tree = Tree()
        self._anchors: dict[str, _Node | None] = {}
        self._open: list[_List | _Mapping] = []
        self._left = MOST_VALUES

    def read(self, text: str) -> Tree:
        try:
            root = self._document(self._events(text))
            if root is not None:
                self._tree.data = self._unfold(root, ())
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self._wrong(self._at_line(line), f"character U+{error.character:04X} cannot stand in YAML")
        except _GiveUpError:
            pass
        return self._tree

    def _events(self, text: str) -> Iterator[yaml.Event]:
        loader = yaml.SafeLoader(text)
        try:
            while loader.check_event():
                yield loader.get_event()  # type: ignore[no-untyped-call]
        except (ValueError, OverflowError) as error:
            # The scanner turns escapes and version numbers into characters and numbers without a check.
            self._wrong(self._at_line(loader.get_mark().line + 1), "not YAML: an escape or number is out of range")
            raise _GiveUpError from error
        finally:
            loader.dispose()

    def _document(self, events: Iterator[yaml.Event]) -> _Node | None:
        root: _Node | None = None
        documents = 0
        try:
            for event in events:
                documents += isinstance(event, yaml.DocumentStartEvent)
                if documents > 1:
                    self._wrong(self._place(event), "a second document starts here; an option file is one")
                    self._tree.cut = True
                    return root
                if isinstance(event, yaml.NodeEvent):
                    root = self._node(event, events, 1)
        except yaml.MarkedYAMLError as error:
            self._wrong(self._syntax_place(error), _syntax_message(error))
            self._tree.cut = True
            return root or self._salvaged()
        return root

    def _salvaged(self) -> _Node | None:
        """What was read before the text broke off; a list or section in brackets is dropped, it may have no end."""
        while len(self._open) > 1:
            inner, outer = self._open.pop(), self._open[-1]
            if inner.event.flow_style:
                continue
            if isinstance(outer, _List):
                outer.items.append(inner)
            elif outer.open_key is not None:
                outer.entries.append((outer.open_key, inner))
        return self._open[0] if self._open else None

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> _Node:
        if depth > MOST_DEPTH:
            self._wrong(self._place(event), f"nested more than {MOST_DEPTH} levels deep")
            raise _GiveUpError
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._spend(event)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None
        node: _Node
        if isinstance(event, yaml.ScalarEvent):
            node = _Scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = _List(event)
            self._open.append(node)
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                node.items.append(self._node(inner, events, depth + 1))
            self._open.pop()
        else:
            assert isinstance(event, yaml.MappingStartEvent)
            node = _Mapping(event)
            self._open.append(node)
            while not isinstance(inner := next(events), yaml.MappingEndEvent):
                node.open_key = None
                key = self._node(inner, events, depth + 1)
                node.open_key = key
                node.entries.append((key, self._node(next(events), events, depth + 1)))
            self._open.pop()
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> _Node:
        name = event.anchor or ""
        node = self._anchors.get(name)
        if node is None:
            unfinished = name in self._anchors
            reason = "stands inside what it names" if unfinished else "names no anchor above it"
            nothing = yaml.ScalarEvent(None, None, (True, False), "", event.start_mark, event.end_mark)
            return _Scalar(nothing, wrong=f"alias {quote('*' + name)} {reason}")
        return node

    def _check_tag(self, event: yaml.Event, path: KeyPath) -> None:
        tag = getattr(event, "tag", None)
        if tag is None or tag in _PLAIN_TAGS:
            return
        short = tag.replace(_YAML, "!!", 1)
        reason = "would run code and is refused" if "python" in short else "is not needed and not known here"
        self._wrong(self._place(event), f"tag {quote(short)} {reason}; write the plain value", path)

    def _spend(self, event: yaml.Event) -> None:
        self._left -= 1
        if self._left < 0:
            self._wrong(
                self._place(event), f"more than {MOST_VALUES} values, aliases counted as often as they are used"
            )
            raise _GiveUpError

    def _unfold(self, node: _Node, path: KeyPath) -> Any:
        self._spend(node.event)
        if len(path) > MOST_DEPTH:
            self._wrong(self._place(node.event), f"nested more than {MOST_DEPTH} levels deep")
            raise _GiveUpError
        self._check_tag(node.event, path)
        if isinstance(node, _Scalar) and node.wrong:
            self._wrong(self._place(node.event), node.wrong, path)
        self._tree.values[path] = self._place(node.event)
        self._tree.keys.setdefault(path, self._tree.values[path])
        if isinstance(node, _Scalar):
            return self._scalar(node.event, path)
        if isinstance(node, _List):
            return [self._unfold(item, (*path, index)) for index, item in enumerate(node.items)]
        return self._mapping(node, path)

    def _scalar(self, event: yaml.ScalarEvent, path: KeyPath) -> Any:
        text = event.value
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            self._wrong(self._place(event), "half a surrogate pair is no character", path)
            return ""
        # A quoted word, or one tagged as text, is text; !!float 1e-4 is the word after it.
        if event.tag in _TEXT_TAGS or (event.tag is None and event.style is not None):
            return text
        value, remark = read_word(text)
        if remark is not None:
            self._tree.remarks[path] = remark
        return value

    def _mapping(self, node: _Mapping, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for word, (key, value) in self._entries(node, path).items():
            self._tree.keys[(*path, word)] = self._place(key)
            result[word] = self._unfold(value, (*path, word))
        return result

    def _entries(self, node: _Mapping, path: KeyPath) -> dict[str, tuple[yaml.ScalarEvent, _Node]]:
        """Keys with their values, those that `<<` brings in last and only where the section has none itself."""
        own: dict[str, tuple[yaml.ScalarEvent, _Node]] = {}
        merged: list[_Node] = []
        for key, value in node.entries:
            self._spend(key.event)
            word = key.event.value if isinstance(key, _Scalar) else ""
            if not isinstance(key, _Scalar):
                self._wrong(self._place(key.event), "a key must be a word", path)
            elif word == "<<" and key.event.style is None:
                merged += value.items if isinstance(value, _List) else [value]
            elif any("\ud800" <= letter <= "\udfff" for letter in word):
                self._wrong(self._place(key.event), "half a surrogate pair is no character", path)
            elif word in own:
                first = self._place(own[word][0]).line
                known = f" (first on line {first})" if first is not None else ""
                self._wrong(self._place(key.event), f"the key stands here a second time{known}", (*path, word))
            else:
                own[word] = (key.event, value)
        for base in merged:
            if isinstance(base, _Mapping):
                own = {**self._entries(base, path), **own}
            else:
                wrong = base.wrong if isinstance(base, _Scalar) else ""
                self._wrong(self._place(base.event), wrong or "<< merges sections only", path)
        return own

    def _place(self, event: yaml.Event) -> Place:
        start, end = event.start_mark, event.end_mark
        if not self._in_file or start is None or end is None:
            return Place(self._source)
        return Place(self._source, start.line + 1, start.index, end.index)

    def _at_line(self, line: int) -> Place:
        return Place(self._source, line if self._in_file else None)

    def _syntax_place(self, error: yaml.MarkedYAMLError) -> Place:
        mark = error.problem_mark or error.context_mark
        return self._at_line(mark.line + 1 if mark is not None else 1)

    def _wrong(self, place: Place, message: str, path: KeyPath = (), *edits: Edit) -> None:
        self._tree.problems.append(Problem(place, path, message, edits))


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    parts = [error.problem or "cannot be read"]
    if error.context:
        parts.append(error.context)
        started, ended = error.context_mark, error.problem_mark
        if started is not None and ended is not None and started.line != ended.line:
            parts[-1] += f" from line {started.line + 1}"
    return f"not YAML: {' '.join(parts)}"
