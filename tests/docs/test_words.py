"""Pages, help texts, option descriptions and names use the words of docs/glossary.md and none that they replaced."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from pages import REPOSITORY, pages

WORDS = {
    r"judge(?:s|d|ment)?|judging": "discriminator, or metric",
    r"(?:one|a|an|each|per|nine|few|many|more|fewer|most|these|of|in|\d+) looks?(?! at\b)": "network evaluation, NFE",
    r"(?:is|are|was|were|be|been|being) told|tells?|told": "say, print, log, report or warn",
    r"spoil(?:s|t|ed|ing)?": "perturb, perturbation",
    r"com(?:e|es|ing) along|came along|that come with refsr": "bundled",
    r"shipped": "bundled",
    r"trunks?": "backbone",
    r"chief": "main process",
    r"(?:un)?learnt": "trained",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"wish(?:es|ed)?": "option, request",
    r"centring": "mean shift",
    r"lost company": "peer lost",
    r"meeting place": "rendezvous",
    r"comes? apart": "diverges",
    r"(?<!standard )deviations?": "standard deviation, or difference",
}
"""Patterns of whole words, and what stands in their place."""
PROSE = [(re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE), use) for words, use in WORDS.items()]
NAMES = re.compile(
    r"judges?|judging|judged|spoil(?:s|t|ed|ing)?|trunks?|chief|learnt|mend(?:s|ed|ing)?|wish(?:es|ed)?|shipped|centring"
)
"""Words inside of names of modules, classes and functions."""
PACKAGE = REPOSITORY / "codes" / "refsr"


def wrong_words(text: str) -> list[str]:
    """A line for each word that another has replaced."""
    flat = re.sub(r"\s+", " ", text)
    return [
        f"...{flat[max(0, found.start() - 30) : found.end() + 30]}...: {use}"
        for pattern, use in PROSE
        for found in pattern.finditer(flat)
    ]


def names() -> Iterator[tuple[str, str]]:
    """File and name of every module, class and function of the package."""
    for file in sorted(PACKAGE.rglob("*.py")):
        here = file.relative_to(PACKAGE).as_posix()
        yield here, file.stem
        yield from ((here, part) for part in file.relative_to(PACKAGE).parts[:-1])
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield here, node.name


def parts(name: str) -> list[str]:
    """The words of a name, in lower case: `find_Judges2` -> find, judges."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def wrong_names(found: Iterator[tuple[str, str]]) -> list[str]:
    return sorted({f"{file}: {name}" for file, name in found if any(map(NAMES.fullmatch, parts(name)))})


# docs/commands.md and docs/options.md are made from help texts and option descriptions.
PAGES = pages()


@pytest.mark.parametrize("page", PAGES)
def test_pages_use_the_words_of_the_field(page):
    assert not wrong_words(PAGES[page])


def test_names_use_the_words_of_the_field():
    assert not wrong_names(names())


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("RRSGAN trains against two judges.", 1),
        ("An image takes nine\nlooks, and more looks cost more.", 2),
        ("The mask is told; the log tells which.", 2),
        ("A spoilt reference, weights that come along, a trunk, the chief.", 4),
        ("What it learnt is mended as one wishes.", 3),
        ("Look at the reference; a network looks at it; it looks sharp.", 0),
        ("The `recon_trunk` of published keys, `mended_from`, a recommended amendment.", 0),
    ],
)
def test_replaced_words_are_found(text, count):
    assert len(wrong_words(text)) == count


def test_replaced_words_are_found_in_names():
    made = [("a.py", "find_judges"), ("a.py", "SpoiltReference"), ("a.py", "_StopWish"), ("trunks.py", "trunks")]
    assert len(wrong_names(iter(made))) == len(made)
    assert not wrong_names(iter([("a.py", "recommended"), ("a.py", "Discriminator"), ("a.py", "backbones")]))
