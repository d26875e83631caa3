"""The network of docs/own_network.md, as its readers would make it: the page's own text is run."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest
import yaml
from network_contract import NetworkContract
from torch import nn

from refsr.cli.main import main
from refsr.core.registry import NAMES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own_network.md").read_text(encoding="utf-8")
CODE, CONTRACT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(OPTIONS,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
MODULE = types.ModuleType("refsr.networks.concat")
exec(compile(CODE, "docs/own_network.md", "exec"), MODULE.__dict__)
sys.modules[MODULE.__name__] = MODULE
PARTS = {"NetworkContract": NetworkContract, "nn": nn, "ConcatNet": MODULE.ConcatNet, "__name__": __name__}
exec(compile(CONTRACT, "docs/own_network.md", "exec"), PARTS)
TestConcatNet = PARTS["TestConcatNet"]


def test_it_has_forty_lines():
    assert len([line for line in CODE.splitlines() if line.strip()]) <= 40


def test_it_trains_is_measured_and_restores(places, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(NAMES["network"], "ConcatNet", "refsr.networks.concat:ConcatNet")
    assert '"ConcatNet": "refsr.networks.concat:ConcatNet",' in PAGE
    options = yaml.safe_load(OPTIONS.replace("set/", f"{places}/"))
    options["datasets"]["train"]["GT_size"] = 16
    (tmp_path / "concat.yml").write_text(yaml.safe_dump(options))
    words = [str(tmp_path / "concat.yml"), f"path.root={tmp_path}", "gpu_ids=[]", "datasets.train.n_workers=0"]
    assert main(["train", *words, "train.niter=4", "train.val_freq=4", "val.max_images=1"]) == 0
    assert main(["val", *words, "--ref", "swap", "--no-images", "val.max_images=2"]) == 0
    assert "concat ref=swap" in capsys.readouterr().out
    out = tmp_path / "out.png"
    lr = tmp_path / "experiments" / "concat" / "val_images" / "0" / "0_4.png"
    run = str(tmp_path / "experiments" / "concat")
    large = tmp_path / "large.png"
    assert main(["restore", "--model", run, "--lr", str(lr), "--ref", str(enlarged(lr, large)), "-o", str(out)]) == 0
    assert out.is_file()


def enlarged(source: Path, target: Path) -> Path:
    """A reference four times as large as an image."""
    from refsr.data.images import read_image, write_image

    write_image(target, read_image(source).repeat(4, axis=0).repeat(4, axis=1))
    return target


@pytest.mark.parametrize("mistake", ["width: wide", "depth: 3"])
def test_its_keywords_are_checked(places, tmp_path, monkeypatch, capsys, mistake):
    monkeypatch.setitem(NAMES["network"], "ConcatNet", "refsr.networks.concat:ConcatNet")
    text = OPTIONS.replace("set/", f"{places}/").replace("width: 16", mistake)
    (tmp_path / "concat.yml").write_text(text)
    assert main(["train", str(tmp_path / "concat.yml")]) == 2
    assert "network_G." in capsys.readouterr().err
