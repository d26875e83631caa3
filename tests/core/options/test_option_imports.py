"""`import:` in an option file: modules that register names, their mistakes, and files that move."""

from __future__ import annotations

import pytest

from refsr.core.options import load_options
from refsr.core.options.load import examine_text
from refsr.core.options.show import show

MODULE = """
from refsr.core.registry import register_network, register_task

class GateNet:
    def __init__(self, width: int = 8, depth: int = 2) -> None: ...

register_network("GateNet", GateNet)
register_task("gated", "gate:Gated")
"""


@pytest.fixture
def text(good):
    return good.replace("scale: 4", "scale: 4\nimport: [gate]").replace("RRSNet\ntrain:", "GateNet\n  width: 4\ntrain:")


def test_names_of_a_module_are_known_and_their_keywords_checked(text, own_names):
    (own_names / "gate.py").write_text(MODULE)
    options = examine_text(text, "f.yml").options
    assert options.network_G.parameters == {"width": 4, "depth": 2}
    (problem,) = examine_text(text.replace("width", "widht"), "f.yml").problems
    assert str(problem) == ("f.yml:27: network_G.widht: unknown key; did you mean 'width'? (GateNet has width, depth)")
    words = ["model=gated", "network_D={which_model_D: GateNet}", "train.gan_weight=1"]
    assert examine_text(text, "f.yml", words).options.model == "gated"
    assert examine_text(text, "f.yml", words[:1]).options.network_D is None


def test_a_module_lies_beside_the_option_file_and_is_found_again_from_elsewhere(text, own_names, monkeypatch):
    for name in ("here", "there"):
        (own_names / name).mkdir()
    (own_names / "here" / "gate.py").write_text(MODULE)
    (own_names / "here" / "gate.yml").write_text(text)
    options = load_options(own_names / "here" / "gate.yml")
    assert options.imports == [str(own_names / "here" / "gate.py")]
    kept = own_names / "there" / "options.yml"
    kept.write_text(show(options))
    monkeypatch.chdir(own_names / "there")
    assert load_options(kept) == options


def test_a_list_of_modules_may_come_from_the_command_line(good, own_names):
    (own_names / "gate.py").write_text(MODULE)
    words = ["import=[gate.py]", "network_G.which_model_G=GateNet"]
    assert examine_text(good, "f.yml", words).options.network_G.which == "GateNet"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "f.yml:4: import[0]: no module 'gate' is installed, and none in {folder}"),
        (
            "x = y",
            "f.yml:4: import[0]: gate cannot be imported: NameError: name 'y' is not defined ({folder}/gate.py:1)",
        ),
    ],
)
def test_a_module_that_cannot_be_imported_gives_its_line(text, own_names, content, expected):
    if content is not None:
        (own_names / "gate.py").write_text(content)
    first, second = map(str, examine_text(text, "f.yml").problems)
    assert first == expected.format(folder=own_names)
    assert "network 'GateNet' is not known" in second


def test_what_is_no_list_of_modules_is_a_mistake(good):
    (problem,) = examine_text(good.replace("scale: 4", "scale: 4\nimport: gate"), "f.yml").problems
    assert str(problem) == "f.yml:4: import: 'gate' is not a list"
