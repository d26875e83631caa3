"""`key=value` words of a command line, put over what a file says."""

from __future__ import annotations

from collections.abc import Sequence

from refsr.core.options.problems import KeyPath, Place, Problem, key_text, quote
from refsr.core.options.reading import read_tree
from refsr.core.options.tree import Tree

SOURCE = "command line"


def apply_overrides(tree: Tree, overrides: Sequence[str]) -> tuple[list[KeyPath], list[Problem]]:
    """Grafts each word onto the tree; returns the keys that were set, and what is wrong with the words."""
    given: list[KeyPath] = []
    problems: list[Problem] = []
    for word in overrides:
        key, equals, value = word.partition("=")
        path: KeyPath = tuple(key.strip().split("."))
        if not equals or not all(path):
            problems.append(
                Problem(Place(SOURCE), (), f"{quote(word)} is not of the form key=value, such as train.lr_G=1e-4")
            )
            continue
        try:
            key.encode()
        except UnicodeEncodeError:
            problems.append(Problem(Place(SOURCE), (), f"{quote(word)} is not UTF-8"))
            continue
        branch = read_tree(value, SOURCE, in_file=False)
        if branch.problems:
            problems += [Problem(found.place, path + found.path, found.message) for found in branch.problems]
            continue
        branch.keys[()] = branch.values.setdefault((), Place(SOURCE))
        blocked = tree.graft_at(path, branch)
        if blocked is not None:
            message = f"{key_text(blocked)} is no section, so it has no key below it"
            problems.append(Problem(Place(SOURCE), path, message))
            continue
        given.append(path)
    return given, problems
