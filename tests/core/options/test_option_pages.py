"""Resolved options, the JSON schema and the page made from the schema."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from refsr.core.options import Options
from refsr.core.options.load import examine_text
from refsr.core.options.pages import json_schema, markdown
from refsr.core.options.section import fields_of
from refsr.core.options.show import show, write_scalar
from refsr.core.options.yaml_tree import read_tree

PAGE = Path(__file__).parents[3] / "docs" / "options.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == markdown(), "run: refsr options schema --markdown > docs/options.md"


def test_every_key_has_a_description():
    def check(schema: dict, where: str) -> None:
        for key, field in schema.get("properties", {}).items():
            assert field.get("description"), f"{where}.{key}"
            assert "\n" not in field["description"]

    schema = json_schema()
    check(schema, "Options")
    for name, section in schema["$defs"].items():
        check(section, name)


def test_the_schema_agrees_with_the_validation():
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"name", "model", "scale", "datasets", "network_G"}
    assert set(schema["properties"]) == set(fields_of(Options))
    assert schema["$defs"]["GeneratorOptions"]["additionalProperties"] is True


def test_shown_options_load_to_the_same(good):
    words = [
        'name="1e-4"',
        "train.lr_G=1e-7",
        'datasets.val.dataroot_GT="a: b # c"',
        "datasets.val.name='yes'",
        "network_G.deep={a: [1, {b: null}], 'on': 'null'}",
        "path.root=データ/x",
    ]
    options = examine_text(good, "f.yml", words).options
    again = examine_text(show(options), "again")
    assert again.options == options
    assert show(again.options) == show(options)


def test_shown_options_mark_what_differs_from_the_default(good):
    shown = show(examine_text(good, "f.yml", ["train.lr_gamma=0.1"]).options).splitlines()
    assert "  lr_gamma: 0.1  # default 0.5" in shown
    assert "  lr_G: 0.0001" in shown
    assert "    GT_size: 64  # default null" in shown
    assert "scale: 4" in shown


WORDS = [
    "",
    "true",
    "No",
    "1e-4",
    "0x1",
    "a b",
    "a: b",
    "#",
    "- a",
    "\u2028",
    "\x07",
    "é",
    "'",
    '"',
    "\\",
    "a\nb",
    "~",
    "<<",
]
WORDS += ["=", "\U0001f600", "\ufeffx", "012", "..", "./a", "1_0", "1:30", "y", "inf", "2024-01-01"]


@pytest.mark.parametrize("value", [*WORDS, 1e-7, 1.0, 1e16, -3, None, True])
def test_a_written_word_reads_back_whoever_reads_it(value):
    written = write_scalar(value)
    assert "\n" not in written
    tree = read_tree(f"a: {written}", "f.yml")
    assert (tree.data, tree.problems) == ({"a": value}, [])
    if isinstance(value, str):
        assert yaml.safe_load(f"a: {written}") == {"a": value}
