"""A network's constructor is its schema."""

from __future__ import annotations

from typing import Literal

import pytest

from refsr.core.options.load import examine_text
from refsr.core.options.show import show
from refsr.core.registry import NAMES


class Net:
    def __init__(
        self,
        *,
        scale: int = 4,
        n_blocks: int,
        widths: tuple[int, ...] = (64, 64),
        variant: Literal["release", "dense"] = "release",
        copy: bool = False,
        hook: object = print,
    ) -> None:
        pass


KNOWN = "(Net has scale, n_blocks, widths, variant, copy, hook)"


class Open:
    def __init__(self, nf: int = 64, **others: object) -> None:
        pass


@pytest.fixture
def text(good, monkeypatch):
    networks = {"Net": f"{__name__}:Net", "Net_arch": "Net", "Open": f"{__name__}:Open"}
    monkeypatch.setitem(NAMES, "network", networks)
    return good.replace("which_model_G: RRSNet", "which_model_G: Net\n  n_blocks: 3")


def lines(text: str, *words: str) -> list[str]:
    return [str(problem) for problem in examine_text(text, "f.yml", words).problems]


def test_keywords_are_checked_converted_and_filled_in(text):
    options = examine_text(text, "f.yml", ["network_G.widths=[8,16]", "scale=2"]).options
    assert options.network_G.parameters == {
        "scale": 2,
        "n_blocks": 3,
        "widths": (8, 16),
        "variant": "release",
        "copy": False,
    }
    assert examine_text(show(options), "again").options == options


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("n_blocks: 3", "n_block: 3", f"f.yml:26: network_G.n_block: unknown key; did you mean 'n_blocks'? {KNOWN}"),
        ("n_blocks: 3", "nf: 3\n  n_blocks: 1", f"f.yml:26: network_G.nf: unknown key {KNOWN}"),
        ("n_blocks: 3", "n_blocks: '3'", "f.yml:26: network_G.n_blocks: '3' is not a whole number; did you mean 3?"),
        ("n_blocks: 3", "copy: true", "f.yml:24: network_G.n_blocks: is missing"),
        (
            "n_blocks: 3",
            "n_blocks: 3\n  variant: dens",
            "f.yml:27: network_G.variant: 'dens' is not one of release, dense; did you mean dense?",
        ),
        (
            "n_blocks: 3",
            "n_blocks: 3\n  widths: [8, 1，2]",
            "f.yml:27: network_G.widths[1]: '1，2' has '，' (fullwidth comma, U+FF0C) where ',' belongs; "
            "did you mean 1, 2?",
        ),
        ("n_blocks: 3", "n_blocks: 3\n  scale: 8", "f.yml:27: network_G.scale: 8 differs from the top-level scale 4"),
        (
            "which_model_G: Net",
            "which_model_G: Nett",
            "f.yml:25: network_G.which_model_G: network 'Nett' is not known; did you mean 'Net'?",
        ),
    ],
)
def test_a_mistake_in_a_network_section_gives_its_line(text, old, new, expected):
    assert lines(text.replace(old, new)) == [expected]


def test_a_second_spelling_is_checked_alike(text):
    assert lines(text.replace("which_model_G: Net", "which_model_G: Net_arch")) == []
    assert len(lines(text.replace("which_model_G: Net\n  n_blocks", "which_model_G: Net_arch\n  n_block"))) == 1


def test_a_constructor_that_takes_anything_gets_it(text):
    options = examine_text(text, "f.yml", ["network_G.which_model_G=Open", "network_G.other=[1]"]).options
    assert options.network_G.parameters == {"nf": 64, "n_blocks": 3, "other": [1]}
