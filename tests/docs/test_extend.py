"""The task, loss, metric and sampler of docs/extend.md, as its readers would make them: the page's own text is run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pages import REPOSITORY

from refsr.cli.main import main
from refsr.core import registry, user_modules
from refsr.core.registry import NAMES, names

PAGE = (REPOSITORY / "docs" / "extend.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```(?:python|yaml) title=\"([\w.]+)\"\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder with the page's files; what is registered and imported there is gone after the test."""
    for kind in NAMES:
        names(kind)
        monkeypatch.setitem(NAMES, kind, dict(NAMES[kind]))
    monkeypatch.setattr(registry, "SOURCES", dict(registry.SOURCES))
    monkeypatch.setattr(user_modules, "IMPORTED", [])
    monkeypatch.setattr(user_modules, "_folders", [])
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name.partition(".")[0], None)


def words(places: Path, folder: Path, module: str, task: str) -> list[str]:
    """The page's option file on drawn places, narrow and for two iterations, as the first words of a command."""
    options = yaml.safe_load(FILES["my_task.yml"].replace("set/", f"{places}/"))
    assert options["import"] == ["my_task"]
    options |= {"name": task, "import": [module], "model": task, "gpu_ids": []}
    options["network_G"] |= {"nf": 4, "deformable_groups": 1}
    options["datasets"]["train"] |= {"GT_size": 32, "n_workers": 0}
    options["train"] |= {"niter": 2, "val_freq": 0}
    (folder / "options.yml").write_text(yaml.safe_dump(options))
    return ["options.yml", f"path.root={folder}", "logger.print_freq=1"]


@pytest.mark.parametrize(
    ("module", "task", "loss"),
    [("my_task", "l2_then_l1", "l_g_l2"), ("my_loss", "charbonnier", "l_g_charbonnier")],
)
def test_the_task_and_the_loss_train(places, folder, module, task, loss):
    assert main(["train", *words(places, folder, module, task)]) == 0
    assert loss in (folder / "experiments" / task / "log.txt").read_text()


def test_the_task_changes_its_loss(places, folder):
    (folder / "my_task.py").write_text(FILES["my_task.py"].replace("switch = 1000", "switch = 1"))
    assert main(["train", *words(places, folder, "my_task", "l2_then_l1")]) == 0
    assert "l_g_l1" in (folder / "experiments" / "l2_then_l1" / "log.txt").read_text()


def test_the_metric_is_measured(places, folder, capsys):
    given = words(places, folder, "my_task", "l2_then_l1")
    assert main(["val", *given, "--baselines", "--import", "my_metric.py", "--metric", "mae", "--no-images"]) == 0
    assert "mae" in capsys.readouterr().out


def test_the_sampler_is_of_first_order():
    exec(compile(FILES["my_sampler.py"], "my_sampler.py", "exec"), {"__name__": "my_sampler"})
