"""`refsr export --onnx`, `refsr info` and `refsr restore` with ONNX files, as their user meets them."""

from __future__ import annotations

import pytest

from onnx_files import write_blending
from refsr.cli.main import main
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.model_file import ModelCard, write_model

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def model(tmp_path):
    spec = NetworkSpec("EDSR", {"nf": 8, "n_blocks": 1})
    file = tmp_path / "G.safetensors"
    write_model(file, spec.build().state_dict(), ModelCard(spec, "SISR_model", {"step": 3}))
    return file


def test_a_file_is_written_and_described(model, tmp_path, capsys):
    pytest.importorskip("onnxscript")
    target = tmp_path / "m.onnx"
    assert main(["export", "--onnx", str(model), "-o", str(target), "--tile", "16"]) == 0
    shown = capsys.readouterr().out
    assert f"{target}: EDSR x4 from {model} (step 3)" in shown
    assert "takes lr in [0, 1]; LR of 16x16 pixels; 3 channels" in shown
    assert "greatest difference from torch: " in shown
    assert "deepness can load it" in shown
    assert main(["info", str(target)]) == 0
    shown = capsys.readouterr().out
    assert "EDSR; 3 channels, x4" in shown
    assert "16x16 pixels" in shown
    before = target.read_bytes()
    assert main(["export", "--onnx", str(model), "-o", str(target)]) == 2
    assert "already exists (--overwrite replaces it)" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("words", "code", "answer"),
    [
        (["G.safetensors", "-o", "m.pth"], 2, "m.pth: expected a name that ends in .onnx"),
        (["none.safetensors", "-o", "m.onnx"], 1, "none.safetensors: no such file"),
        (["G.safetensors", "-o", "m.onnx", "--tile", "7"], 2, "--tile 7: expected a number from 16 on, such as 16"),
        (["G.safetensors", "-o", "m.onnx", "--old-torch"], 2, "--old-torch goes with --published"),
        (["G.safetensors", "-o", "m.onnx", "--published"], 2, "not allowed with argument"),
        (["there.onnx", "-o", "m.onnx"], 1, "there.onnx: is an ONNX file, which refsr restore and refsr info take"),
    ],
)
def test_mistakes_are_one_line(model, words, code, answer, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_blending(tmp_path / "there.onnx")
    assert main(["export", "--onnx", *words]) == code
    error = capsys.readouterr().err
    assert answer in error
    assert error.count("\n") == 1
    assert not (tmp_path / "m.onnx").exists()


def test_tiles_are_of_onnx_files(model, tmp_path, capsys):
    assert main(["export", "--published", str(model), "-o", str(tmp_path / "m.pth"), "--tile", "16"]) == 2
    assert "--tile goes with --onnx" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["info"], ["restore", "--lr", "lr.png", "-o", "out.png", "--model"]], ids=str)
def test_a_cut_file_is_one_line(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = write_blending(tmp_path / "m.onnx")
    file.write_bytes(file.read_bytes()[:-40])
    assert main([*command, "m.onnx"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("refsr: m.onnx: is ")
    assert error.count("\n") == 1
