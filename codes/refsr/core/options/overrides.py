"""`key=value` overrides of a command line: over what a file says, or for one section without a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refsr.core.errors import OptionsError
from refsr.core.options.problems import KeyPath, Location, Problem, key_text, quote
from refsr.core.options.yaml_tree import Tree, read_tree

SOURCE = "command line"


def apply_overrides(tree: Tree, overrides: Sequence[str], example: str) -> tuple[list[KeyPath], list[Problem]]:
    """Grafts each override onto the tree; returns the keys that were set, and what is wrong with the overrides."""
    given: list[KeyPath] = []
    problems: list[Problem] = []
    for override in overrides:
        key, equals, value = override.partition("=")
        path: KeyPath = tuple(key.strip().split("."))
        if not equals or not all(path):
            problems.append(_problem((), f"{quote(override)} is not of the form key=value, such as {example}"))
            continue
        try:
            key.encode()
        except UnicodeEncodeError:
            problems.append(_problem((), f"{quote(override)} is not UTF-8"))
            continue
        branch = read_tree(value, SOURCE, in_file=False)
        if branch.problems:
            problems += [_problem(path + found.path, found.message) for found in branch.problems]
            continue
        branch.keys[()] = branch.values.setdefault((), Location(SOURCE))
        blocked = tree.graft_at(path, branch)
        if blocked is not None:
            problems.append(_problem(path, f"{key_text(blocked)} is no section, so it has no key below it"))
            continue
        given.append(path)
    return given, problems


def override_values(overrides: Sequence[str], example: str) -> dict[str, Any]:
    """Overrides of one section, such as steps=12, as its keys and values; an OptionsError with all that is wrong."""
    tree = Tree(SOURCE, data={})
    _, problems = apply_overrides(tree, overrides, example)
    if problems:
        raise OptionsError(problems)
    values: dict[str, Any] = tree.data
    return values


def _problem(path: KeyPath, message: str) -> Problem:
    return Problem(path, message, Location(SOURCE))
