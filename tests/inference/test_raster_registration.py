"""References with a wrong georeference, or none, give what a rightly placed one gives; others are refused."""

from __future__ import annotations

import json
from pathlib import Path

import ground
import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from scipy.ndimage import map_coordinates

import refsr
from refsr.core.errors import UsageError
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.inference import raster_blocks, raster_run, scene_opening, scene_registration
from refsr.inference.inputs import RestoreOptions
from refsr.inference.rasters import restore_raster
from refsr.inference.scene_registration import grid_under
from refsr.metrics.protocols import measure
from refsr.ops.resize import imresize
from towns import in_bytes, town

PIXEL, SCALE, SIDE, MARGIN = 2.5, 4, 256, 64
CUT = slice(MARGIN, MARGIN + SIDE)


def wide_town(seed: int) -> np.ndarray:
    """(H, W, 3) in 8 bits with a margin."""
    return in_bytes(town(seed, SIDE + 2 * MARGIN, 260))


def write(path: Path, image: np.ndarray, affine: Affine | None, **more) -> Path:
    height, width, count = image.shape
    crs = {} if affine is None else {"crs": ground.HOME, "transform": affine}
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=count, dtype=image.dtype, **crs, **more
    ) as sink:
        sink.write(np.moveaxis(image, 2, 0))
    return path


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return np.moveaxis(source.read(), 0, 2)


def north_up(pixel: float, right: float = 0, down: float = 0) -> Affine:
    """The scene's corner, moved by so many pixels of HR."""
    return ground.north_up(pixel, ground.EAST + right * PIXEL, ground.NORTH - down * PIXEL)


@pytest.fixture(scope="module")
def wide() -> np.ndarray:
    return wide_town(3)


@pytest.fixture(scope="module")
def hr(wide) -> np.ndarray:
    return wide[CUT, CUT]


