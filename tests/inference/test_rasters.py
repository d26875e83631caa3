"""Rasters on any grids: the same result as for arrays that are paired, holes that stay holes, runs that go on."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import ground
import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from scipy.ndimage import binary_dilation

import refsr
from refsr.core.errors import DataError, UsageError
from refsr.data.images import read_image
from refsr.inference import raster_blocks, raster_run
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_options import RasterOptions
from refsr.inference.rasters import restore_raster
from refsr.metrics.protocols import measure
from refsr.ops.resize import imresize

PIXEL = 2.5
SCALE = 4


def write(path: Path, image: np.ndarray, affine: Affine, crs: str | None = ground.HOME, mask=None, **more) -> Path:
    height, width, count = image.shape
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=count, dtype=image.dtype, crs=crs,
        transform=affine, **more,
    ) as sink:  # fmt: skip
        sink.write(np.moveaxis(image, 2, 0))
        if mask is not None:
            sink.write_mask(mask)
    return path


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return np.moveaxis(source.read(), 0, 2)


def north_up(pixel: float, right: float = 0, down: float = 0) -> Affine:
    """The scene's corner, moved by so many metres."""
    return ground.north_up(pixel, ground.EAST + right, ground.NORTH - down)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> dict[str, np.ndarray]:
    """One synthetic place at 2.5 m, twice: HR and LR of now, Ref of before with a wide margin around the scene."""
    folder = tmp_path_factory.mktemp("world")
    words = "world w --places 1 --test 1 --size 192 --seed 11 --misregistration 0 --rotation 0 --scale-difference 0"
    subprocess.run(
        [sys.executable, "-m", "refsr", *words.split(), "--view-angle", "0", "--change", "0"], cwd=folder, check=True
    )
    root = folder / "w" / "test"
    name = next((root / "LR").iterdir()).name
    return {kind: read_image(root / kind / name) for kind in ("HR", "LR", "Ref")}


@pytest.fixture(scope="module")
def restorer():
    return refsr.load("rrsnet-small-x4", device="cpu")


@pytest.fixture
def lr_file(scene, tmp_path) -> Path:
    return write(tmp_path / "lr.tif", scene["LR"], north_up(SCALE * PIXEL), photometric="RGB")


def enlarged(scene) -> np.ndarray:
    """What stands in for a reference where there is none."""
    return np.clip(np.rint(imresize(scene["LR"] / 255.0, SCALE) * 255), 0, 255).astype(np.uint8)


def psnr(image: np.ndarray, scene) -> float:
    return measure(image / 255, scene["HR"] / 255, SCALE)["psnr"]


def on_grid(image: np.ndarray, crs: str, affine: Affine, height: int, width: int) -> np.ndarray:
    """Ref as another raster has it, by GDAL's own warping; 0 where there is nothing."""
    made = np.zeros((3, height, width), image.dtype)
    reproject(
        np.moveaxis(image, 2, 0), made, src_transform=north_up(PIXEL), src_crs=ground.HOME, dst_transform=affine,
        dst_crs=crs, resampling=Resampling.lanczos, src_nodata=None, dst_nodata=0,
    )  # fmt: skip
    return np.moveaxis(made, 0, 2)


@pytest.fixture(scope="module")
def paired(scene, restorer) -> float:
    """What the network reaches where Ref is an array that fits."""
    return psnr(restorer.restore(scene["LR"], scene["Ref"]), scene)


def test_a_paired_raster_is_the_array_to_the_bit(scene, restorer, lr_file, tmp_path):
    ref = write(tmp_path / "ref.tif", scene["Ref"], north_up(PIXEL))
    restore_raster(restorer, lr_file, [ref], tmp_path / "out.tif", RestoreOptions())
    np.testing.assert_array_equal(read(tmp_path / "out.tif"), restorer.restore(scene["LR"], scene["Ref"]))
    with rasterio.open(tmp_path / "out.tif") as made, rasterio.open(lr_file) as given:
        assert made.crs == given.crs
        np.testing.assert_allclose(
            tuple(made.transform)[:6], tuple(given.transform @ Affine.scale(1 / SCALE))[:6], atol=1e-6 * PIXEL, rtol=0
        )
        assert made.overviews(1) is not None
        assert [colour.name for colour in made.colorinterp] == ["red", "green", "blue"]
        assert (made.dataset_mask() == 255).all()


