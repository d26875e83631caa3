"""From a file and key=value overrides to Options, or to every mistake in them at once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from refsr.core.errors import OptionsError, RefsrError, nearest
from refsr.core.options.checks import contradictions, missing_paths, notices
from refsr.core.options.network import NetworkOptions
from refsr.core.options.network_keys import check_keywords, keyword_schema
from refsr.core.options.overrides import apply_overrides
from refsr.core.options.problems import KeyPath, Location, Problem, quote
from refsr.core.options.scalars import narrowed, wide_characters
from refsr.core.options.schema import Options
from refsr.core.options.schema_errors import SchemaErrors, is_clear
from refsr.core.options.section import fields_of, has_no_effect, keys_of, pattern
from refsr.core.options.source import read_source, straighten
from refsr.core.options.yaml_tree import Tree, read_tree
from refsr.core.registry import Kind, names
from refsr.core.user_modules import import_module

logger = logging.getLogger(__name__)

# What a run whose name contains `debug` does, as in the published code; overrides still win.
_DEBUG: dict[KeyPath, int | bool | list[str]] = {
    ("train", "val_freq"): 8,
    ("logger", "print_freq"): 1,
    ("logger", "save_checkpoint_freq"): 8,
    ("logger", "trackers"): [],
    ("use_tb_logger",): False,
}
_KEYS = keys_of(Options)
_EXAMPLE = "train.lr_G=1e-4"
_MOST_ROUNDS = 8

# Nobody knows how wide a tab was meant to be: the width that leaves the fewest mistakes is taken.
_TAB_WIDTHS = (2, 4, 8)


@dataclass(frozen=True)
class Examined:
    """What came of a file: options if there are no problems; notices either way."""

    options: Options | None
    problems: tuple[Problem, ...]
    notices: tuple[Problem, ...]
    text: str


def load_options(path: str | Path, overrides: Sequence[str] = (), *, paths: bool = False) -> Options:
    """The options in a file with `key=value` overrides; `paths` asks that named files and folders be there."""
    examined = examine(path, overrides, paths=paths)
    if examined.options is None:
        raise OptionsError(examined.problems)
    for notice in examined.notices:
        logger.info("%s", notice)
    return examined.options


def examine(path: str | Path, overrides: Sequence[str] = (), *, paths: bool = False) -> Examined:
    """Reads and checks an option file as `load_options` does, and returns what it finds."""
    text, unreadable = read_source(Path(path))
    if unreadable is not None:
        return Examined(None, (unreadable,), (), text)
    return examine_text(text, str(path), overrides, paths=paths)


def examine_text(text: str, source: str, overrides: Sequence[str] = (), *, paths: bool = False) -> Examined:
    """The same for a text that is called `source` in messages."""
    widths = _TAB_WIDTHS if "\t" in text else _TAB_WIDTHS[:1]
    found = [_examine(text, source, overrides, paths, width) for width in widths]
    return min(found, key=lambda examined: len(examined.problems))


def _examine(text: str, source: str, overrides: Sequence[str], paths: bool, tab_width: int) -> Examined:
    straight, layout = straighten(text, source, tab_width)
    examination = _Examination(read_tree(straight, source))
    options = examination.run(overrides, paths)

    def order(problem: Problem) -> tuple[bool, int]:
        """In the order of the file, the command line last."""
        return problem.location.source != source, problem.location.line or 0

    problems = examination.problems
    if layout:
        # Edits count characters of the straightened text, so they wait until the layout is right.
        problems = [*layout, *(replace(problem, edits=()) for problem in problems)]
    problems = sorted(dict.fromkeys(problems), key=order)
    return Examined(None if problems else options, tuple(problems), tuple(sorted(examination.notices, key=order)), text)


class _Examination:
    """One file on its way; problems gather until nothing more can be said."""

    def __init__(self, tree: Tree) -> None:
        self.problems = [_with_wide_hint(problem, tree.text) for problem in tree.problems]
        self.notices: list[Problem] = []
        self._tree = tree
        self._wrong = {problem.path for problem in tree.problems if problem.path}
        """Keys that have a mistake; what is said of others that depend on them waits until they are right."""

    def run(self, overrides: Sequence[str], paths: bool) -> Options | None:
        tree, start = self._tree, Location(self._tree.source, 1)
        if not isinstance(tree.data, dict):
            if all(problem.path for problem in tree.problems):
                empty = tree.data is None
                message = "the file is empty" if empty else "an option file is a section of keys, `key: value`"
                self.problems.append(Problem((), message, start))
            return None
        tree.keys[()] = tree.values[()] = start
        given, mistakes = apply_overrides(tree, overrides, _EXAMPLE)
        self.problems += mistakes
        self._apply_debug(given)
        imports = self._import_modules()
        self._drop_idle_scale()
        options = self._validated()
        if options is None:
            return None
        options = self._with_names(options.model_copy(update={"imports": imports}))
        if not tree.cut:
            self.problems += self._placed(contradictions(options))
        if paths:
            self.problems += self._placed(missing_paths(options))
        self.notices += [*self._placed(notices(options)), *self._idle_keys()]
        return options

    def _apply_debug(self, given: Iterable[KeyPath]) -> None:
        name = self._tree.data.get("name")
        if not isinstance(name, str) or "debug" not in name:
            return
        place = self._tree.key_location(("name",))
        self.notices.append(
            Problem(("name",), "contains debug: validates and saves every 8 iterations, no curves", place)
        )
        for path, value in _DEBUG.items():
            if path not in given and (path[0] != "train" or isinstance(self._tree.data.get("train"), dict)):
                self._tree.graft_at(path, Tree(place.source, data=value, keys={(): place}, values={(): place}))

    def _import_modules(self) -> list[str]:
        """Imports what `import:` lists, so that its names are known; returns it as it is found from everywhere."""
        words = self._tree.data.get("import")
        found = []
        for at, word in enumerate(words if isinstance(words, list) else []):
            if isinstance(word, str):
                try:
                    found.append(import_module(word, Path(self._tree.source).parent))
                except RefsrError as error:
                    path = ("import", at)
                    self.problems.append(Problem(path, str(error), self._tree.value_location(path)))
        return found

    def _drop_idle_scale(self) -> None:
        """Published files give network_G.scale, which does nothing unless the constructor knows it."""
        section = self._tree.data.get("network_G")
        if not isinstance(section, dict) or "scale" not in section:
            return
        name = section.get("which_model_G")
        if isinstance(name, str) and name in names("network") and "scale" in fields_of(keyword_schema(name)):
            return
        path = ("network_G", "scale")
        message = "does nothing: the top-level scale counts"
        self.notices.append(Problem(path, message, self._tree.key_location(path)))
        del section["scale"]

    def _validated(self) -> Options | None:
        """Options of what is right in the data; what is wrong is noted, and an example of a right value stands in."""
        data = self._tree.data
        unreadable = {problem.location.line for problem in self._tree.problems if not problem.path} - {None}
        for _ in range(_MOST_ROUNDS):
            try:
                return Options.model_validate_json(json.dumps(data), strict=True)
            except ValidationError as error:
                errors = error.errors(include_url=False)
            schema_errors = SchemaErrors(self._tree, Options)
            for problem in schema_errors.problems(errors):
                if self._can_be_checked(problem) and problem.location.line not in unreadable:
                    self.problems.append(problem)
            self._wrong |= schema_errors.slips(errors)
            for found in errors:
                path = found["loc"]
                path = path[: next((at for at, part in enumerate(path) if isinstance(part, int)), len(path))]
                self._wrong.add(path)
                data = _with_example(data, path) if path else {}
        return None

    def _with_names(self, options: Options) -> Options:
        """Checks the names of the task, data sets and networks, and the networks' keywords, which are filled in."""
        self._check_name("task", ("model",), options.model)
        for name, dataset in options.datasets.items():
            self._check_name("dataset", ("datasets", name, "mode"), dataset.mode)
        changed: dict[str, NetworkOptions] = {}
        for section in ("network_G", "network_D"):
            network: NetworkOptions | None = getattr(options, section)
            if network is None:
                continue
            key = next(iter(type(network).model_fields))
            written: str = getattr(network, key)
            if self._check_name("network", (section, key), written):
                parameters = self._check_keywords(section, network, options)
                changed[section] = type(network).model_validate({key: written, **parameters})
        return options.model_copy(update=changed)

    def _check_name(self, kind: Kind, path: KeyPath, name: str) -> bool:
        """Notes an unknown name; says whether it is known."""
        if self._is_wrong(path):
            return False
        known = names(kind)
        if name in known:
            return True
        near = nearest(name, known)
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(known)}"
        edits = self._tree.edit_value(path, near) if near and is_clear(name, near, known) else ()
        message = f"{kind} {quote(name)} is not known; {hint}"
        self.problems.append(Problem(path, message, self._tree.value_location(path), edits))
        self._wrong.add(path)
        return False

    def _check_keywords(self, section: str, network: NetworkOptions, options: Options) -> dict[str, Any]:
        try:
            schema = keyword_schema(network.which)
        except RefsrError as error:
            self.problems += self._placed([Problem((section,), str(error))])
            return network.parameters
        parameters = network.parameters
        if "scale" in fields_of(schema) and not self._is_wrong(("scale",)):
            given = parameters.setdefault("scale", options.scale)
            if given != options.scale:
                message = f"{given} differs from the top-level scale {options.scale}"
                self.problems += self._placed([Problem((section, "scale"), message)])
        resolved, errors = check_keywords(schema, parameters)
        self.problems += SchemaErrors(self._tree, schema, (section,)).problems(errors)
        return resolved

    def _idle_keys(self) -> Iterable[Problem]:
        for path, location in self._tree.keys.items():
            field = _KEYS.get(pattern(path, _KEYS))
            if field is not None and has_no_effect(field):
                yield Problem(path, f"does nothing: {field.description}", location)

    def _placed(self, problems: Iterable[Problem]) -> Iterable[Problem]:
        """The problems where they stand, without those that rest on a key that is wrong itself."""
        for problem in problems:
            if self._can_be_checked(problem):
                edits = self._tree.edit_key(problem.path, problem.meant_key) if problem.meant_key else ()
                yield replace(problem, location=self._tree.key_location(problem.path), edits=edits)

    def _can_be_checked(self, problem: Problem) -> bool:
        return not any(map(self._is_wrong, (problem.path, *problem.depends_on)))

    def _is_wrong(self, path: KeyPath) -> bool:
        return any(path[: len(wrong)] == wrong or wrong[: len(path)] == path for wrong in self._wrong)


def _with_wide_hint(problem: Problem, text: str) -> Problem:
    """Broken YAML with a word about characters of another width, where there are any near the break."""
    line = problem.location.line
    if problem.path or line is None or not problem.message.startswith("not YAML"):
        return problem
    around = "".join(text.splitlines()[max(0, line - 2) : line])
    if narrowed(around) == around:
        return problem
    return replace(problem, message=f"{problem.message}; a line here {wide_characters(around)}")


def _with_example(data: Any, path: KeyPath, at: int = 0) -> dict[str, Any]:
    """The data with an example of a right value at `path` where one is needed, else with nothing there."""
    result = dict(data) if isinstance(data, dict) else {}
    key = str(path[at])
    if at + 1 < len(path):
        result[key] = _with_example(result.get(key), path, at + 1)
        return result
    result.pop(key, None)
    field = _KEYS.get(pattern(path, _KEYS))
    if field is not None and field.is_required() and field.examples:
        result[key] = field.examples[0]
    return result
