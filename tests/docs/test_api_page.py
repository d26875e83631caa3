"""The API page lists what `refsr` offers, and docstrings become Markdown."""

from __future__ import annotations

import importlib
import importlib.util
import re

import pytest
from pages import REPOSITORY

import refsr

PAGE = (REPOSITORY / "docs" / "reference.md").read_text(encoding="utf-8")
NAMES = re.findall(r"^::: ([\w.]+)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_names_is_there(name):
    module, _, attribute = name.rpartition(".")
    assert getattr(importlib.import_module(module), attribute).__doc__


def test_it_has_all_that_the_package_offers():
    listed = {name.rpartition(".")[2] for name in NAMES}
    assert {name for name in refsr.__all__ if not name.startswith("__")} <= listed


def test_docstrings_become_markdown():
    pytest.importorskip("griffe", reason="the extra docs is not installed")
    spec = importlib.util.spec_from_file_location("site_docstrings", REPOSITORY / "scripts" / "site_docstrings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = "(B, C, s*H, s*W) by `a*b`.\n\n>>> print(1 * 2)\n2\n\nMore."
    made = "(B, C, s\\*H, s\\*W) by `a*b`.\n\n\n```pycon\n>>> print(1 * 2)\n2\n```\n\n\nMore."
    assert module.as_markdown(text) == made
