"""Chips of scenes: aligned, whole, split by ground, the same however often the command is interrupted."""

from __future__ import annotations

import json
import re
import shutil

import chip_ground
import ground
import numpy as np
import pytest
import rasterio
import yaml
from chip_ground import cut, footprints, record
from rasterio.transform import Affine

from refsr.core.errors import DataError, UsageError
from refsr.core.window import Window
from refsr.data.chips import run as run_module
from refsr.data.chips.record import ChipsRecord
from refsr.data.chips.run import BETWEEN
from refsr.data.images import read_image
from refsr.data.prepare.derive import PrepareSettings
from refsr.data.prepare.run import prepare
from refsr.data.stores import open_store
from refsr.geo.raster_source import RasterSource


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """HR in UTM with a hole, Ref in degrees, LR in UTM half an LR pixel off."""
    folder = tmp_path_factory.mktemp("scenes")
    chip_ground.hr(folder / "hr.tif", nodata=0)
    with rasterio.open(folder / "hr.tif", "r+") as sink:
        image = sink.read()
        image[1, 200:215, 300:420] = 0
        sink.write(image)
        sink.update_tags(TIFFTAG_DATETIME="2021:06:05 10:00:00", TIFFTAG_COPYRIGHT="CC-BY 4.0")
    chip_ground.ref(folder / "ref.tif")
    with rasterio.open(folder / "ref.tif", "r+") as sink:
        sink.update_tags(ACQUISITION_DATE="2012-07-01", ATTRIBUTION="A survey")
    ground.write(folder / "lr.tif", ground.north_up(40, ground.EAST - 140, ground.NORTH + 100), 150, 180, dtype="uint8")
    return folder


@pytest.fixture(scope="module")
def made(scenes, tmp_path_factory):
    target = tmp_path_factory.mktemp("made") / "set"
    report = cut(target, scenes / "hr.tif", ref=[scenes / "ref.tif"])
    return target, report


def images(target, kind):
    return {file.stem: read_image(file) for file in sorted(target.glob(f"*/{kind}/*"))}


def window(chip):
    return Window(chip["row"], chip["column"], 64, 64)


def truth(chip, pixel=10, side=64):
    corner = ground.north_up(pixel, ground.EAST + 10 * chip["column"], ground.NORTH - 10 * chip["row"])
    return ground.truth(corner, side, side)


def test_a_tuple_shows_one_ground(made):
    """HR is the scene's own pixels; Ref, which lay in degrees, shows what lies under each of them."""
    target, report = made
    chips, hr, ref = record(target)["chips"], images(target, "HR"), images(target, "Ref")
    assert set(chips) == set(hr) == set(ref)
    assert report.total == len(chips) > 20
    assert min(report.splits.values()) > 0
    for key, chip in chips.items():
        np.testing.assert_array_equal(hr[key], np.floor(truth(chip)).astype(np.uint8))
        error = ref[key] - truth(chip)
        # A tenth of a pixel off would be 4 grey levels at these frequencies; the file's values are rounded down.
        assert np.sqrt((error**2).mean()) < 2
        assert abs(error.mean() + 0.5) < 0.3


def test_lr_is_what_prepare_makes(made, tmp_path):
    target, _ = made
    prepare(target / "train", tmp_path / "prepared", PrepareSettings(4))
    ours, theirs = images(target, "LR"), {}
    for file in (tmp_path / "prepared" / "LR").iterdir():
        theirs[file.stem] = read_image(file)
    assert theirs
    for key, image in theirs.items():
        np.testing.assert_array_equal(ours[key], image)