def test_what_a_reference_does_not_cover_is_as_without_one(scene, restorer, lr_file, tmp_path):
    half = write(tmp_path / "half.tif", scene["Ref"][:, :96], north_up(PIXEL))
    report = restore_raster(restorer, lr_file, [half], tmp_path / "out.tif", RestoreOptions())
    assert "Ref covers 48% of LR; elsewhere LR is restored without one" in report.lines
    without = restorer.restore(scene["LR"], enlarged(scene))
    with_all = restorer.restore(scene["LR"], scene["Ref"])
    out = read(tmp_path / "out.tif")
    # The network sees half a tile beyond the border of Ref: what lies farther is one or the other.
    assert np.abs(out[:, 192 - 40 :].astype(int) - without[:, 192 - 40 :]).max() <= 2
    assert np.abs(out[:, :8].astype(int) - with_all[:, :8]).max() <= 1


def test_no_common_ground_is_an_error_with_both_extents(scene, restorer, lr_file, tmp_path):
    far = write(tmp_path / "far.tif", scene["Ref"], north_up(PIXEL, right=9000))
    with pytest.raises(
        DataError, match=r"no reference shares ground with LR \(x 500000 to 500480.*\); .*far\.tif: x 509000"
    ):
        restore_raster(restorer, lr_file, [far], tmp_path / "out.tif", RestoreOptions())
    assert not (tmp_path / "out.tif").exists()


def test_pixel_by_pixel_where_that_is_asked_for_or_nothing_else_is_known(scene, restorer, lr_file, tmp_path):
    expected = restorer.restore(scene["LR"], scene["Ref"])
    far = write(tmp_path / "far.tif", scene["Ref"], north_up(PIXEL, right=9000))
    restore_raster(restorer, lr_file, [far], tmp_path / "a.tif", RestoreOptions(raster=RasterOptions(ref_grid="as-is")))
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), expected)
    nowhere = write(tmp_path / "nowhere.tif", scene["Ref"], Affine.identity(), None)
    restore_raster(restorer, lr_file, [nowhere], tmp_path / "b.tif", RestoreOptions())
    np.testing.assert_array_equal(read(tmp_path / "b.tif"), expected)
    small = write(tmp_path / "small.tif", scene["Ref"][:100], Affine.identity(), None)
    with pytest.raises(
        DataError, match=r"small\.tif: is 100x192; .*small\.tif lies nowhere, and LR of 48x48 needs 192x192"
    ):
        restore_raster(restorer, lr_file, [small], tmp_path / "c.tif", RestoreOptions(register="none"))


def test_two_references_share_the_scene(scene, restorer, paired, lr_file, tmp_path):
    left = write(tmp_path / "left.tif", scene["Ref"][:, :110], north_up(PIXEL))
    right = write(tmp_path / "right.tif", scene["Ref"][:, 90:], north_up(PIXEL, right=90 * PIXEL))
    report = restore_raster(restorer, lr_file, [left, right], tmp_path / "out.tif", RestoreOptions())
    assert "Ref covers 100% of LR" in report.lines
    assert psnr(read(tmp_path / "out.tif"), scene) > paired - 0.02


