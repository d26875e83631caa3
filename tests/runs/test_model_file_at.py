"""Which model file a path means."""

from __future__ import annotations

import pytest

from refsr.core.errors import DataError
from refsr.core.registry import bundled
from refsr.runs.model_file import model_file_at, read_tensors
from refsr.runs.run_folder import Best


@pytest.fixture
def run(tmp_path):
    """A run's folder with two checkpoints, averages in the second."""
    for step, names in ((1, ["G", "D"]), (2, ["G", "G_ema", "D"])):
        folder = tmp_path / "run" / "checkpoints" / str(step)
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.safetensors").write_bytes(b"")
        (folder / "COMPLETE.json").write_text("{}")
    return tmp_path / "run"


def test_a_run_means_its_newest_checkpoint_until_one_was_the_best(run):
    assert model_file_at(run) == run / "checkpoints/2/G_ema.safetensors"
    assert model_file_at(run, averaged=False) == run / "checkpoints/2/G.safetensors"
    assert model_file_at(run, "D") == run / "checkpoints/2/D.safetensors"
    Best("psnr", 1, 30.0).write(run / "checkpoints")
    assert model_file_at(run) == run / "checkpoints/1/G.safetensors"


def test_the_folder_of_a_checkpoint_means_that_checkpoint(run):
    first = run / "checkpoints/1"
    assert model_file_at(first) == first / "G.safetensors"
    assert model_file_at(first, "D") == first / "D.safetensors"
    with pytest.raises(DataError, match="checkpoints/1: holds no weights of D_grad"):
        model_file_at(first, "D_grad")


def test_files_and_names_mean_themselves(tmp_path):
    file = tmp_path / "w.safetensors"
    assert model_file_at(file) == file
    name, bundled_file = next(iter(bundled().items()))
    assert model_file_at(type(file)(name)) == bundled_file


def test_what_can_hold_no_weights_is_named(tmp_path):
    (tmp_path / "old.pth").touch()
    with pytest.raises(DataError, match=r"refsr import .*old\.pth makes one"):
        model_file_at(tmp_path / "old.pth")
    with pytest.raises(DataError, match="is no folder of a run with a checkpoint"):
        model_file_at(tmp_path)


def test_a_published_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_tensors(model_file_at(tmp_path / "gone.pth"))
