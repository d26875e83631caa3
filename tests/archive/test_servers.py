"""Scenes on servers: dropped connections are tried again, what never answers is set aside; objects of a store (S3)."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import rasterio
from dropping_server import DroppingServer, dropping_server
from made_archives import settings, write_csv, write_scenes

import refsr
from refsr.archive import run
from refsr.archive.folder import ArchiveFolder
from refsr.archive.journal import RETRY, read_journal
from refsr.archive.restore_archive import Sources, restore_archive
from refsr.core.progress import no_progress
from refsr.inference.rasters import restore_raster


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DroppingServer]:
    """With the made scenes; GDAL repeats a request once, the archive's pauses are short."""
    write_scenes(tmp_path, 2)
    for name, value in (("GDAL_HTTP_MAX_RETRY", "1"), ("GDAL_HTTP_RETRY_DELAY", "0.01"), ("GDAL_HTTP_TIMEOUT", "60")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(run, "PAUSE", 0.01)
    with dropping_server(tmp_path / "LR") as made:
        yield made


def test_a_server_that_comes_and_goes_costs_tries_and_no_scene(server, enlarging, tmp_path, immediate):
    names = ("small-000", "small-001", "missing")
    rows = [{"path": f"{server.address}/{name}.tif", "id": name} for name in names]
    immediate()
    made = settings(enlarging, tmp_path / "out")
    server.drops.value = 8
    counts = restore_archive(Sources(write_csv(tmp_path / "c.csv", rows)), made, no_progress, lambda _: None)
    assert counts.done == 2
    assert set(counts.aside) == {"missing"}
    tried = [line["name"] for line in read_journal(tmp_path / "out" / "journal.jsonl") if line["event"] == RETRY]
    assert tried.count("missing") == run.MOST_TRIES - 1
    assert {"small-000"} < set(tried)
    restore_raster(refsr.load(enlarging, device="cpu"), rows[1]["path"], [], tmp_path / "alone.tif", made.options)
    assert ArchiveFolder(tmp_path / "out").result("small-001").read_bytes() == (tmp_path / "alone.tif").read_bytes()


def test_a_scene_whose_place_could_not_be_read_is_looked_at_again(server, enlarging, tmp_path, immediate):
    """References are found by the command itself, before a worker sees the scene."""
    rows = [{"path": f"{server.address}/{name}.tif", "id": name} for name in ("small-000", "small-001", "missing")]
    immediate()
    given = Sources(write_csv(tmp_path / "c.csv", rows), references=tmp_path / "Ref")
    server.drops.value = 4
    counts = restore_archive(given, settings(enlarging, tmp_path / "out"), no_progress, lambda _: None)
    assert server.drops.value == 0
    assert counts.done == 2
    assert set(counts.aside) == {"missing"}


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a bucket with the made scenes, in an object store on loopback."""
    pytest.importorskip("moto")
    boto3 = pytest.importorskip("boto3")
    write_scenes(tmp_path, 2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    host, port = place.split(":")
    monkeypatch.setattr(run, "PAUSE", 0.01)
    # For boto3 and GDAL alike; GDAL is told the endpoint beside.
    for name, value in {
        "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_S3_ENDPOINT": place, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    words = [sys.executable, "-m", "moto.server", "-H", host, "-p", port]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    break
            time.sleep(0.1)
        store = boto3.client("s3", endpoint_url=f"http://{place}")
        store.create_bucket(Bucket="scenes")
        for file in (tmp_path / "LR").iterdir():
            store.upload_file(str(file), "scenes", file.name)
        yield "scenes"
    finally:
        process.kill()
        process.wait()


def test_scenes_of_an_object_store(bucket, enlarging, tmp_path, immediate):
    names = ("small-000", "small-001", "missing")
    rows = [{"path": f"s3://{bucket}/{name}.tif", "id": name} for name in names]
    immediate()
    made = settings(enlarging, tmp_path / "out")
    counts = restore_archive(Sources(write_csv(tmp_path / "c.csv", rows)), made, no_progress, lambda _: None)
    assert counts.done == 2
    assert set(counts.aside) == {"missing"}
    alone = tmp_path / "alone.tif"
    restore_raster(refsr.load(enlarging, device="cpu"), str(tmp_path / "LR" / "small-000.tif"), [], alone, made.options)
    with rasterio.open(alone) as one, rasterio.open(ArchiveFolder(tmp_path / "out").result("small-000")) as other:
        assert (one.read() == other.read()).all()
