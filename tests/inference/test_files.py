"""Image files keep their kind and their place on the ground; folders are resumable and survive a bad image."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import refsr
from refsr.core.errors import DataError, UsageError
from refsr.data.images import probe_image, read_image, write_image
from refsr.data.stores.packing import pack_folder
from refsr.inference.files import restore_file, restore_folder
from refsr.inference.inputs import RestoreOptions

rasterio = pytest.importorskip("rasterio")
UTM = "EPSG:32633"
TURNED = rasterio.Affine(8.0, 2.0, 500_000.0, 2.0, -8.0, 5_000_000.0)
OPTIONS = RestoreOptions(range=(0, 4095))


@pytest.fixture(scope="module")
def restorer(model):
    return refsr.load(model, "cpu")


@pytest.fixture(scope="module")
def twelve(scene):
    return tuple(image.astype(np.uint16) * 16 for image in scene)


def place(path):
    with rasterio.open(path) as file:
        return file.crs, file.transform, file.nodata, file.dtypes[0]


def at(t, column, row):
    return t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f


def finer(t, right=0.0):
    """Pixels half as large, moved by pixels of the coarse kind."""
    x, y = at(t, right, 0)
    return rasterio.Affine(t.a / 2, t.b / 2, x, t.d / 2, t.e / 2, y)


def test_the_result_lies_where_lr_does(restorer, twelve, tmp_path):
    lr, ref = twelve
    write_image(tmp_path / "lr.tif", lr, profile={"crs": UTM, "transform": TURNED})
    write_image(tmp_path / "ref.tif", ref, profile={"crs": UTM, "transform": finer(TURNED)})
    images = {"lr": tmp_path / "lr.tif", "ref": tmp_path / "ref.tif"}
    info = restore_file(restorer, images, tmp_path / "out.tif", OPTIONS)
    assert str(info) == "24x18, 3 bands, uint16"
    crs, transform, nodata, dtype = place(tmp_path / "out.tif")
    assert crs == rasterio.CRS.from_epsg(32633)
    assert transform.almost_equals(finer(TURNED))
    assert at(transform, 18, 24) == pytest.approx(at(TURNED, 9, 12))
    assert (nodata, dtype) == (None, "uint16")
    np.testing.assert_array_equal(read_image(tmp_path / "out.tif"), restorer.restore(lr, ref, range=(0, 4095)))


def test_it_lies_where_the_reference_does_if_lr_has_no_place(restorer, scene, tmp_path):
    write_image(tmp_path / "lr.png", scene[0])
    write_image(tmp_path / "ref.tif", scene[1], profile={"crs": UTM, "transform": TURNED, "nodata": 0})
    images = {"lr": tmp_path / "lr.png", "ref": tmp_path / "ref.tif"}
    restore_file(restorer, images, tmp_path / "out.tif")
    assert place(tmp_path / "out.tif") == (rasterio.CRS.from_epsg(32633), TURNED, None, "uint8")
    restore_file(restorer, images, tmp_path / "out.png")
    np.testing.assert_array_equal(read_image(tmp_path / "out.png"), read_image(tmp_path / "out.tif"))


def test_a_reference_on_another_grid_is_warped(restorer, scene, tmp_path, caplog):
    """Its pixels moved by whole ones: what both cover is restored as where they are paired."""
    write_image(tmp_path / "lr.tif", scene[0], profile={"crs": UTM, "transform": TURNED})
    wider = np.pad(scene[1], ((3, 4), (2, 5), (0, 0)), mode="edge")
    corner = finer(TURNED) @ rasterio.Affine.translation(-2, -3)
    write_image(tmp_path / "ref.tif", wider, profile={"crs": UTM, "transform": corner})
    with caplog.at_level(logging.INFO):
        info = restore_file(restorer, {"lr": tmp_path / "lr.tif", "ref": tmp_path / "ref.tif"}, tmp_path / "out.tif")
    assert str(info) == "24x18, 3 bands, uint8"
    assert "-> EPSG:32633" in caplog.text
    assert "Ref covers 100% of LR" in caplog.text
    assert place(tmp_path / "out.tif")[1].almost_equals(finer(TURNED))
    np.testing.assert_array_equal(read_image(tmp_path / "out.tif"), restorer.restore(*scene))


def test_a_reference_of_other_ground_is_refused(restorer, scene, tmp_path):
    write_image(tmp_path / "lr.tif", scene[0], profile={"crs": UTM, "transform": TURNED})
    write_image(tmp_path / "ref.tif", scene[1], profile={"crs": UTM, "transform": finer(TURNED, 300.0)})
    with pytest.raises(DataError, match="no reference shares ground with LR"):
        restore_file(restorer, {"lr": tmp_path / "lr.tif", "ref": tmp_path / "ref.tif"}, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()


def test_what_is_restored_in_memory_is_not_paired_across_grids(restorer, scene, tmp_path):
    """Equal sizes on other ground fit by accident."""
    write_image(tmp_path / "lr.tif", scene[0], profile={"crs": UTM, "transform": TURNED})
    write_image(tmp_path / "ref.tif", scene[1], profile={"crs": UTM, "transform": finer(TURNED, 1.0)})
    images = {"lr": tmp_path / "lr.tif", "ref": tmp_path / "ref.tif", "lr_up": np.zeros_like(scene[1])}
    with pytest.raises(
        UsageError, match=r"ref\.tif: EPSG:32633.* lies on another grid than .*lr\.tif.*; refsr register"
    ):
        restore_file(restorer, images, tmp_path / "out.tif")
    write_image(tmp_path / "ref.tif", scene[1], profile={"crs": UTM, "transform": finer(TURNED)})
    assert restore_file(restorer, images, tmp_path / "out.tif").height == 24


def test_pixels_without_data_stay_so(restorer, scene, tmp_path):
    lr = np.maximum(scene[0], 1)
    lr[:3, :4] = 0
    lr[8, 8, 0] = 0
    write_image(tmp_path / "lr.tif", lr, profile={"crs": UTM, "transform": TURNED, "nodata": 0})
    write_image(tmp_path / "ref.png", scene[1])
    restore_file(restorer, {"lr": tmp_path / "lr.tif", "ref": tmp_path / "ref.png"}, tmp_path / "out.tif")
    assert place(tmp_path / "out.tif")[2] == 0
    restored = read_image(tmp_path / "out.tif")
    assert not restored[:6, :8].any()
    # A pixel that lacks one band is of no use: it is a hole, of its own size.
    assert not restored[16:18, 16:18].any()
    assert restored[6:16].all()
    assert restored[18:].all()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("a.bmp", r"no image format has the suffix '\.bmp' \(known: \.png"),
        ("a.jpg", "JPEG holds 8 bits only; use .png, .tif or .npy for uint16"),
        ("file/a.png", "file is no folder that can be written to"),
        ("folder.png", r"folder\.png: is there already"),
        ("lr.npy", r"lr\.npy: is there already"),
    ],
)
def test_outputs_that_cannot_be_are_named_before_the_work(restorer, twelve, tmp_path, monkeypatch, name, answer):
    write_image(tmp_path / "lr.npy", twelve[0])
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    monkeypatch.setattr(restorer, "restore_images", lambda *images: pytest.fail("worked first"))
    with pytest.raises((DataError, UsageError), match=answer) as caught:
        restore_file(restorer, {"lr": tmp_path / "lr.npy", "ref": twelve[1]}, tmp_path / name)
    assert "\n" not in str(caught.value)


def test_an_input_is_never_overwritten(restorer, scene, tmp_path):
    images = {"lr": tmp_path / "lr.png", "ref": tmp_path / "ref.png"}
    for (_, file), image in zip(images.items(), scene, strict=True):
        write_image(file, image)
    with pytest.raises(UsageError, match=r"ref\.png: is ref itself; choose another name"):
        restore_file(restorer, images, tmp_path / "sub" / ".." / "ref.png", overwrite=True)
    np.testing.assert_array_equal(read_image(images["ref"]), scene[1])


@pytest.fixture
def folders(tmp_path, scene):
    found = {"lr": tmp_path / "LR", "ref": tmp_path / "Ref"}
    for i, suffix in enumerate((".png", ".jpg", ".npy")):
        key = f"east/{i}" if i else "west"
        write_image(found["lr"] / f"{key}{suffix}", np.roll(scene[0], i, axis=0))
        write_image(found["ref"] / f"{key}.png", np.roll(scene[1], 2 * i, axis=0))
    return found


def test_a_folder_is_restored_image_by_image_and_only_once(restorer, folders, tmp_path):
    out = tmp_path / "out"
    report = restore_folder(restorer, folders, out)
    assert (report.images, report.restored) == (3, 3)
    names = sorted(file.relative_to(out).as_posix() for file in out.rglob("*.*"))
    assert names == ["east/1.png", "east/2.npy", "west.png"]
    lr, ref = folders["lr"] / "east" / "1.jpg", folders["ref"] / "east" / "1.png"
    np.testing.assert_array_equal(read_image(out / "east" / "1.png"), restorer.restore(lr, ref))
    (out / "west.png").unlink()
    kept = (out / "east" / "1.png").stat().st_mtime_ns
    assert restore_folder(restorer, folders, out).restored == 1
    assert (out / "east" / "1.png").stat().st_mtime_ns == kept
    assert restore_folder(restorer, folders, out, overwrite=True).restored == 3


def test_a_bad_image_does_not_stop_the_others(restorer, folders, tmp_path):
    out = tmp_path / "out"
    lr = folders["lr"] / "east" / "1.jpg"
    whole = lr.read_bytes()
    lr.write_bytes(whole[:200])
    with pytest.raises(DataError, match=r"1\.jpg: .*; all others are restored, a rerun does the rest"):
        restore_folder(restorer, folders, out)
    assert sorted(file.name for file in out.rglob("*.*")) == ["2.npy", "west.png"]
    lr.write_bytes(whole)
    assert restore_folder(restorer, folders, out).restored == 1


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPEG"])
def test_a_restored_jpeg_is_kept_without_loss(restorer, scene, tmp_path, suffix):
    folders = {"lr": tmp_path / "LR", "ref": tmp_path / "Ref"}
    for (role, folder), image in zip(folders.items(), scene, strict=True):
        folder.mkdir()
        write_image(folder / ("a.jpg" if role == "lr" else "a.png"), image)
    (folders["lr"] / "a.jpg").rename(folders["lr"] / f"a{suffix}")
    restore_folder(restorer, folders, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a.png"]


def test_packed_stores_are_folders_too(restorer, folders, tmp_path):
    for role, folder in folders.items():
        pack_folder(folder, tmp_path / f"{role}.lmdb")
    packed = {role: tmp_path / f"{role}.lmdb" for role in folders}
    assert restore_folder(restorer, packed, tmp_path / "packed").restored == 3
    restore_folder(restorer, folders, tmp_path / "plain")
    for key in ("west", "east/1"):
        np.testing.assert_array_equal(
            read_image(tmp_path / "packed" / f"{key}.png"), read_image(tmp_path / "plain" / f"{key}.png")
        )
    assert probe_image(tmp_path / "packed" / "east" / "2.png").dtype == "uint8"


def test_folders_that_do_not_pair_or_overlap_are_named(restorer, folders):
    with pytest.raises(UsageError, match=r"lies inside .*LR, whose images are restored"):
        restore_folder(restorer, folders, folders["lr"] / "out")
    (folders["ref"] / "west.png").unlink()
    with pytest.raises(DataError, match="images do not pair by name"):
        restore_folder(restorer, folders, folders["lr"].parent / "out")
