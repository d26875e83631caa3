"""An archive has the bytes of single scenes, goes on after whatever stopped it, and sets aside what cannot be done."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import CancelledError
from datetime import datetime, timezone

import numpy as np
import pystac
import pytest
import rasterio
import shapely
from distributed.client import ClosedClientError
from distributed.comm import CommClosedError
from made_archives import (
    PIXEL,
    SIDE,
    Done,
    ImmediateClient,
    settings,
    sources,
    textured,
    write_csv,
    write_enlarging,
    write_pair,
    write_raster,
    write_scenes,
)  # fmt: skip
from pyarrow import parquet
from pystac.validation.stac_validator import JsonSchemaSTACValidator

import refsr
from refsr.archive import scene_work
from refsr.archive.catalog import read_catalog
from refsr.archive.folder import ArchiveFolder
from refsr.archive.journal import archive_state
from refsr.archive.references import Candidate
from refsr.archive.restore_archive import Sources, restore_archive
from refsr.archive.settings import SceneWork
from refsr.archive.worker import finish_scene, restore_blocks, restore_scenes
from refsr.core.errors import RefsrError, UsageError
from refsr.core.progress import no_progress
from refsr.geo.raster_sink import WHOLE, blocks_folder
from refsr.inference import raster_blocks
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_run import RasterRun
from refsr.inference.rasters import restore_raster
from refsr.report.archive import archive_page

LARGE = 100


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """So that a scene of 100 pixels has 16 blocks."""
    monkeypatch.setattr(raster_blocks, "BLOCK", 24)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("scenes"), 3, LARGE)


def restored(given, made, lines=None):
    return restore_archive(given, made, no_progress, (lines if lines is not None else []).append)


def restore_alone(given, scene):
    return restore_scenes(given, [scene])


def results(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.rglob("*.tif"))}


@pytest.fixture(scope="module")
def alone(scenes, enlarging, tmp_path_factory):
    """Each scene restored by itself."""
    folder, restorer = tmp_path_factory.mktemp("alone"), refsr.load(enlarging, device="cpu")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(raster_blocks, "BLOCK", 24)
        for file in sorted((scenes / "LR").iterdir()):
            ref = scenes / "Ref" / f"{file.stem}-ref.tif"
            restore_raster(restorer, file, [ref], folder / file.name, settings(enlarging, folder).options)
    return folder


@pytest.fixture(scope="module")
def archive(scenes, enlarging, tmp_path_factory):
    """The folder of a finished archive."""
    folder = tmp_path_factory.mktemp("archive") / "out"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(raster_blocks, "BLOCK", 24)
        patched.setattr("refsr.archive.restore_archive.connected", _nothing_around(ImmediateClient()))
        counts = restored(sources(scenes), settings(enlarging, folder))
    assert (counts.done, counts.aside) == (4, {})
    return ArchiveFolder(folder)


def _nothing_around(client):
    import contextlib

    return lambda *_: contextlib.nullcontext(client)


def test_results_have_the_bytes_of_single_scenes(archive, alone):
    assert results(archive.path) == results(alone)
    assert len(results(alone)) == 4


def test_nothing_but_results_is_left(archive):
    names = {file.name for file in (archive.scenes / "large").iterdir()}
    assert names == {"large.tif", "large.png", "large.json"}


def test_the_collection_is_valid_stac_without_a_network(archive, monkeypatch):
    """The core by the schemas in pystac; the extensions by reading their fields back."""
    monkeypatch.setattr("socket.socket.connect", pytest.fail)
    validator = JsonSchemaSTACValidator()
    collection = pystac.Collection.from_file(str(archive.collection))
    kinds = {pystac.Collection: pystac.STACObjectType.COLLECTION, pystac.Item: pystac.STACObjectType.ITEM}
    found = [collection, *collection.get_items()]
    for one in found:
        validator.validate_core(one.to_dict(), kinds[type(one)], "1.1.0", one.get_self_href())
    assert [one.id for one in found[1:]] == ["large", "small-000", "small-001", "small-002"]
    item = found[1]
    with rasterio.open(item.assets["image"].get_absolute_href()) as source:
        assert item.ext.proj.code == source.crs.to_string()
        assert item.ext.proj.shape == [source.height, source.width]
        assert item.ext.proj.transform == list(source.transform)[:6]
        assert [str(band.data_type) for band in item.assets["image"].ext.raster.bands] == list(source.dtypes)
    assert item.properties["gsd"] == PIXEL / 4
    assert item.properties["refsr:coverage"] == pytest.approx(1, abs=0.01)
    assert item.properties["refsr:references"][0]["id"] == "large-ref"
    assert item.properties["refsr:references"][0]["overlap"] == pytest.approx(1, abs=0.01)
    assert item.get_collection().id == collection.id


def test_the_table_is_a_catalog_again(archive):
    table = parquet.read_table(archive.index)
    assert json.loads(parquet.read_metadata(archive.index).metadata[b"geo"])["primary_column"] == "geometry"
    assert table.column("state").to_pylist() == ["done"] * 4
    found = list(read_catalog(archive.index))
    assert [one.path for one in found] == [str(archive.result(one.name)) for one in found]
    assert all(one.footprint.area > 0 for one in found)


def test_the_page_shows_all_scenes_and_fetches_nothing(archive):
    page = archive_page(archive)
    assert page.count("<path ") == 4
    assert page.count('src="data:image/') == 4
    assert "4 of 4 scenes done" in page


def test_a_repeated_command_does_nothing_and_one_with_other_settings_is_refused(scenes, enlarging, archive, immediate):
    client = immediate()
    before = results(archive.path)
    assert restored(sources(scenes), settings(enlarging, archive.path)).done == 4
    assert client.tasks == 0
    with pytest.raises(UsageError, match=r"was begun with other settings \(options, references\)"):
        restored(sources(scenes), settings(enlarging, archive.path, options=RestoreOptions(), references=2))
    assert results(archive.path) == before


def test_two_archives_in_one_folder_are_refused(scenes, enlarging, archive):
    with archive.locked(), pytest.raises(UsageError, match="another archive command is writing here"):
        restored(sources(scenes), settings(enlarging, archive.path))


def test_a_folder_of_something_else_is_refused(scenes, enlarging, tmp_path):
    (tmp_path / "photo.tif").write_bytes(b"")
    with pytest.raises(UsageError, match="is not empty and holds no archive"):
        restored(sources(scenes), settings(enlarging, tmp_path))


def test_only_a_window_of_tasks_is_known_to_the_scheduler(enlarging, tmp_path, immediate):
    write_scenes(tmp_path, 40)
    client = immediate()
    assert restored(Sources(tmp_path / "LR"), settings(enlarging, tmp_path / "out")).done == 40
    assert client.most_alive <= 4
    # Small scenes are handed out together.
    assert client.tasks < 20


def test_poisoned_scenes_are_set_aside_with_their_reason(enlarging, tmp_path, immediate):
    write_scenes(tmp_path, 2)
    low = tmp_path / "LR"
    (low / "cut.tif").write_bytes((low / "small-000.tif").read_bytes()[:900])
    write_pair(tmp_path, "alone", 7, SIDE, 5e5)
    (tmp_path / "Ref" / "alone-ref.tif").unlink()
    write_raster(low / "nowhere.tif", textured(1, SIDE), 0, crs=None)
    write_raster(low / "nan.tif", np.full((SIDE, SIDE, 3), np.nan, np.float32), 0)
    (low / "text.tif").write_text("no raster")
    immediate()
    lines: list[str] = []
    counts = restored(sources(tmp_path), settings(enlarging, tmp_path / "out"), lines)
    assert counts.done == 2
    assert "none of its pixels holds data" in counts.aside["nan"]
    assert "cannot be read at" in counts.aside["cut"]
    assert "no reference shares ground with it" in counts.aside["alone"]
    assert "lies nowhere on the ground" in counts.aside["nowhere"]
    assert "cannot be opened as a raster" in counts.aside["text"]
    assert any(line.startswith("cut: set aside: ") for line in lines)
    state = archive_state(tmp_path / "out" / "journal.jsonl")
    assert state.aside == counts.aside
    table = parquet.read_table(tmp_path / "out" / "index.parquet").to_pylist()
    assert {row["id"]: row["reason"] for row in table if row["state"] == "failed"} == counts.aside
    assert "cannot be opened as a raster" in archive_page(ArchiveFolder(tmp_path / "out"))
    # What was put right is done by the same command.
    shutil.copy(low / "small-000.tif", low / "cut.tif")
    assert "cut" not in restored(sources(tmp_path), settings(enlarging, tmp_path / "out")).aside


def test_a_scene_whose_footprint_is_no_polygon_is_set_aside_alone(enlarging, tmp_path, immediate):
    """GEOS refuses to intersect a ring that crosses itself."""
    write_scenes(tmp_path, 2)
    items = []
    for number, scene in enumerate(read_catalog(tmp_path / "LR")):
        known = scene.measured().footprint
        west, south, east, north = known.bounds
        crossing = shapely.Polygon([(west, south), (east, (north + south) / 2), (east, south), (west, north)])
        shape = json.loads(shapely.to_geojson(crossing if number else known))
        made = pystac.Item(scene.name, shape, list(known.bounds), datetime(2024, 6, 1, tzinfo=timezone.utc), {})
        made.add_asset("image", pystac.Asset(scene.path, media_type=pystac.MediaType.COG))
        items.append(made)
    file = tmp_path / "items.json"
    file.write_text(json.dumps(pystac.ItemCollection(items).to_dict()))
    immediate()
    counts = restored(Sources(file, references=tmp_path / "Ref"), settings(enlarging, tmp_path / "out"))
    assert counts.done == 1
    assert "its footprint is no valid polygon" in counts.aside["small-001"]


def test_a_scene_without_a_reference_is_restored_where_that_is_asked_for(enlarging, tmp_path, immediate):
    write_pair(tmp_path, "first", 7, SIDE, 0)
    write_pair(tmp_path, "second", 8, SIDE, 5e5)
    (tmp_path / "Ref" / "second-ref.tif").unlink()
    immediate()
    counts = restored(sources(tmp_path), settings(enlarging, tmp_path / "out", without_reference=True))
    assert (counts.done, counts.aside) == (2, {})
    item = json.loads(ArchiveFolder(tmp_path / "out").item("second").read_text())
    assert item["properties"]["refsr:references"] == []


def test_a_refused_reference_makes_room_for_the_next(enlarging, tmp_path, immediate):
    write_pair(tmp_path, "scene", 7, 64, 0)
    good = tmp_path / "Ref" / "scene-ref.tif"
    write_raster(tmp_path / "wrong.tif", textured(99, 64 * 4), 0, PIXEL / 4)
    rows = [{"path": "LR/scene.tif", "references": f"wrong.tif|{good}"}]
    immediate()
    options = RestoreOptions(range=(0, 255), tile=32)
    given = Sources(write_csv(tmp_path / "c.csv", rows))
    restored(given, settings(enlarging, tmp_path / "out", options=options))
    about = json.loads(ArchiveFolder(tmp_path / "out").item("scene").read_text())["properties"]
    assert [one["id"] for one in about["refsr:refused_references"]] == ["wrong"]
    assert [one["id"] for one in about["refsr:references"]] == ["scene-ref"]
    assert about["refsr:references"][0]["figures"]["likeness"] > 0.5
    assert about["refsr:coverage"] > 0.5


def test_a_mask_beside_a_scene_counts(enlarging, tmp_path, immediate):
    """As for a single scene: nothing keeps GDAL from the files beside one."""
    write_scenes(tmp_path, 1)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(tmp_path / "LR" / "small-000.tif", "r+") as source:
        source.write_mask(np.arange(SIDE)[:, None].repeat(SIDE, axis=1) < 12)
    assert (tmp_path / "LR" / "small-000.tif.msk").exists()
    immediate()
    restored(Sources(tmp_path / "LR"), settings(enlarging, tmp_path / "out"))
    with rasterio.open(ArchiveFolder(tmp_path / "out").result("small-000")) as made:
        assert (made.dataset_mask() > 0).mean() == 0.5


def test_evidence_lies_beside_a_result_with_its_means(enlarging, tmp_path, immediate):
    write_scenes(tmp_path, 1)
    immediate()
    restored(sources(tmp_path), settings(enlarging, tmp_path / "out", evidence=True))
    item = json.loads(ArchiveFolder(tmp_path / "out").item("small-000").read_text())
    with rasterio.open(tmp_path / "out" / "scenes" / "small-000" / "small-000.evidence.tif") as source:
        means = source.read().mean(axis=(1, 2))
        names = source.descriptions
    assert item["properties"]["refsr:evidence"] == pytest.approx(
        dict(zip(names, means.tolist(), strict=True)), abs=1e-5
    )
    assert item["assets"]["evidence"]["href"] == "./small-000.evidence.tif"


def test_a_worker_that_dies_with_several_scenes_is_asked_for_one_at_a_time(enlarging, tmp_path, immediate):
    from distributed.scheduler import KilledWorker

    write_scenes(tmp_path, 12)

    def die(function, arguments):
        if function is restore_scenes and any(one.name == "small-007" for one in arguments[1]):
            raise KilledWorker("restore", None, 2)

    immediate(die)
    counts = restored(Sources(tmp_path / "LR"), settings(enlarging, tmp_path / "out"))
    assert (counts.done, counts.aside) == (11, {"small-007": "its worker died, perhaps for want of memory"})


def test_a_worker_that_dies_within_a_shared_scene_costs_only_its_blocks(scenes, enlarging, tmp_path, immediate, alone):
    from distributed.scheduler import KilledWorker

    left = 2

    def die(function, arguments):
        nonlocal left
        if function is restore_blocks and left:
            left -= 1
            raise KilledWorker("restore", None, 2)

    immediate(die)
    assert restored(sources(scenes), settings(enlarging, tmp_path / "out")).aside == {}
    assert results(tmp_path / "out") == results(alone)


def test_a_folder_that_takes_nothing_stops_the_archive(scenes, enlarging, tmp_path, immediate, monkeypatch):
    """Other scenes would fail too; the same command goes on when there is room."""

    def full(path, text):
        raise RefsrError(f"{path}: the disk is full; what stood there before is untouched")

    immediate()
    with monkeypatch.context() as patched:
        patched.setattr(scene_work, "write_text", full)
        patched.setattr(ArchiveFolder, "fault", _full_after(1))
        with pytest.raises(RefsrError, match="no space left; the archive stops, and the same command goes on"):
            restored(sources(scenes), settings(enlarging, tmp_path / "out"))
    assert restored(sources(scenes), settings(enlarging, tmp_path / "out")).done == 4


def _full_after(calls):
    count = 0

    def fault(self):
        nonlocal count
        count += 1
        return None if count <= calls else f"{self.path}: no space left"

    return fault


def test_a_stop_between_result_and_item_leaves_the_item_to_the_next(
    scenes, enlarging, tmp_path, immediate, monkeypatch
):
    class StopError(Exception):
        """Stands for a kill."""

    def stopping(*_):
        raise StopError

    immediate()
    made = settings(enlarging, tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(scene_work, "write_thumbnail", stopping)
        restored(sources(scenes), made)
    folder = ArchiveFolder(tmp_path / "out")
    assert folder.result("large").exists()
    assert not folder.item("large").exists()
    assert restored(sources(scenes), made).done == 4
    assert json.loads(folder.item("large").read_text())["properties"]["refsr:references"]


@pytest.mark.parametrize("task", [finish_scene, restore_alone])
def test_blocks_of_a_result_that_is_in_place_do_not_stay(task, enlarging, tmp_path, immediate):
    """A worker that is killed while it removes them; its task is given to another."""
    write_scenes(tmp_path, 1)
    immediate()
    made = settings(enlarging, tmp_path / "out", evidence=True)
    restored(Sources(tmp_path / "LR"), made)
    folder, (scene,) = ArchiveFolder(tmp_path / "out"), read_catalog(tmp_path / "LR")
    folder.item(scene.name).unlink()
    left = [blocks_folder(output(scene.name)) for output in (folder.result, folder.evidence)]
    for blocks in left:
        blocks.mkdir()
        (blocks / WHOLE).touch()
        (blocks / "0-0.tif").touch()
    (outcome,) = task(made, SceneWork(scene.name, scene.path))
    assert outcome.done
    assert folder.item(scene.name).exists()
    assert not any(blocks.exists() for blocks in left)


def test_an_item_that_another_worker_has_written_stays(enlarging, tmp_path, monkeypatch):
    """It was left at work by a stopped command; what is known of the scene goes with its item."""
    write_scenes(tmp_path, 1)
    (scene,), made = read_catalog(tmp_path / "LR"), settings(enlarging, tmp_path / "out")
    work = SceneWork(scene.name, scene.path, (Candidate("ref", str(tmp_path / "Ref" / "small-000-ref.tif")),))
    item, finish, before = ArchiveFolder(tmp_path / "out").item(scene.name), RasterRun.finish, []

    def meanwhile(run):
        finish(run)
        monkeypatch.setattr(RasterRun, "finish", finish)
        other = scene_work.Restoring(refsr.load(enlarging, device="cpu"), made)
        assert other.restore(work).done
        before.append(item.read_bytes())

    monkeypatch.setattr(RasterRun, "finish", meanwhile)
    (outcome,) = restore_alone(made, work)
    assert outcome.done
    assert item.read_bytes() == before[0]
    assert json.loads(before[0])["properties"]["refsr:references"][0]["id"] == "ref"


def test_what_a_worker_holds_open_is_of_one_command(enlarging, tmp_path):
    """The scene may have been replaced, and the folder removed, since an earlier one was stopped."""
    low = write_scenes(tmp_path, 0, LARGE) / "LR" / "large.tif"
    scene = SceneWork("large", str(low))
    (begun,) = restore_alone(settings(enlarging, tmp_path / "out"), scene)
    restore_blocks(settings(enlarging, tmp_path / "out"), scene, begun.missing[:2])
    shutil.rmtree(tmp_path / "out")
    white = tmp_path / "white.tif"
    write_raster(white, np.full((LARGE, LARGE, 3), 255, np.uint8), 1e5).replace(low)
    made = settings(enlarging, tmp_path / "out")
    restore_blocks(made, scene, begun.missing)
    (outcome,) = finish_scene(made, scene)
    assert outcome.done, outcome.reason
    with rasterio.open(ArchiveFolder(tmp_path / "out").result("large")) as source:
        assert (source.read() == 255).all()


@pytest.mark.parametrize("call", ["submit", "result", "exception", "scheduler_info"])
@pytest.mark.parametrize(
    "raised", [CommClosedError("closed"), CancelledError("cancelled"), ClosedClientError("closed")]
)
def test_a_scheduler_that_ends_during_a_call_is_named(
    call, raised, scenes, enlarging, tmp_path, immediate, monkeypatch
):
    client = immediate()
    before = {"submit": 2, "result": 1, "exception": 0, "scheduler_info": 1}[call]
    owner = ImmediateClient if hasattr(ImmediateClient, call) else Done
    proper, calls = getattr(owner, call), 0

    def breaks(*arguments, **named):
        nonlocal calls
        calls += 1
        if calls <= before:
            return proper(*arguments, **named)
        client.status = "closed"
        raise raised("closed")

    monkeypatch.setattr(owner, call, breaks)
    monkeypatch.setattr("refsr.archive.run.TICK", 0.0)
    if call == "exception":
        monkeypatch.setattr(Done, "status", property(lambda _: "error", lambda *_: None), raising=False)
    with pytest.raises(RefsrError, match="the scheduler is gone; what is done stays"):
        restored(sources(scenes), settings(enlarging, tmp_path / "out"))
    assert calls == before + 1


def test_scenes_that_take_long_without_computing_are_handed_out_one_by_one(enlarging, tmp_path, immediate, monkeypatch):
    sizes = []
    immediate(lambda function, given: sizes.append(len(given[1])) if function is restore_scenes else None)
    monkeypatch.setattr("refsr.archive.run.SECONDS_A_TASK", 0.3)
    waiting = write_enlarging(tmp_path / "waiting.safetensors", pause=0.3)
    restored(sources(write_scenes(tmp_path, 8)), settings(waiting, tmp_path / "out"))
    assert sizes == [1] * 8
