"""Links of the pages lead somewhere, in the repository and on the site, and files that pages name are there."""

from __future__ import annotations

import importlib.util
import posixpath
import re
from collections.abc import Iterator

import pytest
from pages import REPOSITORY, pages, prose

PAGES = pages()
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^()\s]+)\)")
NAMED = re.compile(
    r"`(?P<file>(?:benchmarks|codes|dataset/data_script|docs|figures|options|scripts|tests)/[\w./-]+\.\w+)`"
)
SPEC = importlib.util.spec_from_file_location("site_pages", REPOSITORY / "scripts" / "site_pages.py")
assert SPEC is not None
assert SPEC.loader is not None
SITE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(SITE)


def links(page: str) -> Iterator[tuple[str, str]]:
    """Path in the repository and anchor of each link that is not to another place."""
    for found in LINK.finditer(prose(page, PAGES[page])):
        target, _, anchor = found["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        yield posixpath.normpath(posixpath.join(posixpath.dirname(page), target)) if target else page, anchor


def anchors(page: str) -> set[str]:
    """What headings may be called in a link."""
    heads = re.findall(r"^#+ (.*)$", prose(page, PAGES[page]), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", re.sub(r"\]\([^)]*\)", "", head)).strip().lower() for head in heads]
    return {re.sub(r"\s", "-", head) for head in plain} | set(re.findall(r'<a id="([\w-]+)">', PAGES[page]))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target, anchor in links(page):
        assert (REPOSITORY / target).exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(target), f"{page} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_pages_name_are_there(page):
    for found in NAMED.finditer(prose(page, PAGES[page])):
        assert (REPOSITORY / found["file"]).exists(), f"{page} names {found['file']}"


def test_every_page_is_found_on_the_site():
    """The hook's links of all pages lead to pages of the site, and what it has not is named by its path."""
    extra = SITE.extra_pages()
    places = set(extra.values()) | {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    places |= {f"figures/{file.name}" for file in (REPOSITORY / "docs" / "figures").iterdir()}
    for source in [*extra, *(page for page in PAGES if page.startswith("docs/") and page != "docs/README.md")]:
        if not source.endswith(".md"):
            continue
        here = extra.get(source, source.removeprefix("docs/"))
        for found in LINK.finditer(SITE.relinked(PAGES[source], source, extra)):
            target = found["target"].partition("#")[0]
            if target and not re.match(r"[a-z]+:", target):
                assert posixpath.normpath(posixpath.join(posixpath.dirname(here), target)) in places, (source, target)


def test_links_that_leave_the_site_become_paths():
    extra = {"codes/refsr/tasks/README.md": "rooms/tasks.md", "figures/a.png": "pictures/a.png"}
    for before, after in (
        ("[tasks](../codes/refsr/tasks/README.md)", "[tasks](rooms/tasks.md)"),
        ("[read](training.md#what-a-run-leaves)", "[read](training.md#what-a-run-leaves)"),
        ("![seen](../figures/a.png)", "![seen](pictures/a.png)"),
        ("[the code](../codes/refsr/tasks/base.py)", "the code (`codes/refsr/tasks/base.py`)"),
        ("[`setup.py`](../setup.py)", "`setup.py`"),
        ("```\n[a](../b.md)\n```", "```\n[a](../b.md)\n```"),
        ("[out](https://example.org/a.md)", "[out](https://example.org/a.md)"),
    ):
        assert SITE.relinked(before, "docs/weights.md", extra) == after