def test_a_given_lr_is_brought_to_the_same_ground(scenes, tmp_path):
    lines = []
    settings = run_module.ChipSettings(
        (str(scenes / "hr.tif"),), (str(scenes / "ref.tif"),), (str(scenes / "lr.tif"),), 64, block=1400.0, gap=40.0
    )
    run_module.cut_chips(settings, tmp_path / "set", announce=lines.append)
    assert any("lr.tif: EPSG:32612, 40.0 m -> EPSG:32612, 40.0 m, interpolated once (cubic)" in line for line in lines)
    chips, lr = record(tmp_path / "set")["chips"], images(tmp_path / "set", "LR")
    for key, chip in chips.items():
        assert lr[key].shape == (16, 16, 3)
        assert chip["lr"] == "lr"
        error = lr[key] - truth(chip, 40, 16)
        # Waves of 0.28 cycles a pixel lose much to cubic interpolation half a pixel off, but move nowhere.
        found, known = lr[key][:, :, 1].ravel() - 120.0, truth(chip, 40, 16)[:, :, 1].ravel() - 120
        assert np.corrcoef(found, known)[0, 1] > 0.97
        assert abs(error.mean() + 0.5) < 2


def test_of_several_lr_rasters_one_is_taken_whole(scenes, tmp_path):
    """A hole in the first LR raster: the second takes its place for all of a chip, or the chip is left out."""
    corner = ground.north_up(40, ground.EAST - 120, ground.NORTH + 80)
    for name, width in (("first", 180), ("second", 60)):
        ground.write(tmp_path / f"{name}.tif", corner, 150, width, dtype="uint8", nodata=0)
    with rasterio.open(tmp_path / "first.tif", "r+") as sink:
        image = sink.read()
        image[:, 50:52, 3:140] = 0
        sink.write(image)
    low = [tmp_path / "first.tif", tmp_path / "second.tif"]
    report = cut(tmp_path / "set", scenes / "hr.tif", lr=low, split=(1.0, 0.0, 0.0), gap=0.0)
    # Six chips lie where the second does not reach, over three of which HR has a hole, too.
    assert report.left_out["LR holds no data somewhere"] == 3
    assert report.left_out["HR holds no data somewhere"] == 3
    lr = images(tmp_path / "set", "LR")
    by = {"first": set(), "second": set()}
    for key, chip in record(tmp_path / "set")["chips"].items():
        by[chip["lr"]].add((chip["row"], chip["column"]))
        np.testing.assert_array_equal(lr[key], np.floor(truth(chip, 40, 16)).astype(np.uint8))
    assert by["second"] == {(192, 0), (192, 64), (192, 128)}
    assert (192, 576) in by["first"]


def test_an_lr_raster_on_the_grid_is_taken_as_it_is(scenes, tmp_path):
    ground.write(
        tmp_path / "on.tif", ground.north_up(40, ground.EAST - 120, ground.NORTH + 80), 150, 180, dtype="uint8"
    )
    cut(tmp_path / "set", scenes / "hr.tif", lr=[tmp_path / "on.tif"])
    whole = read_image(tmp_path / "on.tif")
    chips, lr = record(tmp_path / "set")["chips"], images(tmp_path / "set", "LR")
    assert chips
    for key, chip in chips.items():
        top, left = chip["row"] // 4 + 2, chip["column"] // 4 + 3
        np.testing.assert_array_equal(lr[key], whole[top : top + 16, left : left + 16])


def test_every_chip_is_valid_and_every_other_one_has_a_reason(scenes, made):
    target, report = made
    chips = record(target)["chips"]
    with rasterio.open(scenes / "hr.tif") as source:
        valid = (source.read() != 0).all(axis=0)
    assert not valid.all()
    for chip in chips.values():
        assert valid[chip["row"] : chip["row"] + 64, chip["column"] : chip["column"] + 64].all()
    assert report.left_out["HR holds no data somewhere"] > 0
    assert report.total + sum(report.left_out.values()) == (512 // 64) * (640 // 64)


def test_ground_of_different_splits_lies_apart(made):
    """By the polygons alone, in metres."""
    target, _ = made
    found = footprints(target)
    distances = [
        chip_ground.apart(one, other)
        for at, (about, one) in enumerate(found)
        for other_about, other in found[:at]
        if about["split"] != other_about["split"]
    ]
    assert len(distances) > 50
    assert min(distances) >= 40


def test_footprints_lie_where_the_chips_do(made):
    target, _ = made
    chips = record(target)["chips"]
    for about, ring in footprints(target):
        chip = chips[about["name"]]
        east, north = ground.EAST + 10 * chip["column"], ground.NORTH - 10 * chip["row"]
        np.testing.assert_allclose(ring.min(0), [east, north - 640], atol=0.01)
        np.testing.assert_allclose(ring.max(0), [east + 640, north], atol=0.01)
        area = (ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1]).sum() / 2
        assert area == pytest.approx(640**2, rel=1e-4)
        assert about["date"] == "2021:06:05 10:00:00"
        assert about["dates_ref"] == ["2012-07-01"]
        assert (about["licence"], about["attribution"]) == ("CC-BY 4.0", "A survey")
        assert (target / about["split"] / "HR" / f"{about['name']}.png").exists()


