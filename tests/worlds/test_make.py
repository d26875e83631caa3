"""Worlds on disk: equal for any number of workers, resumable, and refused where they would mix."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from refsr.core.errors import DataError, UsageError
from refsr.data.images import read_image
from refsr.geo.raster import has_rasterio
from refsr.worlds.knobs import Knobs
from refsr.worlds.world_folder import make_world

KNOBS = Knobs(places=3, size=64, scale=4, val=1, test=0, misregistration=2.0, bands=30)


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("worlds") / "one"
    report = make_world(target, KNOBS, workers=1)
    assert (report.made, report.kept) == (3, 0)
    return target


def test_layout(world: Path) -> None:
    suffix = ".tif" if has_rasterio() else ".npy"
    for kind, end in {"HR": ".png", "LR_UX4": ".png", "mask": ".png", "flow": ".npy", "hsi": suffix}.items():
        assert sorted(file.name for file in (world / "train" / kind).iterdir()) == [f"000001{end}", f"000002{end}"]
        assert [file.name for file in (world / "val" / kind).iterdir()] == [f"000000{end}"]
    assert read_image(world / "train/LR/000001.png").shape == (16, 16, 3)
    assert read_image(world / "train/flow/000001.npy").dtype == np.float32
    described = json.loads((world / "world.json").read_text())
    assert described["knobs"] == dataclasses.asdict(KNOBS)
    assert described["places"]["000002"]["hr"]["moment"]["elevation"] > 0
    assert len(described["cube"]["centres_nm"]) == 30


def test_four_workers_make_the_same_files(world: Path, tmp_path: Path) -> None:
    make_world(tmp_path / "four", KNOBS, workers=4)
    assert _digests(tmp_path / "four") == _digests(world)


def test_a_rerun_makes_what_is_missing_and_nothing_else(world: Path) -> None:
    before = _digests(world)
    assert make_world(world, KNOBS).made == 0
    (world / "train/Ref/000002.png").unlink()
    (world / "train/Ref/.000002.png.abc.part").write_bytes(b"half")
    (world / "places/000001.json").unlink()
    untouched = world / "val/HR/000000.png"
    stamp = untouched.stat().st_mtime_ns
    report = make_world(world, KNOBS, workers=2)
    assert (report.made, report.kept) == (2, 1)
    assert _digests(world) == before
    assert untouched.stat().st_mtime_ns == stamp


def test_other_knobs_are_refused_by_name(world: Path) -> None:
    with pytest.raises(DataError, match=r"other knobs \(seed 0 there, 4 now\)"):
        make_world(world, dataclasses.replace(KNOBS, seed=4))
    with pytest.raises(DataError, match="it can only grow"):
        make_world(world, dataclasses.replace(KNOBS, places=2))


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thing.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty and holds no world"):
        make_world(tmp_path, KNOBS)
    with pytest.raises(DataError, match="is a file"):
        make_world(tmp_path / "thing.txt", KNOBS)
    (tmp_path / "world.json").write_text("[1, 2")
    with pytest.raises(DataError, match=r"world\.json: is no description of a world"):
        make_world(tmp_path, KNOBS)
    with pytest.raises(UsageError, match="workers 0"):
        make_world(tmp_path / "new", KNOBS, workers=0)
    with pytest.raises(UsageError, match="style 'rurla' is not known"):
        make_world(tmp_path / "new", dataclasses.replace(KNOBS, style="rurla"))
    assert not (tmp_path / "new").exists()


def test_georeferenced_worlds(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    make_world(tmp_path / "geo", Knobs(places=1, size=64, geo=True, bands=30), workers=1)
    with (
        rasterio.open(tmp_path / "geo/train/HR/000000.tif") as hr,
        rasterio.open(tmp_path / "geo/train/LR/000000.tif") as lr,
        rasterio.open(tmp_path / "geo/train/hsi/000000.tif") as hsi,
    ):
        assert hr.crs == lr.crs == hsi.crs
        assert hr.crs.to_epsg() // 100 in (326, 327)
        assert hr.bounds == lr.bounds == hsi.bounds
        assert (hr.res, lr.res, hsi.count) == ((0.5, 0.5), (2.0, 2.0), 30)
        assert "nm" in hsi.descriptions[0]
