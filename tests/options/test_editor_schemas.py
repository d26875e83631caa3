"""What editors complete and check shipped files by is current, and finds no mistake in any of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from refsr.core.options.pages import bench_schema, json_schema

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (extra test)")

FOLDER = Path(__file__).resolve().parents[2] / "options"
FILES = sorted(FOLDER.glob("*/*.yml"))
HEAD = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


class Words(yaml.SafeLoader):
    """YAML 1.2's numbers, as editors read them: 1e-4 is one."""


Words.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def schema_of(file: Path) -> dict:
    """The schema that the first line of a file names."""
    found = HEAD.match(file.read_text(encoding="utf-8"))
    assert found, f"{file.name} does not begin with its schema"
    return json.loads((file.parent / found[1]).read_text(encoding="utf-8"))


def mistakes(file: Path, text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema_of(file))
    return [error.message for error in validator.iter_errors(yaml.load(text, Words))]


@pytest.mark.parametrize(
    ("name", "made", "flag"), [("schema.json", json_schema, ""), ("bench.schema.json", bench_schema, " --bench")]
)
def test_it_is_current(name, made, flag):
    stored = (FOLDER / name).read_text(encoding="utf-8")
    assert stored == json.dumps(made(), indent=2) + "\n", f"run: refsr options schema{flag} > options/{name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_shipped_files_are_valid(file):
    assert schema_of(file)["title"] == ("refsr bench" if file.parent.name == "bench" else "refsr options")
    assert mistakes(file, file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("key", "wrong"), [("scale: 4", "scale: four"), ("  niter:", "  nitre:"), ("model: RRSNet_model\n", "")]
)
def test_a_mistake_is_found(key, wrong):
    file = FOLDER / "rrsnet" / "small.yml"
    text = file.read_text(encoding="utf-8")
    assert key in text
    assert mistakes(file, text.replace(key, wrong, 1))
