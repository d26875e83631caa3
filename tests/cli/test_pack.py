"""`refsr pack` and `refsr store` as a person uses them."""

from __future__ import annotations

import shutil
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
        (["pack"], "required: SOURCE, TARGET"),
        (["pack", "{}/set"], "required: TARGET"),
        (["pack", "{}/set", "{}/out", "--all-below", "{}"], "exclude --all-below"),
        (["pack", "--all-below", "{}", "--kinds", "HR"], "--kinds belongs to SOURCE and TARGET"),
        (
            ["pack", "--all-below", "{}/nothing", "{}/set/HR"],
            "nothing to pack: no folders HR, LR, LR_UX4, Ref, Ref_DUX4",
        ),
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


KINDS = {"HR": 64, "LR": 16, "LR_UX4": 64, "Ref": 64, "Ref_DUX4": 64}


def put_kinds(folder, kinds=KINDS, names=("a", "b")):
    for kind, side in kinds.items():
        for name in names:
            write_image(folder / kind / f"{name}.png", np.full((side, side, 3), 50, np.uint8))


@pytest.fixture
def checkout(tmp_path, pytestconfig):
    """A checkout's folder `dataset` with the script in it, and nothing to pack yet."""
    scripts = tmp_path / "checkout" / "dataset" / "data_script"
    scripts.mkdir(parents=True)
    shutil.copy(pytestconfig.rootpath / "dataset" / "data_script" / "create_lmdb.py", scripts)
    return scripts


def create_lmdb(checkout):
    """The script as the published README has it typed: in its own folder, without arguments."""
    words = [sys.executable, "create_lmdb.py"]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=checkout)


def test_without_arguments_the_script_packs_train_and_val(checkout):
    train, val = checkout.parent / "train", checkout.parent / "val"
    put_kinds(train)
    put_kinds(train, {"mask": 64})
    google = {"google_Ref" if kind == "Ref" else kind: side for kind, side in KINDS.items() if kind != "Ref_DUX4"}
    put_kinds(val / "RRSSRD" / "val_1st", google)
    done = create_lmdb(checkout)
    assert done.returncode == 0, done.stderr
    stores = [train / f"{kind}.lmdb" for kind in KINDS]
    stores += [val / "RRSSRD" / "val_1st_lmdb" / f"{kind}.lmdb" for kind in google]
    lines = done.stdout.splitlines()
    assert [line for line in lines if ".lmdb: 2 packed" in line] == [f"{store}: 2 packed" for store in stores]
    assert f"{train}: left mask, no kind of a published set" in lines
    assert f"{val / 'RRSSRD' / 'val_1st'}: has no Ref_DUX4" in lines
    assert main(["store", "verify", *map(str, stores)]) == 0
    assert not (train / "mask.lmdb").exists()
    # Again: all is there, and stores are not taken for sets.
    again = create_lmdb(checkout)
    assert again.returncode == 0
    assert [line for line in again.stdout.splitlines() if "already packed" in line] == [
        f"{store}: 0 packed, 2 already packed" for store in stores
    ]
    put_kinds(train, names=("c",))
    assert f"{train / 'HR.lmdb'}: 1 packed, 2 already packed" in create_lmdb(checkout).stdout


def test_without_arguments_and_without_data_the_script_says_where_it_looked(checkout):
    done = create_lmdb(checkout)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("refsr: nothing to pack: no folders HR, LR, LR_UX4, Ref, Ref_DUX4 with images in ")
    assert str(checkout.parent / "train") in line
    assert str(checkout.parent / "val") in line


def test_a_set_that_does_not_pair_does_not_stop_the_others(checkout):
    train = checkout.parent / "train"
    put_kinds(train / "one")
    put_kinds(train / "two")
    (train / "one" / "Ref" / "b.png").unlink()
    done = create_lmdb(checkout)
    assert done.returncode == 1
    assert "Ref lacks 1 of 2: b" in done.stderr
    assert f"{train / 'one'}: not packed, see below" in done.stdout
    assert f"{train / 'two_lmdb' / 'HR.lmdb'}: 2 packed" in done.stdout
    assert not (train / "one_lmdb").exists()
