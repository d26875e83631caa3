"""Named files become layers: rasters where they lie, images corner to corner, evidence a layer for each band."""

from __future__ import annotations

import ground
import numpy as np
import pytest
import rasterio
from pictures import picture

from refsr.core.errors import DataError, UsageError
from refsr.data.images import write_image
from refsr.view.opening import NamedFile, open_scene
from refsr.view.plane import TileWindow
from refsr.view.tiles import Look, tile_picture


@pytest.fixture
def opened(tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    return lambda *files: open_scene([NamedFile(*file) for file in files], folder)


def image(path, height, width, dtype=np.uint8):
    values = np.arange(height * width * 3, dtype=np.int64).reshape(height, width, 3) % 251
    write_image(path, values.astype(dtype))
    return str(path)


def test_images_without_georeference_lie_corner_to_corner(opened, tmp_path):
    lr, sr = image(tmp_path / "lr.png", 20, 30), image(tmp_path / "sr.png", 80, 120)
    scene = opened(("sr", sr), ("lr", lr))
    assert [layer.bounds for layer in scene.layers] == [(0, 0, 120, 80)] * 2
    shown = picture(tile_picture(scene.plane, scene.of("lr"), TileWindow(0, 0, 1), Look((1,), ((0, 255),))))
    stored = np.arange(20 * 30 * 3).reshape(20, 30, 3) % 251
    np.testing.assert_array_equal(shown[:80, :120, 0], stored[:, :, 0].repeat(4, 0).repeat(4, 1))


def test_a_pair_alone_has_room_for_its_result(opened, tmp_path):
    scene = opened(("lr", image(tmp_path / "lr.png", 32, 32)), ("ref", image(tmp_path / "ref.png", 64, 64)))
    assert (scene.plane.grid.height, scene.plane.grid.width) == (128, 128)


def test_other_proportions_are_said(opened, tmp_path):
    scene = opened(("lr", image(tmp_path / "lr.png", 32, 32)), ("ref", image(tmp_path / "ref.png", 64, 128)))
    assert "other proportions" in scene.of("lr").note + scene.of("ref").note


def test_an_image_beside_rasters_is_laid_on_lr(opened, places, tmp_path):
    scene = opened(("sr", image(tmp_path / "sr.png", 256, 192)), ("lr", str(places["lr"])))
    assert scene.of("sr").bounds == pytest.approx(scene.of("lr").bounds)
    assert "no georeference" in scene.of("sr").note
    assert "EPSG:32612" in scene.of("lr").grid


def test_arrays_of_sixteen_bits_and_npy_are_shown(opened, tmp_path):
    path = tmp_path / "lr.npy"
    np.save(path, np.full((32, 32, 1), 4000, np.uint16))
    layer = opened(("lr", str(path))).layers[0]
    assert (layer.dtype, layer.shown, layer.quantiles()[0][0]) == ("uint16", (1,), 4000)


def test_evidence_has_a_layer_with_a_legend_for_each_band(opened, tmp_path):
    path = ground.write(tmp_path / "evidence.tif", ground.north_up(2.5), 64, 64)
    with rasterio.open(path, "r+") as sink:
        for number, name in enumerate(("borrowed", "coverage", "uncertainty"), 1):
            sink.set_band_description(number, name)
    scene = opened(("evidence", str(path)))
    shown = scene.described()["layers"]
    assert [layer["legend"]["title"] for layer in shown] == ["borrowed", "coverage", "uncertainty"]
    assert shown[0]["legend"]["high"] == 1
    assert shown[2]["legend"]["high"] > 100
    assert len(set(shown[0]["legend"]["colours"])) == 9
    colours = picture(tile_picture(scene.plane, scene.layers[2], TileWindow(0, 0, 1), Look((3,), ((0, 200),))))
    assert colours.shape[2] == 4
    assert np.ptp(colours[:64, :64, :3].astype(int), axis=2).max() > 50


def test_bands_are_chosen_by_their_names(opened, tmp_path):
    names = ("B02", "B03", "B04", "B08")
    with rasterio.open(
        tmp_path / "s2.tif", "w", driver="GTiff", height=16, width=16, count=4, dtype="uint16",
        crs=ground.HOME, transform=ground.north_up(10),
    ) as sink:  # fmt: skip
        sink.write(np.ones((4, 16, 16), np.uint16))
        for number, name in enumerate(names, 1):
            sink.set_band_description(number, name)
    layer = opened(("lr", str(tmp_path / "s2.tif"))).layers[0]
    assert layer.shown == (3, 2, 1)
    assert layer.bands == names


def test_other_ground_is_an_error_with_both_extents(opened, places, tmp_path):
    far = ground.write(tmp_path / "far.tif", ground.north_up(10, east=700_000), 64, 48)
    with pytest.raises(DataError, match=r"far\.tif: shows other ground, x 700000.*than lr\.tif, x 500000"):
        opened(("lr", str(places["lr"])), ("ref", str(far)))


def test_nothing_is_a_usage_error(opened):
    with pytest.raises(UsageError, match="nothing to show"):
        opened()


def test_a_file_that_is_not_there_is_named(opened, tmp_path):
    with pytest.raises(DataError, match=r"missing\.tif"):
        opened(("lr", str(tmp_path / "missing.tif")))


def test_results_come_and_go(opened, tmp_path):
    scene = opened(("lr", image(tmp_path / "lr.png", 32, 32)))
    from dataclasses import replace

    made = scene.add(replace(scene.layers[0], removable=True))
    scene.remove(made.key)
    with pytest.raises(UsageError, match="no result"):
        scene.remove(scene.layers[0].key)
    with pytest.raises(UsageError, match="not shown"):
        scene.get(made.key)