def test_scenes_of_one_ground_agree_on_its_split(tmp_path):
    """In metres, in degrees, and turned: no ground that one scene trains on is tested by another."""
    turned = Affine.translation(ground.EAST + 400, ground.NORTH - 300) @ Affine.rotation(20) @ Affine.scale(9, -9)
    chip_ground.hr(tmp_path / "metres.tif")
    ground.write(tmp_path / "turned.tif", turned, 500, 500, dtype="uint8")
    ground.write(tmp_path / "degrees.tif", chip_ground.DEGREES, 700, 700, "EPSG:4326", dtype="uint8")
    ground.write(
        tmp_path / "mercator.tif", Affine(13, 0, -12357000, 0, -13, 5161900), 500, 600, "EPSG:3857", dtype="uint8"
    )
    names = [tmp_path / f"{name}.tif" for name in ("metres", "turned", "degrees", "mercator")]
    cut(tmp_path / "all", *names, block=1600.0, gap=120.0)
    found = footprints(tmp_path / "all")
    assert {about["scene"] for about, _ in found} == {"metres", "turned", "degrees", "mercator"}
    pairs = 0
    for at, (about, one) in enumerate(found):
        for other_about, other in found[:at]:
            if about["split"] != other_about["split"] and about["scene"] != other_about["scene"]:
                pairs += 1
                assert chip_ground.apart(one, other) >= 120
    assert pairs > 100
    # A scene's chips are the same whatever other scenes there are.
    cut(tmp_path / "alone", names[1], block=1600.0, gap=120.0)
    alone = record(tmp_path / "alone")["chips"]
    together = {key: chip for key, chip in record(tmp_path / "all")["chips"].items() if chip["scene"] == "turned"}
    assert {key: chip["split"] for key, chip in alone.items()} == {key: chip["split"] for key, chip in together.items()}


def test_the_split_is_another_with_another_seed(scenes, made, tmp_path):
    target, _ = made
    cut(tmp_path / "set", scenes / "hr.tif", ref=[scenes / "ref.tif"], seed=1)
    splits = [{key: chip["split"] for key, chip in record(one)["chips"].items()} for one in (target, tmp_path / "set")]
    shared = splits[0].keys() & splits[1].keys()
    assert any(splits[0][key] != splits[1][key] for key in shared)


def files(target):
    return {file.relative_to(target).as_posix(): file.read_bytes() for file in sorted(target.rglob("*"))
            if file.is_file() and file.name != "datasets.yml"}  # fmt: skip


@pytest.mark.parametrize("moment", [1, 2, 8, 40])
def test_an_interrupted_run_goes_on_to_the_same_bytes(scenes, made, tmp_path, monkeypatch, moment):
    target, _ = made
    written = []

    def dying(path, image, **more):
        if len(written) == moment:
            raise KeyboardInterrupt
        written.append(path)
        write(path, image, **more)

    write = run_module.write_image
    monkeypatch.setattr(run_module, "write_image", dying)
    sources = {"ref": [scenes / "ref.tif"]}
    with pytest.raises(KeyboardInterrupt):
        cut(tmp_path / "set", scenes / "hr.tif", **sources)
    with (tmp_path / "set" / "chips.journal").open("ab") as journal:
        # What a kill leaves of a line.
        journal.write(b'["hr_r000_c0')
    monkeypatch.undo()
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "set").glob("*/*/*.png")}
    report = cut(tmp_path / "set", scenes / "hr.tif", **sources)
    assert report.made == report.total - moment // 3
    assert files(tmp_path / "set") == files(target)
    kept = sum(file.stat().st_mtime_ns == before[file] for file in before)
    assert kept >= moment // 3 * 3


