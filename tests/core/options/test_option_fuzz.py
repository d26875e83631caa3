"""Whatever a file holds: options or problems, nothing else; and no key is passed over in silence."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, example, given, settings

from refsr.core.options import Examined, examine
from refsr.core.options.load import examine_text
from refsr.core.options.repair import repair
from refsr.core.options.show import show
from refsr.core.options.yaml_tree import read_tree

GOOD = (Path(__file__).parent / "good.yml").read_text()
LINES = GOOD.splitlines(keepends=True)
QUICK = settings(
    max_examples=int(os.environ.get("REFSR_FUZZ", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

MARKS = [
    "\t",
    "：",
    "，",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "#",
    "|",
    ">",
    "%",
    "@",
    "? ",
    "~",
    "x",
    "_",
    "-",
    "1",
]
BREAKS = ["---\n", "...\n", "\n", "\r", "\u2028", "\x85", "\ufeff", "\0", "😀"]
WORDS = ["&a ", "*a", "*val", "<<: ", "!!python/name:os.system ", "!!int ", "\\x", "\\ud800", "null", "yes"]
NUMBERS = [".nan", "1e999", "９", "0o7", "9" * 400]
BITS = st.sampled_from([*MARKS, *BREAKS, *WORDS, *NUMBERS])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
PATHS = sorted(".".join(map(str, path)) for path in read_tree(GOOD, "").keys if path)


def sound(examined: Examined) -> None:
    """Options or problems, each problem a line."""
    assert (examined.options is None) == bool(examined.problems)
    for problem in (*examined.problems, *examined.notices):
        assert len(str(problem).splitlines()) == 1
        assert len(str(problem)) < 2000
    if examined.options is not None:
        again = examine_text(show(examined.options), "again")
        assert again.problems == ()
        assert again.options == examined.options


@QUICK
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 6), BITS), min_size=1, max_size=4))
@example([(0, 0, "\\"), (3, 0, "|")])
def test_a_mutated_file_gives_options_or_problems(mutations):
    text = GOOD
    for at, cut, bit in mutations:
        text = text[:at] + bit + text[at + cut :]
    sound(examine_text(text, "f.yml"))


@QUICK
@given(st.lists(st.sampled_from(LINES), max_size=30), st.lists(BITS, max_size=3))
def test_shuffled_lines_give_options_or_problems(lines, bits):
    sound(examine_text("".join([*lines, *bits]), "f.yml"))


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_give_options_or_problems(tmp_path, content):
    file = tmp_path / "f.yml"
    file.write_bytes(content)
    sound(examine(file))


@QUICK
@given(st.sampled_from(PATHS), VALUES)
def test_any_value_at_any_key_gives_options_or_problems(path, value):
    sound(examine_text(GOOD, "f.yml", [f"{path}={json.dumps(value)}"]))


@QUICK
@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_words_give_options_or_problems(words):
    sound(examine_text(GOOD, "f.yml", words))


@QUICK
@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_any_mapping_gives_options_or_problems(data):
    sound(examine_text(json.dumps(data), "f.yml"))


KEYS = [number for number, line in enumerate(LINES) if re.match(r" +(dataroot|batch|GT_size|niter|lr_G)", line)]


@QUICK
@given(st.sampled_from(KEYS), st.integers(0, 9), st.sampled_from("abzQ_3"), st.booleans())
def test_a_misspelt_key_is_never_passed_over(number, at, letter, insert):
    indent, key, rest = re.fullmatch(r"( +)(\w+)(:.*\n)", LINES[number]).groups()
    at %= len(key)
    wrong = key[:at] + letter + key[at + (not insert) :]
    text = "".join([*LINES[:number], f"{indent}{wrong}{rest}", *LINES[number + 1 :]])
    problems = examine_text(text, "f.yml").problems
    assert wrong == key or any(
        problem.path[-1:] == (wrong,) and "unknown key" in problem.message for problem in problems
    )


@QUICK
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), BITS), min_size=1, max_size=3))
def test_repairing_never_fails_and_never_adds_mistakes(mutations):
    text = GOOD
    for at, bit in mutations:
        text = text[:at] + bit + text[at:]
    before = len(examine_text(text, "f.yml").problems)
    repaired, examined = repair(text, "f.yml")
    sound(examined)
    if repaired == text:
        assert len(examined.problems) == before