@pytest.mark.parametrize("kind", ["nodata", "nan", "mask", "alpha"])
def test_a_hole_in_lr_stays_one_and_nothing_bleeds(kind, scene, restorer, tmp_path):
    hole = np.zeros((48, 48), bool)
    hole[20:27, 5:30] = True
    image, more = scene["LR"].copy(), {}
    if kind == "nodata":
        image[hole] = 0
        image[~hole] = np.maximum(image[~hole], 1)
        more["nodata"] = 0
    elif kind == "nan":
        image = image.astype(np.float32)
        image[hole] = np.nan
    elif kind == "mask":
        image[hole] = 255
        more["mask"] = ~hole
    else:
        image = np.dstack([image, np.where(hole, 0, 255).astype(np.uint8)])
        more |= {"photometric": "RGB", "alpha": "YES"}
    lr = write(tmp_path / "lr.tif", image, north_up(SCALE * PIXEL), **more)
    ref = write(tmp_path / "ref.tif", scene["Ref"], north_up(PIXEL))
    options = RestoreOptions(range=(0, 255)) if kind == "nan" else RestoreOptions()
    restore_raster(restorer, lr, [ref], tmp_path / "out.tif", options)
    with rasterio.open(tmp_path / "out.tif") as made:
        valid = made.dataset_mask() > 0
        out = np.moveaxis(made.read([1, 2, 3]), 0, 2)
    np.testing.assert_array_equal(valid, ~hole.repeat(SCALE, 0).repeat(SCALE, 1))
    whole = restorer.restore(scene["LR"], scene["Ref"]).astype(float)
    apart = np.abs(out - whole)[valid]
    # Next to the hole the network sees what was filled in; two pixels of LR farther it does not matter.
    near = binary_dilation(~valid, iterations=2 * SCALE)
    assert np.abs(out - whole)[~near].max() <= 6
    assert apart.mean() < 1.0


def test_a_hole_in_ref_is_no_texture(scene, restorer, paired, lr_file, tmp_path):
    image = scene["Ref"].copy()
    image[60:130, 40:150] = 0
    ref = write(tmp_path / "ref.tif", image, north_up(PIXEL), nodata=0)
    restore_raster(restorer, lr_file, [ref], tmp_path / "out.tif", RestoreOptions())
    taken = restorer.restore(scene["LR"], image)
    out = read(tmp_path / "out.tif")
    part = np.s_[60:130, 40:150]

    def error(one: np.ndarray) -> float:
        return float(np.sqrt(((one[part].astype(float) - scene["HR"][part]) ** 2).mean()))

    assert error(out) < error(enlarged(scene)) * 1.03
    assert error(out) < error(taken) - 0.1


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64", "uint32", "int32"])
def test_types_come_back_and_brightness_stays(dtype, scene, restorer, tmp_path):
    values = (scene["LR"].astype(np.float64) * 12 + 300).astype(dtype)
    lr = write(tmp_path / "lr.tif", values, north_up(SCALE * PIXEL))
    ref = write(tmp_path / "ref.tif", scene["Ref"], north_up(PIXEL))
    report = restore_raster(restorer, lr, [ref], tmp_path / "out.tif", RestoreOptions())
    out = read(tmp_path / "out.tif")
    assert out.dtype == dtype
    assert any("percentiles" in line for line in report.lines)
    for band in range(3):
        assert abs(out[..., band].mean() / values[..., band].mean() - 1) < 0.002


def test_tiles_and_blocks_change_nothing(scene, restorer, lr_file, tmp_path, monkeypatch):
    ref = write(
        tmp_path / "ref.tif",
        on_grid(scene["Ref"], ground.HOME, north_up(1.7, -9, -9), 300, 300),
        north_up(1.7, -9, -9),
        nodata=0,
    )
    restore_raster(restorer, lr_file, [ref], tmp_path / "whole.tif", RestoreOptions())
    monkeypatch.setattr(raster_blocks, "BLOCK", 16)
    report = restore_raster(restorer, lr_file, [ref], tmp_path / "tiles.tif", RestoreOptions(tile=12))
    assert report.blocks == 4
    assert np.abs(read(tmp_path / "tiles.tif").astype(int) - read(tmp_path / "whole.tif")).max() <= 1