def test_a_repeated_call_makes_only_what_is_missing_or_broken(scenes, made, tmp_path):
    target = tmp_path / "set"
    shutil.copytree(made[0], target)
    sources = {"ref": [scenes / "ref.tif"]}
    before = files(target)
    assert cut(target, scenes / "hr.tif", **sources) == run_module.ChipsReport(made[1].splits, made[1].left_out, 0)
    first, second, third = sorted(target.glob("train/*/*.png"))[:3]
    first.unlink()
    second.write_bytes(b"broken")
    third.write_bytes(third.read_bytes()[:-1])
    (target / "contact_sheet.png").unlink()
    assert cut(target, scenes / "hr.tif", **sources).made == 3
    assert files(target) == before


def test_other_settings_or_sources_are_refused_until_overwrite(scenes, made, tmp_path):
    target = tmp_path / "set"
    shutil.copytree(made[0], target)
    with pytest.raises(UsageError, match=r"stride was 64, now 32.*--overwrite"):
        cut(target, scenes / "hr.tif", ref=[scenes / "ref.tif"], stride=32)
    other = shutil.copy(scenes / "ref.tif", tmp_path / "ref.tif")
    with rasterio.open(other, "r+") as sink:
        sink.write(sink.read() + 1)
    with pytest.raises(UsageError, match=r"sources\.ref\.ref\.digest was"):
        cut(target, scenes / "hr.tif", ref=[other])
    (target / "mine.txt").write_text("kept")
    report = cut(target, scenes / "hr.tif", ref=[scenes / "ref.tif"], size=128, overwrite=True)
    assert report.made == report.total > 0
    assert {image.shape for image in images(target, "HR").values()} == {(128, 128, 3)}
    assert (target / "mine.txt").read_text() == "kept"


