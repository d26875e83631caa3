"""Terms of the glossary are linked where they first appear on a page of the site."""

from __future__ import annotations

import importlib.util
import re

from pages import REPOSITORY

SPEC = importlib.util.spec_from_file_location("site_glossary", REPOSITORY / "scripts" / "site_glossary.py")
HOOK = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(HOOK)
TEXT = (REPOSITORY / "docs" / "glossary.md").read_text(encoding="utf-8")


def test_every_term_has_a_row_of_its_own():
    anchors = re.findall(r'<a id="([\w-]+)">', TEXT)
    assert len(anchors) == len(set(anchors)) >= 80
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(("| term", "|---"))]
    assert len(rows) == len(anchors)
    assert all(len(row.split(" | ")) == 2 for row in rows)


def test_terms_of_the_papers_are_there():
    images, networks = ("LR", "HR", "Ref", "LR_UX4", "Ref_DUX4"), ("GTEM", "DRR", "RAM", "DIDConv", "AGPF", "SFT")
    for term in (*images, *networks, "S_churn", "sigma", "sigma_max", "rho", "NFE"):
        assert f">{term}" in TEXT.replace("</a>", ">").replace(", ", ">"), term


def test_the_first_occurrence_is_linked_and_no_other():
    html = HOOK.linked("<h2>GTEM</h2><p>Of GTEM, <code>DRR</code> and GTEM.</p><p>DRRs, DRR</p>", "glossary.html")
    assert html == (
        '<h2>GTEM</h2><p>Of <a class="term" href="glossary.html#gtem">GTEM</a>, <code>DRR</code> and GTEM.</p>'
        '<p>DRRs, <a class="term" href="glossary.html#drr">DRR</a></p>'
    )


def test_words_may_be_plural_or_begin_a_sentence():
    html = HOOK.linked("<p>Discriminators, <a href='x'>halo</a>, halos</p>", "g.html")
    assert 'href="g.html#generator"' not in html
    assert re.findall(r'"g.html#([\w-]+)"', html) == ["discriminator", "halo"]
