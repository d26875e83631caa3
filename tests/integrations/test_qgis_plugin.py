"""The plugin in QGIS itself: qgis_process runs its algorithms; skipped where it is not installed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]

# Debian's qgis_process is a script that adds an option of the desktop program, which qgis_process does not know.
PROCESS = shutil.which("qgis_process.bin") or shutil.which("qgis_process")

pytestmark = [
    pytest.mark.skipif(PROCESS is None, reason="qgis_process is not installed"),
    pytest.mark.slow,
]


class Qgis:
    """qgis_process with the zipped plugin in a profile of its own."""

    def __init__(self, folder: Path) -> None:
        plugins = folder / "profile" / "profiles" / "default" / "python" / "plugins"
        plugins.mkdir(parents=True)
        packed = folder / "refsr_qgis.zip"
        subprocess.run(["sh", str(ROOT / "scripts" / "qgis_plugin.sh"), str(packed)], check=True)
        shutil.unpack_archive(packed, plugins)
        command = folder / "refsr"
        source = os.environ.get("PYTHONPATH", "")
        command.write_text(f'#!/bin/sh\nPYTHONPATH="{source}" exec "{sys.executable}" -m refsr "$@"\n')
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self.surroundings = {
            **kept, "PATH": "/usr/local/bin:/usr/bin:/bin", "QT_QPA_PLATFORM": "offscreen", "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder), "QGIS_CUSTOM_CONFIG_PATH": str(folder / "profile"),
            "REFSR_COMMAND": str(command), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self("plugins", "enable", "refsr_qgis")

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        assert PROCESS is not None
        return subprocess.run(
            [PROCESS, *words], capture_output=True, text=True, env=self.surroundings, check=False, timeout=600
        )

    def run(self, algorithm: str, **parameters: object) -> dict[str, Any]:
        """The results of an algorithm."""
        words = [f"{name}={value}" for name, value in parameters.items()]
        done = self("run", "--json", f"refsr:{algorithm}", "--", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
        return found["results"]


@pytest.fixture(scope="module")
def qgis(tmp_path_factory: pytest.TempPathFactory) -> Qgis:
    return Qgis(tmp_path_factory.mktemp("qgis"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """LR of 10 m, and a reference of 2.5 m whose georeference is 5 m wrong."""
    import rasterio

    from refsr.ops.resize import imresize
    from towns import in_bytes, town

    folder = tmp_path_factory.mktemp("pair")
    ground = town(3, 200, 120)
    lr = imresize(ground[4:-4, 4:-4], size=(48, 48))
    for name, image, pixel, left in (("lr", lr, 10.0, 500_010), ("ref", ground, 2.5, 500_005)):
        with rasterio.open(
            folder / f"{name}.tif", "w", driver="GTiff", width=image.shape[1], height=image.shape[0], count=3,
            dtype="uint8", crs="EPSG:32632",
            transform=rasterio.Affine(pixel, 0, left, 0, -pixel, 5_000_000 if name == "ref" else 4_999_990),
        ) as sink:  # fmt: skip
            sink.write(np.moveaxis(in_bytes(image), 2, 0))
    return folder / "lr.tif", folder / "ref.tif"


def test_the_algorithms_are_listed(qgis: Qgis) -> None:
    listed = qgis("list").stdout
    for name in ("refsr:superresolve", "refsr:register", "refsr:evidence"):
        assert name in listed


def test_a_raster_is_restored_with_its_evidence(qgis: Qgis, pair: tuple[Path, Path], tmp_path: Path) -> None:
    import rasterio

    lr, ref = pair
    found = qgis.run(
        "superresolve", LR=lr, REF=ref, MODEL="refsr-x4-fast", OUTPUT=tmp_path / "sr.tif", EVIDENCE=tmp_path / "e.tif"
    )
    assert Path(found["OUTPUT"]) == tmp_path / "sr.tif"
    with rasterio.open(tmp_path / "sr.tif") as result, rasterio.open(lr) as source:
        assert (result.width, result.count) == (4 * source.width, source.count)
        assert result.bounds == source.bounds
    with rasterio.open(tmp_path / "e.tif") as evidence:
        assert "borrowed" in evidence.descriptions
        assert float(evidence.read(1).max()) > 0


def test_a_reference_is_registered(qgis: Qgis, pair: tuple[Path, Path], tmp_path: Path) -> None:
    lr, ref = pair
    found = qgis.run("register", LR=lr, REF=ref, OUTPUT=tmp_path / "on.tif", POINTS=tmp_path / "points.geojson")
    assert Path(found["OUTPUT"]).is_file()
    assert json.loads((tmp_path / "points.geojson").read_text())["features"]


def test_the_commands_reason_is_shown(qgis: Qgis, pair: tuple[Path, Path], tmp_path: Path) -> None:
    done = qgis("run", "refsr:superresolve", "--", f"LR={pair[0]}", "MODEL=refsr-x5", f"OUTPUT={tmp_path / 'a.tif'}")
    assert done.returncode != 0
    assert "refsr-x5" in done.stdout + done.stderr
    assert not (tmp_path / "a.tif").exists()


def test_a_missing_command_says_how_to_install_it(qgis: Qgis, pair: tuple[Path, Path], tmp_path: Path) -> None:
    before = dict(qgis.surroundings)
    del qgis.surroundings["REFSR_COMMAND"]
    try:
        done = qgis("run", "refsr:superresolve", "--", f"LR={pair[0]}", f"OUTPUT={tmp_path / 'a.tif'}")
    finally:
        qgis.surroundings = before
    assert "The command refsr was not found" in done.stdout + done.stderr
