"""Whatever is printed goes out, and nobody's terminal obeys the name of a file."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from refsr.cli.main import main as refsr
from refsr.cli.streams import Stream
from refsr.core.errors import DataError
from refsr.data.images import read_image, write_image
from refsr.data.stores import open_store
from refsr.data.stores.checking import verify

NOT_UTF8 = os.fsdecode(b"caf\xe9")
ODD = (NOT_UTF8, "bold\x1b[1m\x1b]0;title\x07", "[red]x[/red]", "ü–name")


def written(text: str, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    stream = Stream(io.TextIOWrapper(raw, encoding=encoding), escape=True, drop=False)
    print(text, file=stream, flush=True)
    return raw.getvalue().decode(encoding)


def test_control_characters_are_escaped() -> None:
    assert written("a\x1b[1mb\x07\rc\x7f\x9b\td") == "a\\x1b[1mb\\x07\\x0dc\\x7f\\x9b\td\n"


def test_names_that_are_not_utf8_are_escaped() -> None:
    assert written(NOT_UTF8) == "caf\\udce9\n"


def test_what_an_encoding_lacks_is_escaped() -> None:
    assert written("25.1 ± 0.2 – ü", "ascii") == "25.1 \\xb1 0.2 \\u2013 \\xfc\n"


def test_errors_that_nobody_reads_are_dropped() -> None:
    for drop in (True, False):
        reader, writer = os.pipe()
        os.close(reader)
        stream = Stream(io.TextIOWrapper(os.fdopen(writer, "wb"), line_buffering=True), escape=True, drop=drop)
        if drop:
            for _ in range(2):
                print("gone", file=stream, flush=True)
        else:
            with pytest.raises(BrokenPipeError):
                print("gone", file=stream, flush=True)
            os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
        stream.close()


CLOSED = """
import os, sys
from refsr.cli.streams import make_streams_robust
make_streams_robust()
with open(sys.argv[1], "wb") as file:
    assert file.fileno() > 2
    os.write(2, b"of a library")
    print("lost"), print("lost", file=sys.stderr)
"""


def test_closed_streams_take_no_file_with_them(tmp_path: Path) -> None:
    """What a library writes to standard error would else go into the first file that is opened."""
    words = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", sys.executable, "-c", CLOSED, str(tmp_path / "file")]
    assert subprocess.run(words, check=False).returncode == 0
    assert (tmp_path / "file").read_bytes() == b""


def test_an_ascii_locale_and_an_odd_name(tmp_path: Path) -> None:
    surroundings = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = [sys.executable, "-m", "refsr", "restor\x1b[1m\xfc", "--help"]
    done = subprocess.run(words, capture_output=True, env=surroundings, check=False)
    assert done.returncode == 2
    assert b"\x1b" not in done.stderr
    assert done.stderr.isascii()
    assert done.stderr.startswith(b"refsr: ")


@pytest.fixture
def odd_places(tmp_path: Path) -> Path:
    for number, name in enumerate(ODD):
        image = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        write_image(tmp_path / "HR" / f"{name}.png", image)
    return tmp_path


def test_odd_names_are_packed(odd_places: Path) -> None:
    assert refsr(["pack", str(odd_places / "HR"), str(odd_places / "HR.lmdb")]) == 0
    packed, folder = open_store(odd_places / "HR.lmdb"), open_store(odd_places / "HR")
    assert set(packed.keys()) == set(folder.keys()) == set(ODD)
    for key in ODD:
        np.testing.assert_array_equal(packed.read(key), folder.read(key))
    assert verify(odd_places / "HR.lmdb") == []


def test_odd_names_are_prepared_and_restored(odd_places: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is drawn for an image is drawn by its name, which could not be encoded."""
    target = tmp_path_factory.mktemp("target")
    made, restored = target / "made", target / "restored"
    for _ in range(2):
        assert refsr(["prepare", str(odd_places), str(made), "--scale", "4", "--workers", "0"]) == 0
        words = ["--lr", str(made / "LR"), "-o", str(restored), "--model", "refsr-x4-fast"]
        assert refsr(["restore", *words]) == 0
    there = {file.name for file in (odd_places / "HR").glob("*.png")}
    assert f"{NOT_UTF8}.png" in there
    assert {file.name for file in restored.glob("*.png")} == there


def test_odd_names_are_evaluated(odd_places: Path) -> None:
    """The table of scores could not be written after all images were restored."""
    options: dict[str, Any] = {
        "name": "odd",
        "model": "regression",
        "scale": 4,
        "gpu_ids": [],
        "datasets": {"val": {"mode": "single", "dataroot_GT": str(odd_places / "HR"), "lr": "from_hr"}},
        "network_G": {"which_model_G": "EDSR"},
        "path": {"root": str(odd_places / "exp")},
    }
    (odd_places / "odd.yml").write_text(yaml.safe_dump(options))
    assert refsr(["val", str(odd_places / "odd.yml"), "--baselines"]) == 0
    scores = next(odd_places.rglob("scores.csv")).read_text(encoding="utf-8")
    assert "caf\\udce9" in scores
    assert len(list(odd_places.rglob("results.json"))) == 1


def test_an_odd_name_is_no_internal_error_of_rasters(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    write_image(tmp_path / "a.tif", np.zeros((8, 8, 3), np.uint8))
    odd = (tmp_path / "a.tif").rename(tmp_path / f"{NOT_UTF8}.tif")
    with pytest.raises(DataError, match="rasterio takes names in UTF-8 only; rename the file"):
        read_image(odd)
