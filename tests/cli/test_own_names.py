"""Networks and metrics of one's own in the commands, in model files and in loader processes."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from refsr.cli.main import main
from refsr.core import registry
from refsr.core.options.load import load_options
from refsr.core.user_modules import import_module
from refsr.data.build import build_dataset
from refsr.data.loading import PackedDraws
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.model_file import ModelCard, write_model

MODULE = """
from torch import Tensor, nn

import refsr.data.build
from refsr.core.registry import register_dataset, register_metric, register_network
from refsr.metrics import Metric
from refsr.networks.descriptor import Descriptor


class Nearest(nn.Module):
    descriptor = Descriptor(scale=4, channels=3, inputs=("lr",), halo=0)

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(Tensor([gain]))

    def forward(self, lr: Tensor) -> Tensor:
        return self.gain * nn.functional.interpolate(lr, scale_factor=4)


class Named(refsr.data.build.PairedSet):
    pass


def named(options, scale, seed):
    made = refsr.data.build.single(options, scale, seed)
    made.__class__ = Named
    return made


def mean_error(setting):
    return lambda image, target: float(abs(image - target).mean())


register_network("Nearest", Nearest)
register_dataset("named", named)
register_metric("mean-error", Metric("mean-error", "mean absolute error", "lower", "own", "own:mean_error"))
"""


@pytest.fixture
def folder(own_names: Path, places: Path) -> Path:
    (own_names / "own.py").write_text(MODULE)
    data = f"mode: single, dataroot_GT: {places}/HR, lr: from_hr"
    (own_names / "own.yml").write_text(
        "name: own\nmodel: SISR_model\nscale: 4\ngpu_ids: []\npath: {root: exp}\n"
        f"datasets: {{val: {{{data}}}}}\nnetwork_G: {{which_model_G: Nearest}}\n"
    )
    return own_names


def forget() -> None:
    """As a process that has not imported the module."""
    del registry.NAMES["network"]["Nearest"], registry.NAMES["dataset"]["named"], registry.NAMES["metric"]["mean-error"]
    del sys.modules["own"]


@pytest.fixture
def model(folder: Path) -> Path:
    import_module("own")
    spec = NetworkSpec("Nearest", {"gain": 0.5})
    write_model(folder / "own.safetensors", spec.build().state_dict(), ModelCard(spec, "SISR_model"))
    return folder / "own.safetensors"


def test_a_metric_of_ones_own_is_evaluated(folder, capsys):
    words = ["val", "own.yml", "import=[own]", "--baselines", "--no-images"]
    assert main([*words, "--import", "own", "--metric", "mean-error"]) == 0
    assert "mean-error" in capsys.readouterr().out
    written = json.loads((folder / "exp" / "experiments" / "own" / "results" / "val" / "results.json").read_text())
    assert "mean-error" in str(written["metrics"])
    assert main([*words, "--import", "own", "--metric", "mean-eror"]) == 2
    assert "metric 'mean-eror' is not known; did you mean 'mean-error'?" in capsys.readouterr().err


def test_a_model_file_says_which_module_brought_its_network_and_import_brings_it(model, capsys):
    forget()
    assert main(["info", str(model)]) == 1
    assert (
        f"refsr: {model}: its network Nearest is not registered; where the file was written, --import own brought it"
        in capsys.readouterr().err
    )
    assert main(["info", str(model), "--import", "own"]) == 0
    assert "Nearest, gain=0.5" in capsys.readouterr().out


def test_a_model_file_imports_nothing_by_itself(model):
    script = f"import sys; from refsr.cli.main import main; main(['info', {str(model)!r}]); print('own' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_a_module_that_is_not_there_is_one_line(folder, capsys):
    assert main(["info", "--import", "onw"]) == 1
    assert capsys.readouterr().err == (
        f"refsr: no module 'onw' is installed, and none in {folder}; did you mean 'own'?\n"
    )


def test_loader_processes_that_start_anew_know_the_module(folder):
    options = load_options("own.yml", ["import=[own]", "datasets.val.mode=named"])
    draws = PackedDraws(build_dataset(options.datasets["val"], 4, 0))
    (folder / "draws").write_bytes(pickle.dumps(draws))
    script = "import pickle, pathlib; print(len(pickle.loads(pathlib.Path(r'{}').read_bytes())))"
    told = subprocess.run(
        [sys.executable, "-c", script.format(folder / "draws")], capture_output=True, text=True, cwd="/", check=True
    )
    assert told.stdout.strip() == str(len(draws))
