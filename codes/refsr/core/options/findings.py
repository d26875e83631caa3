"""What the schema's validation finds, in words for the reader: what is wrong and what was probably meant."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from refsr.core.errors import nearest
from refsr.core.options.problems import Edit, KeyPath, Place, Problem, quote
from refsr.core.options.scalars import narrowed, read_word, wide_characters
from refsr.core.options.section import fields_of
from refsr.core.options.tree import Tree

_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a section of keys",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


class Finder:
    """Turns errors of one validation into problems with places and edits."""

    def __init__(self, tree: Tree, text: str, schema: type[BaseModel]) -> None:
        self._tree = tree
        self._text = text
        self._schema = schema

    def problems(self, errors: Sequence[ErrorDetails], below: KeyPath = ()) -> list[Problem]:
        """The problems behind errors; `below` is where the validated data stand in the file."""
        # A slip in a key is told once, not as an unknown key and a missing one; what is missing from a text that
        # breaks off may stand behind the break.
        slips = {self._meant(error["loc"]) for error in errors if error["type"] == "extra_forbidden"}
        told = [
            error for error in errors if error["type"] != "missing" or not (error["loc"] in slips or self._tree.cut)
        ]
        return [self._problem(error, below) for error in told]

    def _problem(self, error: ErrorDetails, below: KeyPath) -> Problem:
        path = below + error["loc"]
        if error["type"] == "extra_forbidden":
            return self._unknown(path, error["loc"])
        if error["type"] == "missing":
            return Problem(self.place(path), path, "is missing")
        message, better = self._words(error, path)
        doubtful = error["type"] == "literal_error" and not is_clear(error["input"], better, _choices(error))
        edits = () if better is None or doubtful else self.new_value(path, better)
        hint = f"; did you mean {better}?" if better is not None else ""
        return Problem(self.value_place(path), path, f"{message}{hint}", edits)

    def place(self, path: KeyPath) -> Place:
        """Where the key of `path` stands, or the nearest section above it that stands anywhere."""
        return self._nearest_place(self._tree.keys, path)

    def value_place(self, path: KeyPath) -> Place:
        """The same for its value."""
        return self._nearest_place(self._tree.values, path)

    @staticmethod
    def _nearest_place(places: Mapping[KeyPath, Place], path: KeyPath) -> Place:
        return next(places[path[:end]] for end in range(len(path), -1, -1) if path[:end] in places)

    def _meant(self, loc: KeyPath) -> KeyPath | None:
        """The known key that an unknown one in the validated data most likely stands for."""
        near = nearest(str(loc[-1]), self._known(loc))
        return (*loc[:-1], near) if near is not None else None

    def _known(self, loc: KeyPath) -> list[str]:
        section = section_at(self._schema, loc[:-1])
        return list(fields_of(section)) if section is not None else []

    def _unknown(self, path: KeyPath, loc: KeyPath) -> Problem:
        key = str(path[-1])
        meant = self._meant(loc)
        near = str(meant[-1]) if meant is not None else None
        homes = [".".join(map(str, home)) for home in sections_with(self._schema, key)]
        edits: tuple[Edit, ...] = ()
        if near is not None:
            hint = f"; did you mean {near!r}?"
            edits = self.new_key(path, near) if is_clear(key, near, self._known(loc)) else ()
        else:
            hint = f"; it belongs under {' or '.join(homes) or 'the top level'}" if homes else ""
        return Problem(self.place(path), path, f"unknown key{hint}", edits)

    def _words(self, error: ErrorDetails, path: KeyPath) -> tuple[str, str | None]:
        kind, value, context = error["type"], error["input"], error.get("ctx", {})
        if kind in _WANTED:
            return self._wrong_type(kind, value, path)
        if kind in _BOUNDS:
            key, words = _BOUNDS[kind]
            return f"{quote(value)} is out of range: it must be {words} {context[key]:g}", None
        if kind == "literal_error":
            choices = _choices(error)
            near = nearest(value, choices) if isinstance(value, str) else None
            return f"{quote(value)} is not one of {', '.join(choices) or context['expected']}", near
        if kind == "finite_number":
            return f"{quote(value)} is not a finite number", None
        if kind in ("too_short", "too_long"):
            bound = "at least" if kind == "too_short" else "at most"
            length = context.get("min_length", context.get("max_length"))
            return f"has length {context['actual_length']}; it must be {bound} {length}", None
        if kind == "string_too_short":
            return "is empty", None
        if kind == "string_pattern_mismatch":
            return f"{quote(value)} cannot be a name of a folder", None
        return f"{quote(value)}: {error['msg'][:1].lower()}{error['msg'][1:]}", None

    def _wrong_type(self, kind: str, value: Any, path: KeyPath) -> tuple[str, str | None]:
        wanted = _WANTED[kind]
        if value is None:
            return f"has no value; it must be {wanted}", None
        remark = self._tree.remarks.get(path)
        number = kind.startswith(("int", "float"))
        if remark is not None and (number or kind == "bool_type") and remark.about_truth == (kind == "bool_type"):
            fits = remark.better is not None and ("," not in remark.better or isinstance(path[-1], int))
            return f"{quote(value)} {remark.reason}", remark.better if fits else None
        better = self._better(kind, value, path)
        if isinstance(value, str) and narrowed(value) != value:
            return f"{quote(value)} {wide_characters(value)}", better
        return f"{quote(value)} is not {wanted}", better

    def _better(self, kind: str, value: Any, path: KeyPath) -> str | None:
        """How the value would be written if it had the wanted type, where that is beyond doubt."""
        raw = self._raw(path, value)
        if kind.startswith("int") and isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        if kind == "bool_type" and type(value) is int and value in (0, 1):
            return str(bool(value)).lower()
        if kind in ("string_type", "path_type") and isinstance(value, (bool, int, float)):
            return f'"{raw}"'
        if isinstance(value, str) and kind.startswith(("int", "float", "bool")):
            inner, _ = read_word(value)
            fits = type(inner) is bool if kind == "bool_type" else type(inner) in (int, float)
            return value if fits and (type(inner) is int or not kind.startswith("int")) else None
        if kind == "list_type" and isinstance(value, (int, float)) and not isinstance(value, bool):
            return f"[{raw}]"
        if kind == "list_type" and isinstance(value, str):
            return _list_of_numbers(value)
        return None

    def _raw(self, path: KeyPath, value: Any) -> str:
        place = self._tree.values.get(path)
        written = self._text[place.start : place.end] if place is not None and place.line is not None else ""
        return written or quote(value)

    def new_value(self, path: KeyPath, text: str) -> tuple[Edit, ...]:
        """The edit that writes another value at `path`, if its value stands in the file."""
        return self._edit(self._tree.values.get(path), text)

    def new_key(self, path: KeyPath, key: str) -> tuple[Edit, ...]:
        """The edit that gives the value at `path` another key, if it stands in the file and that key is free."""
        taken = (*path[:-1], key) in self._tree.values
        return () if taken else self._edit(self._tree.keys.get(path), key)

    @staticmethod
    def _edit(place: Place | None, text: str) -> tuple[Edit, ...]:
        return (Edit(place.start, place.end, text),) if place is not None and place.end > place.start else ()


def is_clear(word: object, near: str | None, known: Sequence[str]) -> bool:
    """Whether `near` is so much like `word`, and everything else known so much less, that nothing else can be meant."""
    if near is None or not isinstance(word, str):
        return False

    def likeness(candidate: str) -> float:
        return difflib.SequenceMatcher(None, word.lower(), candidate.lower()).ratio()

    others = max((likeness(candidate) for candidate in known if candidate != near), default=0.0)
    return likeness(near) >= 0.8 and others <= likeness(near) - 0.05


def _choices(error: ErrorDetails) -> list[str]:
    return re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected")))


def _list_of_numbers(text: str) -> str | None:
    parts = [part.strip() for part in narrowed(text).strip("()[] ").split(",")]
    numbers = all(type(read_word(part)[0]) in (int, float) for part in parts)
    return f"[{', '.join(parts)}]" if numbers else None


def section_at(schema: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """The section's class that `path` leads to, from the root of a schema."""
    found: Any = schema
    for part in path:
        if isinstance(found, type) and issubclass(found, BaseModel):
            field = fields_of(found).get(str(part))
            found = _inner(field.annotation) if field is not None else None
        elif typing.get_origin(found) is dict:
            found = typing.get_args(found)[1]
        else:
            return None
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _inner(annotation: Any) -> Any:
    """An annotation without its `| None`."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    return annotation


def sections_with(schema: type[BaseModel], key: str, at: KeyPath = ()) -> list[KeyPath]:
    """The paths of all sections below the root that know `key`."""
    found = [at] if key in fields_of(schema) and at else []
    for name, field in fields_of(schema).items():
        inner = _inner(field.annotation)
        if typing.get_origin(inner) is dict:
            inner, name = typing.get_args(inner)[1], f"{name}.*"
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += sections_with(inner, key, (*at, name))
    return found
