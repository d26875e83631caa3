"""`refsr chips` as a person uses it, up to a network that trains on what it wrote."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import chip_ground
import pytest
import yaml

from refsr.cli.main import main


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    for dtype in ("uint8", "uint16"):
        chip_ground.hr(folder / f"hr-{dtype}.tif", dtype=dtype)
        chip_ground.ref(folder / f"ref-{dtype}.tif", dtype=dtype)
    return folder


def words(scenes, target, *more, dtype="uint8"):
    sources = [str(scenes / f"hr-{dtype}.tif"), "--ref", str(scenes / f"ref-{dtype}.tif"), "-o", str(target)]
    small = ["--size", "64", "--scale", "4", "--block", "1400", "--gap", "40", "--split", "0.5", "0.25", "0.25"]
    return ["chips", *sources, *small, *more]


@pytest.mark.parametrize(("dtype", "more"), [("uint8", ()), ("uint8", ("--lmdb",)), ("uint16", ())])
def test_a_network_trains_on_chips(scenes, tmp_path, capsys, dtype, more):
    """datasets.yml with a network is an option file: two steps, a validation, and a test."""
    assert main(words(scenes, tmp_path / "set", *more, dtype=dtype)) == 0
    options = yaml.safe_load((tmp_path / "set" / "datasets.yml").read_text())
    assert set(options["datasets"]) == {"train", "val", "test"}
    options["datasets"]["train"] |= {"n_workers": 0, "batch_size": 2, "GT_size": 32}
    options |= {
        "name": "small",
        "model": "RRSNet_model",
        "gpu_ids": [],
        "network_G": {"which_model_G": "RRSNet", "nf": 4, "n_blocks": 1, "deformable_groups": 1},
        "path": {"root": str(tmp_path / "exp")},
        "train": {"niter": 2, "lr_G": 1.0e-3, "val_freq": 2},
        "val": {"max_images": 2},
        "logger": {"print_freq": 1, "save_checkpoint_freq": 2},
    }
    (tmp_path / "small.yml").write_text(yaml.safe_dump(options, sort_keys=False))
    assert main(["train", str(tmp_path / "small.yml")]) == 0
    run = tmp_path / "exp" / "experiments" / "small"
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "train"] == [1, 2]
    assert any(line["kind"] == "validation" for line in lines)
    assert main(["val", str(tmp_path / "small.yml"), "--baselines"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize("lines", [3, 17])
def test_after_a_kill_the_same_command_gives_the_same_bytes(scenes, tmp_path, capsys, lines):
    assert main(words(scenes, tmp_path / "whole")) == 0
    command = [sys.executable, "-c", "from refsr.cli.main import entry; entry()", *words(scenes, tmp_path / "set")]
    journal = tmp_path / "set" / "chips.journal"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and not (journal.exists() and journal.read_bytes().count(b"]\n") >= lines):
            time.sleep(0.002)
        run.kill()
    assert run.returncode == -signal.SIGKILL
    assert not json.loads((tmp_path / "set" / "chips.json").read_text())["complete"]
    capsys.readouterr()
    assert main(words(scenes, tmp_path / "set")) == 0
    made, total = (int(number) for number in re.findall(r"(\d+) (?:cut now|chips)", capsys.readouterr().out)[::-1])
    assert 0 < made <= total - lines
    found = [
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*")
         if file.is_file() and file.name != "datasets.yml"}
        for folder in (tmp_path / "whole", tmp_path / "set")
    ]  # fmt: skip
    assert found[0] == found[1]


def test_what_was_decided_and_left_out_is_printed(scenes, tmp_path, capsys):
    assert main(words(scenes, tmp_path / "set")) == 0
    out = capsys.readouterr().out
    assert "Ref: " in out
    assert "EPSG:4326, 9.9" in out
    assert "LR: made from HR by MATLAB's bicubic, scale 4" in out
    assert "blocks of 1400 m, 40 m apart where splits differ" in out
    counts = json.loads((tmp_path / "set" / "chips.json").read_text())
    assert f"{len(counts['chips'])} chips (" in out
    assert f"left out: {counts['left_out']['too near to ground of another split']} (too near" in out
    assert main(words(scenes, tmp_path / "set")) == 0
    assert ", 0 cut now" in capsys.readouterr().out


def test_a_split_without_a_chip_is_named(scenes, tmp_path, capsys):
    """On ground of one block nothing is left to test on."""
    assert main(words(scenes, tmp_path / "set", "--block", "100000", "--seed", "1")) == 0
    out = capsys.readouterr().out
    assert out.count("has no chip: its ground holds none; try a smaller --block or --gap, or another --seed") == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--bands", "rad", "green", "blue"), "has no band 'rad'; did you mean 'red'?"),
        (("--bands", "1", "2", "9"), "band 9 is asked for"),
        (("--range", "5", "5"), "must rise"),
        (("--scale", "3"), "size 64 is no multiple of the scale 3"),
        (("--split", "1", "1", "1"), "expected three shares that add up to 1"),
        (("--limit", "0"), "limit 0 is out of range"),
    ],
)
def test_mistakes_are_one_line(scenes, tmp_path, capsys, more, message):
    assert main(words(scenes, tmp_path / "set", *more)) in (1, 2)
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_bands_by_name_and_in_another_order(scenes, tmp_path, capsys):
    from refsr.data.images import read_image

    assert main(words(scenes, tmp_path / "plain")) == 0
    assert main(words(scenes, tmp_path / "turned", "--bands", "blue", "1")) == 0
    file = next((tmp_path / "plain").glob("train/HR/*"))
    plain, turned = read_image(file), next((tmp_path / "turned").glob(f"train/HR/{file.stem}.tif"))
    assert (read_image(turned) == plain[:, :, [2, 0]]).all()
    assert "bands: [1, 2]" in (tmp_path / "turned" / "datasets.yml").read_text()
    capsys.readouterr()
