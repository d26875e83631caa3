"""Hook of mkdocs: links the first occurrence of a glossary term on a page to docs/glossary.md."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path
from typing import Any

GLOSSARY = Path(__file__).resolve().parent.parent / "docs" / "glossary.md"
ROW = re.compile(r'^\| <a id="(?P<anchor>[\w-]+)"></a>(?P<terms>[^|]+) \|', re.MULTILINE)
TAG = re.compile(r"<!--.*?-->|<(?P<closing>/?)(?P<name>[A-Za-z][\w-]*)[^>]*?(?P<empty>/?)>", re.DOTALL)
UNTOUCHED = {"a", "code", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "svg", "script", "style", "button"}
"""Elements in which nothing is linked."""
EVERYDAY = {
    *(
        "scale",
        "s",
        "band",
        "range",
        "place",
        "store",
        "code",
        "offset",
        "stage",
        "phase",
        "draw",
        "world",
        "task",
        "swap",
    ),
    *("leak", "tile", "seam", "residual", "restore", "registry", "baseline", "spread", "consistency", "warp", "resume"),
    *("luma", "y", "bench", "stress", "released", "metric", "bicubic", "degradation", "scene", "window", "member"),
    *("iteration", "step"),
}
"""Terms that are also plain words: a link at each would only distract."""


@cache
def terms() -> dict[str, str]:
    """Anchors in the glossary by term."""
    found = {}
    for row in ROW.finditer(GLOSSARY.read_text(encoding="utf-8")):
        for term in row["terms"].split(","):
            found[term.strip()] = row["anchor"]
    return {term: anchor for term, anchor in found.items() if term.lower() not in EVERYDAY and len(term) > 1}


@cache
def pattern() -> re.Pattern[str]:
    """Any term as a whole word; the first letter of words may be a capital, and they may be plural."""
    words = []
    for term in sorted(terms(), key=len, reverse=True):
        if term.islower():
            words.append(f"[{term[0]}{term[0].upper()}]{re.escape(term[1:])}s?")
        else:
            words.append(re.escape(term))
    return re.compile(rf"(?<![\w`/.-])(?:{'|'.join(words)})(?![\w/-])")


def anchor_of(word: str) -> str | None:
    """The anchor of a term as it stands in a text."""
    for form in (word, word[0].lower() + word[1:]):
        for spelling in (form, form.removesuffix("s")):
            if spelling in terms():
                return terms()[spelling]
    return None


def linked(html: str, glossary: str) -> str:
    """A page's HTML with links to `glossary` where a term first stands outside of links, code and headings."""
    done: set[str] = set()
    closed_by: list[str] = []
    parts: list[str] = []

    def link(found: re.Match[str]) -> str:
        anchor = anchor_of(found[0])
        if anchor is None or anchor in done:
            return found[0]
        done.add(anchor)
        return f'<a class="term" href="{glossary}#{anchor}">{found[0]}</a>'

    begin = 0
    for tag in TAG.finditer(html):
        text = html[begin : tag.start()]
        parts += [text if closed_by else pattern().sub(link, text), tag[0]]
        begin = tag.end()
        name = (tag["name"] or "").lower()
        if name in UNTOUCHED and not tag["empty"]:
            if not tag["closing"]:
                closed_by.append(name)
            elif closed_by and closed_by[-1] == name:
                closed_by.pop()
    text = html[begin:]
    return "".join([*parts, text if closed_by else pattern().sub(link, text)])


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """mkdocs has made HTML of a page."""
    here = page.file.src_uri
    if here == "glossary.md":
        return html
    return linked(html, posixpath.relpath("glossary.html", posixpath.dirname(here) or "."))