def test_a_folder_that_holds_other_things_is_left_alone(scenes, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(DataError, match="refsr chips did not make it"):
            cut(tmp_path / "set", scenes / "hr.tif", overwrite=overwrite)
    assert [file.name for file in (tmp_path / "set").iterdir()] == ["thesis.txt"]


def test_references_that_cover_too_little(scenes, tmp_path):
    """Half the ground has a reference: chips beyond it are left out, or get upsampled LR where none is."""
    half = ground.write(tmp_path / "half.tif", ground.north_up(10), 512, 352, dtype="uint8")
    strict = cut(tmp_path / "strict", scenes / "hr.tif", ref=[half])
    assert strict.left_out["references cover too little"] > 0
    assert all(chip["column"] + 64 <= 352 for chip in record(tmp_path / "strict")["chips"].values())
    cut(tmp_path / "loose", scenes / "hr.tif", ref=[half], min_cover=0.4, gap=0.0)
    partly = {key: chip for key, chip in record(tmp_path / "loose")["chips"].items() if chip["cover"] < 1}
    assert partly
    ref = images(tmp_path / "loose", "Ref")
    for key, chip in partly.items():
        assert chip["cover"] == pytest.approx(0.5, abs=0.02)
        error = ref[key] - truth(chip)
        assert np.abs(error[:, :20]).max() < 3
        # Upsampled LR has lost much, and is not empty.
        assert 3 < np.sqrt((error[:, 40:] ** 2).mean()) < 60
        assert abs(error[:, 40:].mean()) < 5


def test_the_first_reference_that_holds_data_counts(scenes, tmp_path):
    bright = tmp_path / "bright.tif"
    ground.write(bright, ground.north_up(10), 512, 320, dtype="uint8")
    with rasterio.open(bright, "r+") as sink:
        sink.write(np.full((3, 512, 320), 250, np.uint8))
    cut(tmp_path / "set", scenes / "hr.tif", ref=[bright, scenes / "ref.tif"])
    chips, ref = record(tmp_path / "set")["chips"], images(tmp_path / "set", "Ref")
    assert {tuple(chip["refs"]) for chip in chips.values()} == {("bright", "ref"), ("ref",)}
    for key, chip in chips.items():
        if chip["column"] + 64 < 310:
            assert (ref[key] == 250).all()
        elif chip["column"] > 320:
            assert np.abs(ref[key] - truth(chip)).max() < 8


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_other_types_keep_their_values(tmp_path, dtype):
    chip_ground.hr(tmp_path / "hr.tif", dtype=dtype)
    chip_ground.ref(tmp_path / "ref.tif", dtype="uint8")
    cut(tmp_path / "set", tmp_path / "hr.tif", ref=[tmp_path / "ref.tif"], range=(20, 220), range_ref=(20, 220))
    chips, kept = record(tmp_path / "set")["chips"], "uint16" if dtype == "uint16" else "float32"
    file = next((tmp_path / "set").glob("*/HR/*.tif"))
    with rasterio.open(file) as source:
        assert source.dtypes[0] == kept
        assert source.crs.to_epsg() == 32612
        chip = chips[file.stem]
        assert source.transform.c == ground.EAST + 10 * chip["column"]
        assert source.transform.f == ground.NORTH - 10 * chip["row"]
    with rasterio.open(next((tmp_path / "set").glob("*/LR/*.tif"))) as source:
        assert source.transform.a == 40
    hr, ref, lr = (images(tmp_path / "set", kind) for kind in ("HR", "Ref", "LR"))
    for key, chip in chips.items():
        known = truth(chip).astype(dtype)
        np.testing.assert_array_equal(hr[key], known)
        assert np.sqrt(((ref[key] - truth(chip)) ** 2).mean()) < 2
        assert abs(float(lr[key].mean()) - float(known.mean())) < 1
    assert "range: [20, 220]" in (tmp_path / "set" / "datasets.yml").read_text()


def test_a_declared_range_holds_for_all_of_its_type(tmp_path):
    """Ref of HR's type has HR's range, so its values stay; an undeclared one is measured on each kind."""
    chip_ground.hr(tmp_path / "hr.tif", dtype="uint16")
    chip_ground.ref(tmp_path / "ref.tif", dtype="uint16")
    with rasterio.open(tmp_path / "ref.tif", "r+") as sink:
        sink.write(sink.read() + 100)
    sources = {"ref": [tmp_path / "ref.tif"]}
    cut(tmp_path / "declared", tmp_path / "hr.tif", range=(0, 400), **sources)
    cut(tmp_path / "measured", tmp_path / "hr.tif", **sources)
    for folder, more in (("declared", 100), ("measured", 0)):
        hr, ref = (images(tmp_path / folder, kind) for kind in ("HR", "Ref"))
        moved = np.mean([ref[key].mean() - hr[key].mean() for key in hr])
        assert moved == pytest.approx(more, abs=1.5)
    assert "range: [0, 400]" in (tmp_path / "declared" / "datasets.yml").read_text()


def test_values_beyond_the_range_leave_a_chip_out(tmp_path):
    chip_ground.hr(tmp_path / "hr.tif", dtype="uint16")
    with rasterio.open(tmp_path / "hr.tif", "r+") as sink:
        image = sink.read()
        image[:, 128:192, :64] = 9000
        sink.write(image)
    report = cut(tmp_path / "set", tmp_path / "hr.tif", range=(0, 300), gap=0.0, split=(1.0, 0.0, 0.0))
    assert report.left_out == {"values beyond the range": 1}


def test_blank_ground_and_limits(tmp_path):
    chip_ground.hr(tmp_path / "hr.tif")
    with rasterio.open(tmp_path / "hr.tif", "r+") as sink:
        image = sink.read()
        image[:, :256] = 90
        sink.write(image)
    report = cut(tmp_path / "set", tmp_path / "hr.tif", min_std=0.02, gap=0.0, split=(1.0, 0.0, 0.0))
    assert report.left_out == {"nearly uniform": 40}
    few = cut(tmp_path / "few", tmp_path / "hr.tif", min_std=0.02, gap=0.0, split=(1.0, 0.0, 0.0), limit=7, stride=16)
    assert few.splits == {"train": 7, "val": 0, "test": 0}
    again = cut(
        tmp_path / "again", tmp_path / "hr.tif", min_std=0.02, gap=0.0, split=(1.0, 0.0, 0.0), limit=7, stride=16
    )
    assert again == few
    assert files(tmp_path / "few") == files(tmp_path / "again")
    rows = {chip["row"] for chip in record(tmp_path / "few")["chips"].values()}
    assert len(rows) > 3


def test_a_limit_is_shared_by_the_splits(scenes, tmp_path):
    report = cut(tmp_path / "set", scenes / "hr.tif", limit=10, stride=16)
    assert report.splits == {"train": 5, "val": 3, "test": 2}


def test_only_windows_are_read(scenes, tmp_path, monkeypatch):
    largest = []

    def reading(self, window):
        largest.append(window.height * window.width)
        return read(self, window)

    read = RasterSource.read
    monkeypatch.setattr(RasterSource, "read", reading)
    cut(tmp_path / "set", scenes / "hr.tif", ref=[scenes / "ref.tif"])
    assert max(largest) < 150 * 150


def test_stores_hold_what_folders_do(scenes, made, tmp_path):
    target = tmp_path / "set"
    report = cut(target, scenes / "hr.tif", ref=[scenes / "ref.tif"], lmdb=True)
    assert report.splits == made[1].splits
    assert not list(target.glob("*/*/*.png"))
    for split in ("train", "val", "test"):
        for kind in ("HR", "LR", "Ref"):
            store = open_store(target / split / f"{kind}.lmdb")
            expected = {file.stem: file for file in (made[0] / split / kind).iterdir()}
            assert set(store.keys()) == set(expected)
            for key, file in expected.items():
                np.testing.assert_array_equal(store.read(key), read_image(file))
            store.close()
    assert cut(target, scenes / "hr.tif", ref=[scenes / "ref.tif"], lmdb=True).made == 0
    shutil.rmtree(target / "val" / "LR.lmdb")
    cut(target, scenes / "hr.tif", ref=[scenes / "ref.tif"], lmdb=True)
    assert set(open_store(target / "val" / "LR.lmdb").keys()) == set(open_store(target / "val" / "HR.lmdb").keys())


def test_folders_of_rasters_and_names_that_are_alike(tmp_path):
    for folder in ("east", "west"):
        (tmp_path / folder).mkdir()
        chip_ground.hr(tmp_path / folder / "scene 1.tif", 128, 128)
    cut(tmp_path / "set", tmp_path / "east", tmp_path / "west", gap=0.0)
    scenes = {chip["scene"] for chip in record(tmp_path / "set")["chips"].values()}
    assert scenes == {"east-scene-1", "west-scene-1"}


def test_names_and_paths_of_all_kinds(tmp_path):
    """Letters of any script stay apart, and an odd path stays one value of the option file."""
    for name in ("北京", "上海"):
        chip_ground.hr(tmp_path / f"{name}.tif", 128, 128)
    target = tmp_path / "my set: a #1"
    cut(target, tmp_path / "北京.tif", tmp_path / "上海.tif", gap=0.0)
    assert {chip["scene"] for chip in record(target)["chips"].values()} == {"北京", "上海"}
    for split, section in yaml.safe_load((target / "datasets.yml").read_text())["datasets"].items():
        assert section["dataroot_GT"] == str(target / split / "HR")


def test_a_source_that_cannot_be_read_stops_with_its_name(tmp_path):
    """Broken bytes in the middle of a file: one line, and what was cut before stays."""
    # Of the middle rows, which the sampled windows leave out.
    chip_ground.hr(tmp_path / "hr.tif", 2048, 256, compress="deflate", blockysize=8)
    with rasterio.open(tmp_path / "hr.tif") as source:
        offset = int(source.get_tag_item("BLOCK_OFFSET_0_170", "TIFF", bidx=1))
    content = bytearray((tmp_path / "hr.tif").read_bytes())
    content[offset : offset + 64] = bytes(64)
    (tmp_path / "hr.tif").write_bytes(content)
    for _ in range(2):
        with pytest.raises(DataError, match=r"hr\.tif: cannot be read at"):
            cut(tmp_path / "set", tmp_path / "hr.tif", gap=0.0, split=(1.0, 0.0, 0.0))
    assert not record(tmp_path / "set")["complete"]
    assert len(images(tmp_path / "set", "HR")) == 4 * (170 * 8 // 64)


def test_doubtful_sources_are_named(tmp_path):
    chip_ground.hr(tmp_path / "hr.tif", 256, 256)
    ground.write(tmp_path / "other.tif", ground.north_up(20), 128, 128, dtype="uint8")
    ground.write(tmp_path / "coarse.tif", ground.north_up(30), 90, 90, dtype="uint8")
    empty = ground.write(tmp_path / "empty.tif", ground.north_up(10), 256, 256, dtype="uint8")
    with rasterio.open(empty, "r+") as sink:
        image = sink.read()
        image[:, :64] = 0
        sink.write(image)
    lines = []
    settings = run_module.ChipSettings(
        (str(tmp_path / "hr.tif"), str(tmp_path / "other.tif")),
        (str(tmp_path / "coarse.tif"), str(empty)),
        size=64, block=3000.0, gap=0.0, split=(1.0, 0.0, 0.0),
    )  # fmt: skip
    run_module.cut_chips(settings, tmp_path / "set", announce=lines.append)
    said = "\n".join(lines)
    assert "HR rasters have pixels of 10 to 20 m" in said
    assert re.search(r"coarser than HR, so without its finest detail: \S+coarse.tif$", said, re.MULTILINE)
    assert re.search(r"empty.tif: \d+% of it is 0 in all bands and no nodata is declared; --nodata-ref 0", said)


def test_what_cannot_be_cut_is_said_in_a_line(scenes, tmp_path):
    far = ground.write(tmp_path / "far.tif", ground.north_up(10, ground.EAST + 90_000), 64, 64, dtype="uint8")
    fine = ground.write(tmp_path / "fine.tif", ground.north_up(20), 256, 320, dtype="uint8")
    nowhere = tmp_path / "nowhere.tif"
    with rasterio.open(nowhere, "w", driver="GTiff", height=64, width=64, count=3, dtype="uint8") as sink:
        sink.write(np.zeros((3, 64, 64), np.uint8))
    hr = scenes / "hr.tif"
    cases = [
        ((hr,), {"ref": [far]}, "shares ground"),
        ((hr,), {"lr": [fine]}, r"fine.tif: has pixels of 20 m.*--scale 2 would fit"),
        ((hr,), {"ref": [hr]}, "is both HR and ref"),
        ((hr,), {"ref": [shutil.copy(hr, tmp_path / "copy.tif")]}, "copy.tif: is a copy of .*hr.tif"),
        ((nowhere,), {}, "names no coordinate system"),
        ((hr,), {"size": 62}, "no multiple of the scale"),
        ((hr,), {"stride": 10}, "no multiple of the scale"),
        ((hr,), {"split": (0.5, 0.1, 0.1)}, "add up to 1"),
        ((hr,), {"block": 100.0}, "hold no chip"),
        ((hr,), {"size": 1024, "block": 20000.0}, "no scene holds a chip of 1024"),
        ((scenes / "hrr.tif",), {}, "did you mean 'hr.tif'"),
        ((hr,), {"min_std": 0.9}, "no chip is left; left out: .*nearly uniform"),
    ]
    for sources, settings, message in cases:
        with pytest.raises((DataError, UsageError), match=message):
            cut(tmp_path / "set", *sources, **settings)
        shutil.rmtree(tmp_path / "set", ignore_errors=True)


def test_a_line_that_a_kill_cut_short_swallows_no_other(tmp_path):
    first = ChipsRecord(tmp_path / "set", {"size": 64})
    first.open()
    first.add("a", "a reason")
    with (tmp_path / "set" / "chips.journal").open("ab") as journal:
        journal.write(b'["b", {"split"')
    second = ChipsRecord(tmp_path / "set", {"size": 64})
    second.open()
    second.add("c", {"split": "train"})
    third = ChipsRecord(tmp_path / "set", {"size": 64})
    third.open()
    assert third.known == {"a": "a reason", "c": {"split": "train"}}


def test_reasons_between_splits_are_counted(made):
    assert made[1].left_out[BETWEEN] > 0
    assert json.loads((made[0] / "chips.json").read_text())["left_out"] == made[1].left_out
