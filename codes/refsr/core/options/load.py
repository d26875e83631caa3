"""From a file and key=value words to Options, or to every mistake in them at once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from refsr.core.errors import OptionsError, RefsrError, nearest
from refsr.core.options.contradictions import Finding, contradictions, notices
from refsr.core.options.findings import Finder, is_clear, section_at
from refsr.core.options.folders import missing_paths
from refsr.core.options.network import NetworkOptions
from refsr.core.options.network_keys import keywords
from refsr.core.options.overrides import apply_overrides
from refsr.core.options.problems import KeyPath, Place, Problem, quote
from refsr.core.options.reading import read_tree
from refsr.core.options.scalars import narrowed, wide_characters
from refsr.core.options.schema import Options
from refsr.core.options.section import NO_EFFECT, fields_of
from refsr.core.options.source import read_source, straighten
from refsr.core.options.tree import Tree
from refsr.core.registry import Kind, names
from refsr.core.user_modules import import_module

logger = logging.getLogger(__name__)

# What a run whose name contains `debug` does, as in the published code; key=value words still win.
_DEBUG: dict[KeyPath, int | bool] = {
    ("train", "val_freq"): 8,
    ("logger", "print_freq"): 1,
    ("logger", "save_checkpoint_freq"): 8,
    ("use_tb_logger",): False,
}


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
    readings = []
    for unit in _TAB_WIDTHS if "\t" in text else _TAB_WIDTHS[:1]:
        straight, layout = straighten(text, source, unit)
        tree = read_tree(straight, source)
        readings.append(_Examination(tree, straight, source).run(overrides, layout, paths).sorted(text))
    return min(readings, key=lambda reading: len(reading.problems))


class _Examination:
    """One file on its way; problems gather until nothing more can be said."""

    def __init__(self, tree: Tree, text: str, source: str) -> None:
        self._tree = tree
        self._text = text
        self._source = source
        self._finder = Finder(tree, text, Options)
        self._problems: list[Problem] = []
        self._notices: list[Problem] = []
        self._spoilt: set[KeyPath] = set()
        self._options: Options | None = None

    def run(self, overrides: Sequence[str], layout: list[Problem], paths: bool) -> _Examination:
        # Edits count characters of the straightened text, so they wait until the layout is right.
        self._text_is_straight = not layout
        broken = any(not problem.path for problem in self._tree.problems)
        self._problems += layout + [self._with_wide_hint(problem) for problem in self._tree.problems]
        if broken and not isinstance(self._tree.data, dict):
            return self
        if not isinstance(self._tree.data, dict):
            empty = self._tree.data is None
            message = "the file is empty" if empty else "an option file is a section of keys, `key: value`"
            self._problems.append(Problem(Place(self._source, 1), (), message))
            return self
        self._spoilt.update(problem.path for problem in self._tree.problems if problem.path)
        for places in (self._tree.keys, self._tree.values):
            places[()] = Place(self._source, 1)
        given, mistakes = apply_overrides(self._tree, overrides)
        self._problems += mistakes
        self._debug(given)
        imports = self._import_modules()
        self._drop_idle_scale()
        options = self._validate()
        if options is not None:
            options = self._check_names(options.model_copy(update={"imports": imports}))
            if not self._tree.cut:
                self._tell(self._problems, contradictions(options))
            if paths:
                self._tell(self._problems, missing_paths(options))
            self._tell(self._notices, notices(options))
            self._idle_keys()
        self._options = options
        return self

    def sorted(self, text: str) -> Examined:
        """The outcome, lines in the order of the file, the command line last."""

        def order(problem: Problem) -> tuple[bool, int]:
            return problem.place.source != self._source, problem.place.line or 0

        problems = sorted(dict.fromkeys(self._problems), key=order)
        if not self._text_is_straight:
            layout = [problem for problem in problems if not problem.path]
            problems = [problem if problem in layout else replace(problem, edits=()) for problem in problems]
        options = self._options if not problems else None
        return Examined(options, tuple(problems), tuple(sorted(self._notices, key=order)), text)

    def _with_wide_hint(self, problem: Problem) -> Problem:
        line = problem.place.line
        if problem.path or line is None or not problem.message.startswith("not YAML"):
            return problem
        around = "".join(self._text.splitlines()[max(0, line - 2) : line])
        if narrowed(around) == around:
            return problem
        return replace(problem, message=f"{problem.message}; a line here {wide_characters(around)}")

    def _debug(self, given: Iterable[KeyPath]) -> None:
        name = self._tree.data.get("name")
        if not isinstance(name, str) or "debug" not in name:
            return
        place = self._finder.place(("name",))
        self._notices.append(
            Problem(place, ("name",), "contains debug: validates and saves every 8 iterations, no curves")
        )
        for path, value in _DEBUG.items():
            if path in given or (path[0] == "train" and not isinstance(self._tree.data.get("train"), dict)):
                continue
            self._tree.graft_at(path, Tree(value, {(): place}, {(): place}))

    def _import_modules(self) -> list[str]:
        """Imports what `import:` lists, so that names are known; returns it as it is found from everywhere."""
        words = self._tree.data.get("import")
        found = []
        for at, word in enumerate(words if isinstance(words, list) else []):
            path = ("import", at)
            if not isinstance(word, str):
                continue
            try:
                found.append(import_module(word, Path(self._source).parent))
            except RefsrError as error:
                self._problems.append(Problem(self._finder.value_place(path), path, str(error)))
        return found

    def _drop_idle_scale(self) -> None:
        """Published files give network_G.scale, which does nothing unless the constructor knows it."""
        section = self._tree.data.get("network_G")
        if not isinstance(section, dict) or "scale" not in section:
            return
        name = section.get("which_model_G")
        known = isinstance(name, str) and name in names("network")
        if known and "scale" in keywords(str(name)):
            return
        path = ("network_G", "scale")
        self._notices.append(Problem(self._finder.place(path), path, "does nothing: the top-level scale counts"))
        del section["scale"]

    def _validate(self) -> Options | None:
        """Options of what is right in the data; what is wrong is noted, and an example of a right value stands in."""
        data = self._tree.data
        broken_lines = {problem.place.line for problem in self._tree.problems if not problem.path} - {None}
        for _ in range(8):
            try:
                return Options.model_validate_json(json.dumps(data), strict=True)
            except ValidationError as error:
                errors = error.errors(include_url=False)
                for problem in self._finder.problems(errors):
                    if not self._rests_on_spoilt(problem.path) and problem.place.line not in broken_lines:
                        self._problems.append(problem)
                for found in errors:
                    data = self._mend(data, found["loc"])
        return None

    def _mend(self, data: dict[str, Any], path: KeyPath) -> dict[str, Any]:
        """The data with an example, or nothing, at a path that has a mistake."""
        key = next((index for index, part in enumerate(path) if isinstance(part, int)), len(path))
        path = path[:key]
        self._spoilt.add(path)
        if not path:
            return {}
        return _mended(data, path, 0)

    def _check_names(self, options: Options) -> Options:
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
        if self._rests_on_spoilt(path):
            return False
        known = names(kind)
        place = self._finder.value_place(path)
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near!r}?" if near else f"known: {', '.join(known)}"
            edits = self._finder.new_value(path, near) if near and is_clear(name, near, known) else ()
            self._problems.append(Problem(place, path, f"{kind} {quote(name)} is not known; {hint}", edits))
            return False
        return True

    def _check_keywords(self, section: str, network: NetworkOptions, options: Options) -> dict[str, Any]:
        known = keywords(network.which)
        parameters = network.parameters
        if "scale" in known and not self._rests_on_spoilt(("scale",)):
            given = parameters.setdefault("scale", options.scale)
            if given != options.scale:
                finding = Finding((section, "scale"), f"{given} differs from the top-level scale {options.scale}")
                self._tell(self._problems, [finding])
        finder = Finder(self._tree, self._text, known.schema)
        resolved, mistakes = known.check(parameters)
        self._problems += finder.problems(mistakes, below=(section,))
        return resolved

    def _idle_keys(self) -> None:
        for path, place in self._tree.keys.items():
            section = section_at(Options, path[:-1]) if path else None
            field = fields_of(section).get(str(path[-1])) if section is not None else None
            extra = field.json_schema_extra if field is not None else None
            if field is not None and isinstance(extra, dict) and extra.get(NO_EFFECT):
                self._notices.append(Problem(place, path, f"does nothing: {field.description}"))

    def _tell(self, lines: list[Problem], findings: Iterable[Finding]) -> None:
        for finding in findings:
            if not any(map(self._rests_on_spoilt, (finding.path, *finding.rests_on))):
                place = self._finder.place(finding.path)
                edits = self._finder.new_key(finding.path, finding.key) if finding.key else ()
                lines.append(Problem(place, finding.path, finding.message, edits))

    def _rests_on_spoilt(self, path: KeyPath) -> bool:
        return any(path[: len(perturbed)] == perturbed or perturbed[: len(path)] == path for perturbed in self._spoilt)


def _mended(data: Any, path: KeyPath, at: int) -> dict[str, Any]:
    result = dict(data) if isinstance(data, dict) else {}
    key = str(path[at])
    if at + 1 < len(path):
        result[key] = _mended(result.get(key), path, at + 1)
        return result
    result.pop(key, None)
    section = section_at(Options, path[:-1])
    field = fields_of(section).get(key) if section is not None else None
    if field is not None and field.is_required() and field.examples:
        result[key] = field.examples[0]
    return result
