"""What sentences of the pages say of commands and options in passing is right: commands, flags and keys are there."""

from __future__ import annotations

import argparse
import importlib
import re

import pytest
from pages import pages, prose

from refsr.cli.main import COMMANDS, Parser
from refsr.core.options.sampling import SamplingOptions
from refsr.core.options.schema import LoggerOptions, PathOptions, ValOptions
from refsr.core.options.train import TrainOptions

PAGES = pages()


def inline(page: str) -> list[str]:
    """Code inside sentences."""
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", prose(page, PAGES[page]))]


def flags(name: str) -> set[str]:
    """Every flag of a command and of its sub-commands."""
    module = importlib.import_module(COMMANDS[name][0])
    parser = Parser(prog=name)
    module.add_arguments(parser)
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= {flag for below in action.choices.values() for flag in below._option_string_actions}
    return found


def wrong_command(code: str) -> bool:
    """Whether `refsr NAME ...` names a command or flags that are not."""
    name, *words = code.split()[1:]
    if name not in COMMANDS:
        return name not in ("--help", "--version", "COMMAND")
    return not {word for word in words if re.match(r"--?[a-z]", word)} <= flags(name)


@pytest.mark.parametrize("page", [page for page in PAGES if "`refsr " in PAGES[page]])
def test_commands_in_passing_are_there(page):
    assert not [code for code in inline(page) if code.startswith("refsr ") and wrong_command(code)]


SECTIONS = {
    name: set(of_section.model_fields)
    for name, of_section in (
        ("train", TrainOptions),
        ("path", PathOptions),
        ("val", ValOptions),
        ("sampling", SamplingOptions),
        ("logger", LoggerOptions),
    )
}
KEY = re.compile(r"^(?P<section>train|path|val|sampling|logger)\.(?P<key>\w+)(?P<rest>[=: ].*)?$")
FILES = {"yml", "txt", "json", "py", "sh", "md"}


def wrong_key(code: str) -> bool:
    """Whether `train.KEY`, with or without a value, names a key that is not; keys that end in _ stand for several."""
    found = KEY.match(code)
    if not found or found["key"] in FILES or found["key"].endswith("_"):
        return False
    return found["key"] not in SECTIONS[found["section"]]


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith(("docs/", "codes/example/", "README"))])
def test_options_in_passing_are_there(page):
    assert not [code for code in inline(page) if wrong_key(code)]


def test_what_is_wrong_is_found():
    assert wrong_command("refsr trian a.yml")
    assert wrong_command("refsr val --protokol x")
    assert not wrong_command("refsr options check FILE --fix")
    assert wrong_key("train.learning_rate=1e-4")
    assert wrong_key("val.tilling")
    assert not wrong_key("train.r1_weight: 1")
