"""The network of docs/own_network.md, as its readers would make it: the page's own text is run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from network_contract import NetworkContract
from torch import nn

from refsr.cli.main import main
from refsr.core import registry, user_modules
from refsr.core.registry import NAMES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own_network.md").read_text(encoding="utf-8")
(CODE,) = re.findall(r"```python title=\"my_module.py\"\n(.*?)```", PAGE, re.DOTALL)
(CONTRACT,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(OPTIONS,) = re.findall(r"```yaml title=\"gate.yml\"\n(.*?)```", PAGE, re.DOTALL)
MADE: dict[str, object] = {"__name__": "my_module"}
exec(compile(CODE.rpartition("\n\nregister_network")[0], "docs/own_network.md", "exec"), MADE)
PARTS = {"NetworkContract": NetworkContract, "nn": nn, "GateNet": MADE["GateNet"], "__name__": __name__}
exec(compile(CONTRACT, "docs/own_network.md", "exec"), PARTS)
TestGateNet = PARTS["TestGateNet"]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder with the page's module; what is registered and imported there is gone after the test."""
    for kind in NAMES:
        monkeypatch.setitem(NAMES, kind, dict(NAMES[kind]))
    monkeypatch.setattr(registry, "SOURCES", dict(registry.SOURCES))
    monkeypatch.setattr(user_modules, "IMPORTED", [])
    monkeypatch.setattr(user_modules, "_folders", [])
    (tmp_path / "my_module.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("my_module", None)


def test_it_has_forty_lines():
    assert len([line for line in CODE.splitlines() if line.strip()]) <= 40


def test_it_trains_is_evaluated_and_restores(places, folder, capsys):
    options = yaml.safe_load(OPTIONS.replace("set/", f"{places}/"))
    options["datasets"]["train"]["GT_size"] = 16
    (folder / "gate.yml").write_text(yaml.safe_dump(options))
    words = ["gate.yml", f"path.root={folder}", "gpu_ids=[]", "datasets.train.n_workers=0"]
    assert main(["train", *words, "train.niter=4", "train.val_freq=4", "val.max_images=1"]) == 0
    assert main(["val", *words, "--ref", "swap", "--no-images", "val.max_images=2"]) == 0
    assert "gate ref=swap" in capsys.readouterr().out
    lr = folder / "experiments" / "gate" / "val_images" / "0" / "0_4.png"
    ref = enlarged(lr, folder / "large.png")
    given = ["--model", "experiments/gate", "--lr", str(lr), "--ref", str(ref)]
    assert main(["restore", "--import", "my_module.py", *given, "-o", "out.png"]) == 0
    assert (folder / "out.png").is_file()


def enlarged(source: Path, target: Path) -> Path:
    """A reference four times as large as an image."""
    from refsr.data.images import read_image, write_image

    write_image(target, read_image(source).repeat(4, axis=0).repeat(4, axis=1))
    return target


@pytest.mark.parametrize("mistake", ["width: wide", "depth: 3"])
def test_its_keywords_are_checked(places, folder, capsys, mistake):
    (folder / "gate.yml").write_text(OPTIONS.replace("set/", f"{places}/").replace("width: 16", mistake))
    assert main(["train", "gate.yml"]) == 2
    assert "network_G." in capsys.readouterr().err
