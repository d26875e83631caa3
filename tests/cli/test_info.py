"""`refsr info` tells what is built, what comes along, and what a model file is."""

from __future__ import annotations

from refsr.cli.main import main
from refsr.core.registry import bundled


def test_the_installation_and_what_comes_along(capsys):
    assert main(["info"]) == 0
    told = capsys.readouterr().out
    assert all(f"\n{what}" in told for what in ("python", "torch", "DCNv3 on cpu", "DCNv2 on cpu"))
    assert all(name in told for name in bundled())


def test_a_model_by_its_name(capsys):
    assert main(["info", "rrsnet-small-x4"]) == 0
    told = capsys.readouterr().out
    assert "RRSNet, " in told
    assert "lr, lr_up, ref, ref_down; 3 channels, x4" in told
    assert "\n# rrsnet-small-x4\n" in told
    assert "<!--" not in told


def test_what_is_no_model_is_one_line(capsys, tmp_path):
    (tmp_path / "wrong.safetensors").write_bytes(b"nothing")
    assert main(["info", str(tmp_path / "wrong.safetensors")]) == 1
    assert main(["info", "rrsnet"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
