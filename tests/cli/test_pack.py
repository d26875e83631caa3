"""`refsr pack` and `refsr store` as a person uses them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from refsr.cli.main import main
from refsr.data.images import write_image


@pytest.fixture
def data_set(tmp_path):
    for kind, side in (("HR", 64), ("LR", 16), ("Ref", 64)):
        for name in ("a", "b"):
            write_image(tmp_path / "set" / kind / f"{name}.png", np.full((side, side, 3), 50, np.uint8))
    return tmp_path / "set"


def test_pack_verify_repair(data_set, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["pack", str(data_set), str(out)]) == 0
    stores = [str(out / f"{kind}.lmdb") for kind in ("HR", "LR", "Ref")]
    assert main(["store", "verify", *stores]) == 0
    assert capsys.readouterr().out.count("all intact") == 3
    database = out / "HR.lmdb" / "data.mdb"
    content = bytearray(database.read_bytes())
    at = bytes(content).find(b"\x32" * 9000)
    content[at + 5000] ^= 1
    database.write_bytes(content)
    assert main(["store", "verify", stores[0]]) == 1
    assert "the bytes are not those that were packed" in capsys.readouterr().out
    assert main(["store", "repair", stores[0], "--source", str(data_set / "HR")]) == 0
    assert main(["store", "verify", *stores]) == 0
    assert main(["store", "info", stores[0]]) == 0
    assert "PackedStore, 2 images: 2 of 64x64, 3 bands, uint8" in capsys.readouterr().out


def test_unequal_keys_across_stores_fail_verification(data_set, tmp_path, capsys):
    write_image(data_set / "Ref" / "c.png", np.zeros((64, 64, 3), np.uint8))
    assert main(["pack", str(data_set), str(tmp_path / "out")]) == 1
    assert "HR lacks 1 of 3: c" in capsys.readouterr().err
    assert main(["pack", str(data_set), str(tmp_path / "out"), "--kinds", "HR"]) == 0
    assert main(["pack", str(data_set / "Ref"), str(tmp_path / "out")]) == 0
    assert main(["store", "verify", str(tmp_path / "out" / "HR.lmdb"), str(tmp_path / "out" / "Ref.lmdb")]) == 1
    assert "lacks 1 of 3: c" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pack", "{}/sett", "{}/out"], "did you mean 'set'"),
        (["pack", "{}/set", "{}/out", "--kinds", "HRR"], "did you mean 'HR'"),
        (["pack", "{}/set", "{}/out", "--layout", "publish"], "invalid choice"),
        (["store", "verify", "{}/nothing"], "no such folder"),
        (["store", "repair", "{}/set/HR"], "only packed stores"),
        (["pack"], "required"),
    ],
)
def test_mistakes_are_one_line(data_set, tmp_path, capsys, words, message):
    assert main([word.format(tmp_path) for word in words]) in (1, 2)
    shown = capsys.readouterr().err.strip()
    assert message in shown
    assert len(shown.splitlines()) == 1


def test_the_script_beside_the_data_does_the_same(data_set, tmp_path, pytestconfig):
    script = pytestconfig.rootpath / "dataset" / "data_script" / "create_lmdb.py"
    command = [sys.executable, str(script), str(data_set), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "HR.lmdb: 2 packed" in done.stdout