@pytest.fixture(scope="module")
def lr(hr) -> np.ndarray:
    return np.clip(np.rint(imresize(hr / 255.0, f"1/{SCALE}") * 255), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def restorer():
    return refsr.load("rrsnet-small-x4", device="cpu")


@pytest.fixture
def lr_file(lr, tmp_path) -> Path:
    return write(tmp_path / "lr.tif", lr, north_up(SCALE * PIXEL))


def psnr(image: np.ndarray, hr: np.ndarray) -> float:
    return measure(image / 255, hr / 255, 8 * SCALE)["psnr"]


@pytest.fixture(scope="module")
def paired(lr, hr, restorer) -> float:
    """What the network reaches with a reference that lies right."""
    return psnr(restorer.restore(lr, hr, register="none"), hr)


@pytest.fixture(scope="module")
def without(lr, hr, restorer) -> float:
    """What it reaches without a reference."""
    up = np.clip(np.rint(imresize(lr / 255.0, SCALE) * 255), 0, 255).astype(np.uint8)
    return psnr(restorer.restore(lr, up, register="none"), hr)


def restored(restorer, lr_file: Path, ref: Path, register: str | None = None) -> tuple[np.ndarray, list[str]]:
    output = ref.with_name(f"out-{register}-{ref.name}")
    report = restore_raster(restorer, lr_file, [ref], output, RestoreOptions(register=register))
    return read(output), report.lines


@pytest.mark.parametrize("whole", [True, False], ids=["in one piece", "by tie points"])
@pytest.mark.parametrize(("right", "down"), [(3, -2), (-9, 14)])
def test_a_wrong_georeference_is_corrected(
    right, down, whole, wide, hr, restorer, paired, without, lr_file, tmp_path, monkeypatch
):
    if not whole:
        monkeypatch.setattr(scene_registration, "WHOLE", 16)
    # The header says that the margin's corner lies elsewhere than it does.
    ref = write(tmp_path / "ref.tif", wide, north_up(PIXEL, right - MARGIN, down - MARGIN))
    wrong, _ = restored(restorer, lr_file, ref, "none")
    found, lines = restored(restorer, lr_file, ref)
    # Of what a wrong georeference loses, most is regained.
    assert paired - psnr(found, hr) < 0.35 * (paired - psnr(wrong, hr))
    assert psnr(found, hr) > without + 0.6 * (paired - without)
    assert any(line.startswith(f"{ref}: Ref ") and "px" in line for line in lines)


def test_a_right_georeference_changes_nothing(wide, restorer, lr_file, tmp_path):
    ref = write(tmp_path / "ref.tif", wide, north_up(PIXEL, -MARGIN, -MARGIN))
    found, lines = restored(restorer, lr_file, ref)
    np.testing.assert_array_equal(found, restored(restorer, lr_file, ref, "none")[0])
    assert any("left as it is" in line for line in lines)


@pytest.mark.parametrize("whole", [True, False], ids=["in one piece", "by tie points"])
def test_other_ground_is_refused(whole, restorer, lr, lr_file, hr, without, tmp_path, monkeypatch):
    if not whole:
        monkeypatch.setattr(scene_registration, "WHOLE", 16)
    ref = write(tmp_path / "ref.tif", wide_town(4), north_up(PIXEL, -MARGIN, -MARGIN))
    found, lines = restored(restorer, lr_file, ref)
    assert any("Ref is refused: " in line and line.endswith("; restored without a reference") for line in lines)
    assert abs(psnr(found, hr) - without) < 0.02


def test_a_part_that_changed_gets_no_reference(wide, hr, lr, restorer, lr_file, tmp_path):
    changed = wide.copy()
    changed[:, MARGIN + SIDE // 2 :] = wide_town(5)[:, MARGIN + SIDE // 2 :]
    ref = write(tmp_path / "ref.tif", changed, north_up(PIXEL, 4 - MARGIN, 3 - MARGIN))
    found, _ = restored(restorer, lr_file, ref)
    up = np.clip(np.rint(imresize(lr / 255.0, SCALE) * 255), 0, 255).astype(np.uint8)
    none = restorer.restore(lr, up, register="none")
    far = np.s_[40:-40, SIDE // 2 + 48 : -24]
    assert np.abs(found[far].astype(int) - none[far]).mean() < 0.35
    near = np.s_[40:-40, 24 : SIDE // 2 - 24]
    assert (
        np.abs(found[near] - hr[near].astype(float)).mean() < 0.85 * np.abs(none[near] - hr[near].astype(float)).mean()
    )


def test_without_a_georeference_ref_is_laid_by_image(wide, hr, restorer, paired, without, lr_file, tmp_path):
    """Turned by 4 degrees, of pixels 1.1 times as large, of a size that fits nothing."""
    turn, size = np.radians(4), 300
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    middle = (SIDE - 1) / 2 + MARGIN
    x = 1.1 * (np.cos(turn) * columns + np.sin(turn) * rows) + middle + 5
    y = 1.1 * (np.cos(turn) * rows - np.sin(turn) * columns) + middle - 3
    planes = [map_coordinates(wide[:, :, band].astype(float), [y, x], order=3) for band in range(3)]
    ref = write(tmp_path / "ref.tif", np.clip(np.rint(np.stack(planes, 2)), 1, 255).astype(np.uint8), None)
    found, lines = restored(restorer, lr_file, ref)
    assert psnr(found, hr) > without + 0.4 * (paired - without)
    assert any("laid on LR by image" in line for line in lines)


def test_the_grid_under_a_transform_is_where_gdal_warps_to():
    """GDAL warps a raster on the grid to what the transform says of its pixels."""
    fine = Grid(Geotransform(ground.HOME, tuple(north_up(PIXEL))[:6]), 60, 70)
    transform = np.array([[1.2, 0.1, 6.0], [-0.08, 0.9, 11.0]])
    grid = grid_under(fine, transform, 90, 120)
    rows, columns = np.mgrid[:90, :120].astype(np.float64)
    image = (3 * columns + 5 * rows + 100).astype(np.float64)
    warped = np.zeros((60, 70))
    reproject(
        image, warped, src_transform=grid.geotransform.affine(), src_crs=ground.HOME,
        dst_transform=fine.geotransform.affine(), dst_crs=ground.HOME, resampling=Resampling.bilinear,
    )  # fmt: skip
    y, x = np.mgrid[:60, :70].astype(np.float64)
    there_x = 1.2 * x + 0.1 * y + 6
    there_y = -0.08 * x + 0.9 * y + 11
    inside = (there_x > 1) & (there_x < 118) & (there_y > 1) & (there_y < 88)
    # GDAL rounds where it reads; a grid half a pixel off would give 2 and more.
    assert np.abs(warped - (3 * there_x + 5 * there_y + 100))[inside].max() < 0.3


def test_a_resumed_run_registers_alike_and_other_modes_are_other_work(wide, restorer, lr_file, tmp_path, monkeypatch):
    monkeypatch.setattr(raster_blocks, "BLOCK", 24)
    ref = write(tmp_path / "ref.tif", wide, north_up(PIXEL, 7 - MARGIN, 5 - MARGIN))
    options = RestoreOptions(tile=24)
    restore_raster(restorer, lr_file, [ref], tmp_path / "whole.tif", options)
    begin = raster_run.RasterSink.write
    count = 0

    def stopping(self, *given):
        nonlocal count
        count += 1
        if count > 3:
            raise KeyboardInterrupt
        begin(self, *given)

    monkeypatch.setattr(raster_run.RasterSink, "write", stopping)
    with pytest.raises(KeyboardInterrupt):
        restore_raster(restorer, lr_file, [ref], tmp_path / "out.tif", options)
    monkeypatch.setattr(raster_run.RasterSink, "write", begin)
    record = json.loads((tmp_path / ".out.tif.blocks" / "blocks.json").read_text(encoding="utf-8"))
    assert len(record["registration"][0]) == 64
    with pytest.raises(
        UsageError, match=r"was begun from something else \((registration, )?options(, registration)?\)"
    ):
        restore_raster(restorer, lr_file, [ref], tmp_path / "out.tif", RestoreOptions(tile=24, register="none"))
    # The call that goes on takes the registration over, which lies beside the blocks.
    monkeypatch.setattr(scene_opening, "register_reference", pytest.fail)
    report = restore_raster(restorer, lr_file, [ref], tmp_path / "out.tif", options)
    assert report.restored == report.blocks - 3
    assert (tmp_path / "out.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


def test_a_kept_registration_is_not_taken_for_another_reference(wide, restorer, lr_file, tmp_path, monkeypatch):
    """What a call that was killed before its first block has left counts only for the same pixels."""
    ref, options = tmp_path / "ref.tif", RestoreOptions(tile=24)

    def killed(self, *given):
        raise KeyboardInterrupt

    write(ref, wide, north_up(PIXEL, 7 - MARGIN, 5 - MARGIN))
    with monkeypatch.context() as patched:
        patched.setattr(raster_run.RasterSink, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            restore_raster(restorer, lr_file, [ref], tmp_path / "out.tif", options)
    assert (tmp_path / ".out.tif.blocks" / "registrations.npz").exists()
    write(ref, np.roll(wide, 5, axis=1), north_up(PIXEL, 7 - MARGIN, 5 - MARGIN))
    restore_raster(restorer, lr_file, [ref], tmp_path / "out.tif", options)
    restore_raster(restorer, lr_file, [ref], tmp_path / "fresh.tif", options)
    assert (tmp_path / "out.tif").read_bytes() == (tmp_path / "fresh.tif").read_bytes()


def test_tags_say_how_ref_was_registered(wide, restorer, lr_file, tmp_path):
    ref = write(tmp_path / "ref.tif", wide, north_up(PIXEL, 7 - MARGIN, 5 - MARGIN))
    for mode, expected in ((None, "auto"), ("global", "global"), ("none", "none")):
        restored(restorer, lr_file, ref, mode)
        with rasterio.open(tmp_path / f"out-{mode}-ref.tif") as source:
            tags = source.tags()
        assert tags["REFSR_REGISTRATION"] == expected
        assert ("REFSR_REF_1_REGISTRATION" in tags) == (mode != "none")