class StopError(Exception):
    """Stands for a power cut."""


def test_an_interrupted_run_ends_with_the_same_bytes(scene, restorer, lr_file, tmp_path, monkeypatch):
    monkeypatch.setattr(raster_blocks, "BLOCK", 16)
    ref = write(tmp_path / "ref.tif", scene["Ref"], north_up(PIXEL))
    options = RestoreOptions(tile=16)
    whole = restore_raster(restorer, lr_file, [ref], tmp_path / "a.tif", options)
    writes = raster_run.RasterSink.write
    count = 0

    def failing(self, *arguments):
        nonlocal count
        count += 1
        if count == 4:
            raise StopError
        writes(self, *arguments)

    monkeypatch.setattr(raster_run.RasterSink, "write", failing)
    with pytest.raises(StopError):
        restore_raster(restorer, lr_file, [ref], tmp_path / "b.tif", options)
    assert not (tmp_path / "b.tif").exists()
    monkeypatch.setattr(raster_run.RasterSink, "write", writes)
    report = restore_raster(restorer, lr_file, [ref], tmp_path / "b.tif", options)
    assert (report.restored, report.blocks) == (whole.blocks - 3, whole.blocks)
    # What was found in the blocks of the first call is known to the second.
    assert any("covers" in line for line in whole.lines)
    assert report.lines == whole.lines
    one, two = (hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("a.tif", "b.tif"))
    assert one == two
    with pytest.raises(UsageError, match="is there already"):
        restore_raster(restorer, lr_file, [ref], tmp_path / "b.tif", options)


def test_a_grid_without_a_crs_is_refused_with_the_remedy(scene, restorer, lr_file, tmp_path):
    ref = write(tmp_path / "ref.tif", scene["Ref"], north_up(PIXEL, 5), crs=None)
    code = ground.HOME.split(":")[1]
    with pytest.raises(DataError, match=rf"ref\.tif: has a grid and names no CRS, .*lr\.tif is in EPSG:{code}"):
        restore_raster(restorer, lr_file, [ref], tmp_path / "sr.tif", RestoreOptions())


def test_a_reference_that_is_coarser_than_lr_is_named(scene, restorer, lr_file, tmp_path):
    coarse = write(tmp_path / "coarse.tif", scene["LR"][::2, ::2].copy(), north_up(2 * SCALE * PIXEL))
    lines = []
    restore_raster(restorer, lr_file, [coarse], tmp_path / "sr.tif", RestoreOptions(), announce=lines.append)
    (line,) = (line for line in lines if line.startswith("Ref: "))
    assert "coarse.tif" in line
    assert "its pixels are not smaller than LR's" in line
    assert "are LR and Ref swapped?" in line


def test_a_name_without_a_format_is_an_error_before_the_work(restorer, lr_file, tmp_path):
    """It once came after registration."""
    lines = []
    with pytest.raises(UsageError, match=r"sr\.xyz: a raster is written to \.tif"):
        restore_raster(restorer, lr_file, [], tmp_path / "sr.xyz", RestoreOptions(), announce=lines.append)
    assert lines == []


def test_one_band_in_three_inputs_comes_back_as_one(scene, restorer, tmp_path):
    lr = write(tmp_path / "lr.tif", scene["LR"][:, :, :1], north_up(SCALE * PIXEL))
    options = RestoreOptions(bands=(1, 1, 1))
    sr = tmp_path / "sr.tif"
    restore_raster(restorer, lr, [write(tmp_path / "ref.tif", scene["Ref"], north_up(PIXEL))], sr, options)
    found = read(sr).astype(float)
    enlarged_band = imresize(scene["LR"][:, :, :1].astype(np.float64), SCALE)
    assert found.shape == (*scene["HR"].shape[:2], 1)
    assert abs(found - enlarged_band).mean() < 12
