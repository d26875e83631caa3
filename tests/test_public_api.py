"""The public API: its names and signatures change on purpose only, its examples run, and importing it stays light."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import refsr
from refsr.core import registry
from refsr.core.errors import RefsrError
from refsr.data.images import write_image

SNAPSHOT = Path(__file__).with_name("public_api.txt")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
CLASSES = {"Restorer": refsr.Restorer, "worlds.SyntheticScene": refsr.worlds.SyntheticScene}
FUNCTIONS = {
    **{name: getattr(refsr, name) for name in refsr.__all__ if inspect.isfunction(getattr(refsr, name))},
    "metrics.measure": refsr.metrics.measure,
    "worlds.make": refsr.worlds.make,
}
DOCUMENTED: dict[str, Any] = {
    "refsr": refsr,
    "metrics": refsr.metrics,
    "Restorer": refsr.Restorer,
    "Restorer.restore": refsr.Restorer.restore,
    **FUNCTIONS,
}


def described() -> str:
    """Every public name, a line each, functions and methods with their signatures."""
    lines = []
    for name in refsr.__all__:
        lines.append(f"refsr.{name}{inspect.signature(FUNCTIONS[name]) if name in FUNCTIONS else ''}")
    for name, one in CLASSES.items():
        lines.append(f"refsr.{name}{inspect.signature(one)}")
        bases = [base for base in reversed(one.__mro__) if base.__module__.startswith("refsr.")]
        members = {key: value for base in bases for key, value in vars(base).items()}
        for member, value in sorted(members.items()):
            if not member.startswith("_"):
                lines.append(f"refsr.{name}.{member}{inspect.signature(value) if inspect.isfunction(value) else ''}")
    lines += [f"refsr.metrics.{name}" for name in refsr.metrics.__all__]
    lines += [f"refsr.metrics.{name.replace('-', '_')}(...)" for name in refsr.list_metrics()]
    lines += [f"refsr.worlds.{name}" for name in refsr.worlds.__all__]
    lines += [f"refsr.{name}{inspect.signature(one)}" for name, one in FUNCTIONS.items() if "." in name]
    whole = "".join(f"{line}\n" for line in lines)
    # A logger's representation has the level of the moment.
    whole = re.sub(r"<bound method (\w+\.\w+) of <Logger ([\w.]+) \(\w+\)>>", r"\1 of \2", whole)
    return re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", whole)


def test_names_and_signatures_are_those_on_record():
    """Where a change is meant: python tests/test_public_api.py writes the record anew."""
    assert described() == SNAPSHOT.read_text(encoding="utf-8")


@pytest.fixture
def registered(monkeypatch):
    """Names that a test registers are gone after it."""
    for kind in ("network", "task", "dataset", "metric"):
        registry.names(kind)
    monkeypatch.setattr(registry, "NAMES", {kind: dict(table) for kind, table in registry.NAMES.items()})
    monkeypatch.setattr(registry, "SOURCES", dict(registry.SOURCES))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_examples_give_what_they_show(name, registered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    write_image(tmp_path / "lr.png", draw.integers(0, 256, (24, 32, 3), np.uint8))
    write_image(tmp_path / "ref.png", draw.integers(0, 256, (96, 128, 3), np.uint8))
    names = {"refsr": refsr, "np": np, "torch": torch}
    found = doctest.DocTestParser().get_doctest(inspect.getdoc(DOCUMENTED[name]) or "", names, name, None, 0)
    assert found.examples, f"{name} has no example"
    told: list[str] = []
    doctest.DocTestRunner(verbose=False, optionflags=FLAGS).run(found, out=told.append)
    assert not told, "".join(told)


def test_importing_it_is_light():
    code = (
        "import sys, time, refsr; dir(refsr); refsr.load; refsr.__version__;"
        "heavy = [name for name in ('torch', 'numpy', 'cv2', 'pydantic', 'yaml') if name in sys.modules];"
        "print(heavy, time.process_time())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, seconds = done.stdout.rsplit(" ", 1)
    assert heavy == "[]"
    assert float(seconds) < 0.1


def test_dir_shows_all_of_it():
    assert dir(refsr) == sorted(refsr.__all__)
    assert {"psnr", "ms_ssim", "measure"} <= set(dir(refsr.metrics))


def test_every_metric_is_a_function():
    for name in refsr.list_metrics():
        function = getattr(refsr.metrics, name.replace("-", "_"))
        assert function.__name__ == name.replace("-", "_")
        assert "better" in function.__doc__


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda: refsr.load(3), "a model is named by a path or a name, not by a int"),
        (lambda: refsr.load("rrsnet-smal-x4"), "did you mean 'rrsnet-small-x4'"),
        (lambda: refsr.load("a\0b"), "no such file"),
        (lambda: refsr.load("w" * 300 + ".safetensors"), "w.safetensors: File name too long"),
        (lambda: refsr.build_network("RRSNett"), "did you mean 'RRSNet'"),
        (lambda: refsr.build_network("RRSNet", nff=8), "RRSNet: unknown keyword 'nff'; did you mean 'nf'"),
        (lambda: refsr.build_network("RRSNet", scale="4"), "RRSNet: scale is '4'"),
        (lambda: refsr.build_network({}), "called by its name, not by a dict"),
        (lambda: refsr.register_network("G4", 5), "a int cannot be called"),
        (lambda: refsr.register_network("G4", "my_module"), "'my_module' is not of the form module:attribute"),
        (lambda: refsr.worlds.make(sizze=64), "did you mean 'size'"),
        (lambda: refsr.worlds.make(-1), "scene -1: expected a number from 0 on"),
        (lambda: refsr.worlds.make(layout="refdiff"), "layouts are of folders"),
        (lambda: refsr.metrics.measure("nowhere.png", "nowhere.png"), "nowhere.png: no such file"),
        (lambda: refsr.metrics.psnr(3, 4), "image is a int; expected an array"),
        (lambda: refsr.metrics.psnr(np.zeros((9, 9))), "psnr compares with a target"),
        (lambda: refsr.metrics.psnr(np.zeros((9, 9)), np.zeros((9, 9)), protocol="rbg"), "protocol 'rbg' is not known"),
        (lambda: refsr.metrics.measure(np.zeros((9, 9)), np.zeros((9, 9)), ["psrn"]), "did you mean 'psnr'"),
        (lambda: refsr.register_network("A", "module"), "is not of the form module:attribute"),
    ],
)
def test_mistakes_are_one_line(call, answer):
    with pytest.raises(RefsrError, match=answer) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="lode"):
        _ = refsr.lode  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="psnrr"):
        _ = refsr.metrics.psnrr


if __name__ == "__main__":
    SNAPSHOT.write_text(described(), encoding="utf-8")
