"""Errors of the schema's validation as problems: what is wrong, where, and what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from refsr.core.errors import nearest
from refsr.core.options.problems import Edit, KeyPath, Problem, quote
from refsr.core.options.scalars import narrowed, read_word, wide_characters
from refsr.core.options.section import keys_of, pattern
from refsr.core.options.yaml_tree import Tree

_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "dict": "a section of keys",
    "model": "a section of keys",
}
"""What is wanted where an error's type begins so and says nothing more than that the value's type is wrong."""
_WRONG_TYPE = re.compile(rf"({'|'.join(_WANTED)})(_attributes)?_(type|from_float|parsing|parsing_size)")
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


_SYNONYMS = {"dataroot_HR": "dataroot_GT", "dataroot_LR": "dataroot_LQ", "dataroot_LR_UX4": "dataroot_LQ_UX4"}
"""Keys that people expect from the names of folders, and those that published files have."""


class SchemaErrors:
    """Turns the errors of one validation into problems with locations and edits."""

    def __init__(self, tree: Tree, schema: type[BaseModel], below: KeyPath = ()) -> None:
        self._tree = tree
        self._schema = schema
        self._keys = keys_of(schema)
        self._below = below
        """Where the validated data stand in the file: a network's section, whose schema is its constructor."""

    def slips(self, errors: Sequence[ErrorDetails]) -> set[KeyPath]:
        """The known keys that unknown ones most likely stand for."""
        meant = (self._meant(error["loc"]) for error in errors if error["type"] == "extra_forbidden")
        return {path for path in meant if path is not None}

    def problems(self, errors: Sequence[ErrorDetails]) -> list[Problem]:
        """The problems behind errors."""
        # A slip in a key is one problem, not an unknown key and a missing one; what is missing from a text that
        # breaks off may stand behind the break.
        slips = self.slips(errors)
        errors = _one_of_unions(errors)
        return [
            self._problem(error, self._below + error["loc"])
            for error in errors
            if error["type"] != "missing" or not (error["loc"] in slips or self._tree.cut)
        ]

    def _problem(self, error: ErrorDetails, path: KeyPath) -> Problem:
        if error["type"] == "extra_forbidden":
            return self._unknown(path, error["loc"])
        if error["type"] == "missing":
            return Problem(path, "is missing", self._tree.key_location(path))
        message, better = self._message(error, path)
        clear = error["type"] != "literal_error" or is_clear(error["input"], better, _choices(error))
        edits = self._tree.edit_value(path, better) if better is not None and clear else ()
        hint = f"; did you mean {better}?" if better is not None else ""
        return Problem(path, f"{message}{hint}", self._tree.value_location(path), edits)

    def _meant(self, loc: KeyPath) -> KeyPath | None:
        """The known key that an unknown one in the validated data most likely stands for."""
        known, key = self._known(loc), str(loc[-1])
        near = _SYNONYMS[key] if _SYNONYMS.get(key) in known else nearest(key, known)
        return (*loc[:-1], near) if near is not None else None

    def _known(self, loc: KeyPath) -> list[str]:
        """The keys of the section that the last key of `loc` stands in."""
        return [str(path[-1]) for path in self._keys if path[:-1] == pattern(loc, self._keys)[:-1]]

    def _unknown(self, path: KeyPath, loc: KeyPath) -> Problem:
        key, known = str(path[-1]), self._known(loc)
        meant = self._meant(loc)
        edits: tuple[Edit, ...] = ()
        hint = ""
        if meant is not None:
            near = str(meant[-1])
            hint = f"; did you mean {near!r}?"
            edits = self._tree.edit_key(path, near) if is_clear(key, near, known) else ()
        elif homes := [".".join(map(str, path[:-1])) for path in self._keys if path[-1] == key and path[:-1]]:
            hint = f"; it belongs under {' or '.join(homes)}"
        if self._below:
            hint += f" ({self._schema.__name__} has {', '.join(known) or 'no keyword'})"
        return Problem(path, f"unknown key{hint}", self._tree.key_location(path), edits)

    def _message(self, error: ErrorDetails, path: KeyPath) -> tuple[str, str | None]:
        """What is wrong with a value, and the value that was probably meant."""
        kind, value, context = error["type"], error["input"], error.get("ctx", {})
        if wrong_type := _WRONG_TYPE.fullmatch(kind):
            return self._wrong_type(wrong_type[1], value, path)
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
        if kind == "value_error":
            return str(context["error"]), None
        if kind == "string_too_short":
            return "is empty", None
        if kind == "string_pattern_mismatch":
            return f"{quote(value)} cannot be a name of a folder", None
        return f"{quote(value)}: {error['msg'][:1].lower()}{error['msg'][1:]}", None

    def _wrong_type(self, kind: str, value: Any, path: KeyPath) -> tuple[str, str | None]:
        wanted = _WANTED[kind]
        if value is None:
            return f"has no value; it must be {wanted}", None
        remark = read_word(value)[1] if isinstance(value, str) else None
        if remark is not None and kind in ("int", "float", "bool") and remark.about_truth == (kind == "bool"):
            fits = remark.better is not None and ("," not in remark.better or isinstance(path[-1], int))
            return f"{quote(value)} {remark.reason}", remark.better if fits else None
        better = _better(kind, value, self._tree.written(path) or quote(value))
        if isinstance(value, str) and narrowed(value) != value:
            return f"{quote(value)} {wide_characters(value)}", better
        return f"{quote(value)} is not {wanted}", better


def _better(kind: str, value: Any, written: str) -> str | None:
    """How the value would be written if it had the wanted type, where that is beyond doubt."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "int" and isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if kind == "bool" and number and value in (0, 1) and isinstance(value, int):
        return str(bool(value)).lower()
    if kind in ("string", "path") and isinstance(value, (bool, int, float)):
        return f'"{written}"'
    if kind in ("int", "float", "bool") and isinstance(value, str):
        inner = type(read_word(value)[0])
        fits = {"int": inner is int, "float": inner in (int, float), "bool": inner is bool}
        return value if fits[kind] else None
    if kind == "list":
        return f"[{written}]" if number else _list_of_numbers(value) if isinstance(value, str) else None
    return None


def is_clear(word: object, near: str | None, known: Sequence[str]) -> bool:
    """Whether `near` is so much like `word`, and everything else known so much less, that nothing else can be meant."""
    if near is None or not isinstance(word, str):
        return False

    def likeness(candidate: str) -> float:
        return difflib.SequenceMatcher(None, word.lower(), candidate.lower()).ratio()

    others = max((likeness(candidate) for candidate in known if candidate != near), default=0.0)
    return likeness(near) >= 0.8 and others <= likeness(near) - 0.05


def _one_of_unions(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Each error at its key: where a key takes values of several types, only the error that lies deepest is kept."""
    found: dict[KeyPath, ErrorDetails] = {}
    unions = set()
    for error in errors:
        loc = tuple(part for part in error["loc"] if not (isinstance(part, str) and "[" in part))
        if loc != error["loc"]:
            unions.add(loc)
            error = {**error, "loc": loc}
        if loc not in found or not error["type"].endswith("_type"):
            found[loc] = error
    outer = {loc for loc in unions if any(other[: len(loc)] == loc != other for other in found)}
    return [error for loc, error in found.items() if loc not in outer]


def _choices(error: ErrorDetails) -> list[str]:
    return re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected")))


def _list_of_numbers(text: str) -> str | None:
    parts = [part.strip() for part in narrowed(text).strip("()[] ").split(",")]
    numbers = all(type(read_word(part)[0]) in (int, float) for part in parts)
    return f"[{', '.join(parts)}]" if numbers else None
