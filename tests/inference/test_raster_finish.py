"""What is made of restored bands: LR's other bands, parts of a scene, other pixel sizes; by command and from Python."""

from __future__ import annotations

import json
from pathlib import Path

import ground
import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.warp import transform

import refsr
from refsr.core.errors import DataError, UsageError
from refsr.geo.raster_source import RasterSource
from refsr.inference import raster_job, rasters, scene_opening
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_options import RasterOptions
from refsr.ops.resize import imresize

SCALE, PIXEL = 4, 10.0
DESCRIPTIONS = ("blue", "green", "red", "nir", "thermal")


@pytest.fixture(scope="module")
def scene():
    """One place with a cube at HR's size: LR with near infrared, Ref, and the truth of near infrared."""
    made = refsr.worlds.make(
        0, size=256, scale=SCALE, seed=77, bands=40, cube_factor=1, misregistration=0, rotation=0,
        scale_difference=0, view_angle=0, change=0, softness=0.6,
    )  # fmt: skip
    assert made.hsi is not None
    return made


@pytest.fixture(scope="module")
def restorer():
    return refsr.load("rrsnet-small-x4", device="cpu")


def write(path: Path, image: np.ndarray, pixel: float, crs: str | None = ground.HOME, **more) -> Path:
    height, width, count = image.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=count, dtype=image.dtype, crs=crs,
        transform=ground.north_up(pixel), **more,
    ) as sink:  # fmt: skip
        sink.write(np.moveaxis(image, 2, 0))
    return path


@pytest.fixture(scope="module")
def files(scene, tmp_path_factory) -> dict[str, Path]:
    """LR in the order blue, green, red, near infrared, thermal, 16 bits, near infrared and thermal in own ranges."""
    folder = tmp_path_factory.mktemp("rasters")
    near_infrared = imresize(scene.hsi[:, :, 8].astype(np.float64), f"1/{SCALE}")
    thermal = 29_000 + 500 * imresize(near_infrared, "1/4").repeat(4, 0).repeat(4, 1) / near_infrared.max()
    colours = scene.lr[:, :, ::-1].astype(np.float64) * 10
    stack = np.rint(np.clip(np.dstack([colours, near_infrared, thermal]), 1, 65535)).astype(np.uint16)
    stack[40:44, 40:44] = 0
    stack[10:14, 50:60, 4] = 0
    lr = write(folder / "lr.tif", stack, PIXEL, nodata=0)
    with rasterio.open(lr, "r+") as sink:
        sink.descriptions = DESCRIPTIONS
        sink.scales, sink.offsets = (1e-4, 1e-4, 1e-4, 1e-4, 0.01), (0.0, 0.0, 0.0, 0.0, 2.0)
        colours_of = rasterio.enums.ColorInterp
        sink.colorinterp = (colours_of.blue, colours_of.green, colours_of.red, colours_of.nir, colours_of.undefined)
    # Ref covers more than LR is long: its own corner, its own values.
    ref = write(folder / "ref.tif", scene.ref, PIXEL / SCALE)
    return {"lr": lr, "ref": ref}


def restore(restorer, files, output: Path, **raster) -> list[str]:
    options = RestoreOptions(range=(0, 2550), range_ref=(0, 255), raster=RasterOptions(**raster))
    return rasters.restore_raster(restorer, files["lr"], [files["ref"]], output, options).lines


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return np.moveaxis(source.read(), 0, 2)


@pytest.fixture(scope="module")
def whole(restorer, files, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "out.tif"
    restore(restorer, files, output)
    return output


def test_all_bands_come_back_in_lrs_order_with_what_they_are_called(whole, files, scene):
    with rasterio.open(whole) as made, rasterio.open(files["lr"]) as lr:
        assert made.count == 5
        assert made.descriptions == DESCRIPTIONS
        assert (made.scales, made.offsets, made.colorinterp) == (lr.scales, lr.offsets, lr.colorinterp)
        assert made.dtypes == lr.dtypes
        assert made.nodata == 0
    pixels = read(whole).astype(float)
    inner = np.zeros(pixels.shape[:2], bool)
    inner[8:-8, 8:-8] = True
    inner[152:184, 152:184] = False
    # Red, green and blue are the restored ones, in their own places.
    for band, colour in enumerate((2, 1, 0)):
        plain = imresize(scene.lr[:, :, colour] * 10.0, SCALE)
        truth = scene.hr[:, :, colour] * 10.0
        assert np.square(pixels[:, :, band] - truth)[inner].mean() < 0.8 * np.square(plain - truth)[inner].mean()
    truth = scene.hsi[:, :, 8].astype(float)
    plain = imresize(read(files["lr"])[:, :, 3].astype(float), SCALE)
    assert np.square(pixels[:, :, 3] - truth)[inner].mean() < 0.95 * np.square(plain - truth)[inner].mean()
    assert 28_900 < pixels[:, :, 4][inner & (pixels[:, :, 4] > 0)].min() <= pixels[:, :, 4].max() < 29_600


def test_each_band_keeps_its_own_holes(whole):
    pixels = read(whole)
    hole = np.zeros(pixels.shape[:2], bool)
    hole[160:176, 160:176] = True
    for band in range(4):
        np.testing.assert_array_equal(pixels[:, :, band] == 0, hole)
    hole[40:56, 200:240] = True
    np.testing.assert_array_equal(pixels[:, :, 4] == 0, hole)


def test_every_band_reduces_to_lrs(whole, files):
    """To within a half of what bicubic is off: differences that are as small as the band's noise stay."""
    pixels, low = read(whole).astype(float), read(files["lr"]).astype(float)
    plain = imresize(low, SCALE)
    for band in (3, 4):
        off = [
            np.square(imresize(image[:, :, band], f"1/{SCALE}") - low[:, :, band])[18:36, 3:-3].mean()
            for image in (pixels, plain)
        ]
        assert off[0] < max(0.25 * off[1], 1)


def test_drop_and_enlarge(restorer, files, whole, tmp_path):
    lines = restore(restorer, files, tmp_path / "three.tif", other_bands="drop")
    assert "other bands: nir, thermal are left out" in lines
    three = read(tmp_path / "three.tif")
    with rasterio.open(tmp_path / "three.tif") as made:
        assert made.descriptions == ("red", "green", "blue")
    np.testing.assert_array_equal(three, read(whole)[:, :, [2, 1, 0]])
    restore(restorer, files, tmp_path / "five.tif", other_bands="enlarge")
    # What rings below 0 is cut off by the type, and 0 itself means no data.
    plain = np.clip(imresize(read(files["lr"])[:, :, 3].astype(float), SCALE), 1, None)
    found = read(tmp_path / "five.tif")
    assert np.abs(found[:100, :100, 3] - plain[:100, :100]).max() <= 0.51
    np.testing.assert_array_equal(found[:, :, :3], read(whole)[:, :, :3])


def test_blocks_and_squares_do_not_show(restorer, files, whole, tmp_path, monkeypatch):
    from refsr.geo import other_bands
    from refsr.inference import raster_blocks

    monkeypatch.setattr(raster_blocks, "BLOCK", 32)
    monkeypatch.setattr(other_bands, "CELL", 64)
    monkeypatch.setattr(other_bands, "LEAST_CELL", 16)
    options = RestoreOptions(range=(0, 2550), range_ref=(0, 255), tile=32, overlap=24)
    rasters.restore_raster(restorer, files["lr"], [files["ref"]], tmp_path / "out.tif", options)
    apart = np.abs(read(tmp_path / "out.tif").astype(int) - read(whole))
    # A step of 10 is one grey level of the 8 bits that the network knows.
    assert apart[:, :, :3].max() <= 10
    assert np.quantile(apart[:, :, 3], 0.999) <= 10


def test_a_kill_between_the_passes_costs_nothing(restorer, files, whole, tmp_path, monkeypatch):
    output = tmp_path / "out.tif"
    with monkeypatch.context() as patch:
        patch.setattr(raster_job.RasterFinish, "read", _killed)
        with pytest.raises(RuntimeError):
            restore(restorer, files, output)
    assert not output.exists()
    monkeypatch.setattr(raster_job.RasterJob, "restored", _killed)
    restore(restorer, files, output)
    np.testing.assert_array_equal(read(output), read(whole))
    assert [file.name for file in tmp_path.iterdir()] == ["out.tif"]


def _killed(*_):
    raise RuntimeError


def test_a_box_gives_what_the_whole_has_there(restorer, files, whole, tmp_path):
    left, top = ground.EAST + 203, ground.NORTH - 107
    lines = restore(restorer, files, tmp_path / "box.tif", bbox=(left, top - 190, left + 150, top))
    assert any("21x16 of its 64x64 pixels" in line or "20x16 of its 64x64 pixels" in line for line in lines)
    with rasterio.open(tmp_path / "box.tif") as made, rasterio.open(whole) as source:
        assert made.transform @ (0, 0) == pytest.approx((ground.EAST + 200, ground.NORTH - 100))
        assert made.crs == source.crs
        expected = np.moveaxis(source.read(window=((40, 40 + made.height), (80, 80 + made.width))), 0, 2)
    apart = np.abs(read(tmp_path / "box.tif").astype(int) - expected)
    assert apart[:, :, :3].max() <= 10
    assert np.quantile(apart[:, :, 3], 0.99) <= 10


def test_outside_of_an_area_all_is_empty(restorer, files, whole, tmp_path):
    x = ground.EAST + np.array([100, 400, 250, 100.0])
    y = ground.NORTH - np.array([500, 450, 100, 500.0])
    longitude, latitude = transform(ground.HOME, "EPSG:4326", x, y)
    ring = [[east, north] for east, north in zip(longitude, latitude, strict=True)]
    ring[-1] = ring[0]
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    restore(restorer, files, tmp_path / "area.tif", aoi=str(tmp_path / "a.geojson"))
    with rasterio.open(tmp_path / "area.tif") as made:
        place, mask = made.transform, made.dataset_mask() > 0
    columns, rows = np.meshgrid(np.arange(mask.shape[1]) + 0.5, np.arange(mask.shape[0]) + 0.5)
    east, north = place @ (columns, rows)
    inside = np.ones(mask.shape, bool)
    for index in range(3):
        # Anticlockwise or not: all cross products have one sign.
        side = (x[index + 1] - x[index]) * (north - y[index]) - (y[index + 1] - y[index]) * (east - x[index])
        inside &= side >= 0
    assert inside.sum() > 3000
    pixels = read(tmp_path / "area.tif")
    assert (mask != inside).sum() <= 0.005 * inside.sum()
    assert not pixels[~mask].any()
    # The extent is cut to the area: some pixel in the outermost LR rows and columns is in it.
    assert all(edge.any() for edge in (inside[:4], inside[-4:], inside[:, :4], inside[:, -4:]))
    rows, columns = (round((ground.NORTH - place.f) / 2.5), round((place.c - ground.EAST) / 2.5))
    expected = read(whole)[rows : rows + mask.shape[0], columns : columns + mask.shape[1]]
    assert np.abs(pixels[mask].astype(int) - expected[mask])[:, :3].max() <= 10


def test_a_resolution_between_lrs_and_the_networks(restorer, files, whole, tmp_path):
    lines = restore(restorer, files, tmp_path / "out.tif", resolution=5.0)
    assert any(line.startswith("result: resampled by 1/2 after the network") for line in lines)
    with rasterio.open(tmp_path / "out.tif") as made:
        assert (made.height, made.width, made.count) == (128, 128, 5)
        assert made.transform.a == 5.0
        assert made.transform @ (0, 0) == (ground.EAST, ground.NORTH)
    full = read(whole)[:, :, :4].astype(float)
    expected = np.clip(imresize(full, "1/2"), 1, None)
    found = read(tmp_path / "out.tif")[:, :, :4]
    part = np.s_[4:70, 4:70]
    # A value that is rounded to 0, which means no data, is moved to 1. `full` was rounded before it was reduced, by
    # weights whose absolute values add up to 1.2 along an axis, and `found` after.
    assert np.abs(found[part] - expected[part]).max() <= 0.5 * 1.2**2 + 0.5
    hole = np.zeros((128, 128), bool)
    hole[80:88, 80:88] = True
    np.testing.assert_array_equal((found == 0).all(axis=2), hole)


def test_from_python_an_array_has_the_same_bytes_as_the_file(restorer, files, whole):
    options = {"range": (0, 2550), "range_ref": (0, 255)}
    array = restorer.restore(files["lr"], files["ref"], **options, raster={"other_bands": "guided"})
    np.testing.assert_array_equal(array, read(whole))


def test_png_keeps_the_restored_bands_only(restorer, scene, tmp_path):
    lr = write(tmp_path / "lr.tif", np.dstack([scene.lr, scene.lr[:, :, :1]]), PIXEL, photometric="RGB", alpha="NO")
    ref = write(tmp_path / "ref.tif", scene.ref, PIXEL / SCALE)
    lines = rasters.restore_raster(restorer, lr, [ref], tmp_path / "out.png", RestoreOptions()).lines
    assert any("left out" in line for line in lines)
    assert read(tmp_path / "out.png").shape == (256, 256, 3)


@pytest.mark.parametrize(
    ("raster", "error", "words"),
    [
        ({"bbox": (0, 0, 1, 1)}, DataError, "shares no ground with LR"),
        ({"bbox": (3, 0, 1, 1)}, UsageError, "LEFT BOTTOM RIGHT TOP"),
        ({"resolution": 1.0}, UsageError, "interpolated only"),
        ({"resolution": 30.0}, UsageError, "without a network"),
        ({"aoi": "missing.geojson"}, Exception, "missing.geojson"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(raster, error, words, restorer, files, tmp_path, monkeypatch):
    """A pixel size out of range was once said after the registration, which may take long."""
    monkeypatch.setattr(scene_opening, "register_reference", _killed)
    with pytest.raises(error, match=words):
        restore(restorer, files, tmp_path / "out.tif", **raster)
    assert not list(tmp_path.iterdir())


def test_a_store_has_one_scale_for_all_bands(restorer, files, tmp_path):
    with pytest.raises(UsageError, match=r"out\.zarr: Zarr holds one scale and offset for all bands"):
        restore(restorer, files, tmp_path / "out.zarr")
    assert not list(tmp_path.iterdir())


def test_a_cut_raster_reads_what_the_whole_has_there(files):
    with RasterSource(files["lr"], [1, 2]) as part, RasterSource(files["lr"], [1, 2]) as source:
        part.cut(source.window._replace(top=5, left=7, height=40, width=50))
        part.cut(part.window._replace(top=3, left=2, height=20, width=30))
        pixels, valid = part.read(part.window)
        expected, known = source.read(part.window._replace(top=8, left=9))
        np.testing.assert_array_equal(pixels, expected)
        np.testing.assert_array_equal(valid, known)
        assert part.grid is not None
        assert part.grid.geotransform.point(0, 0) == (ground.EAST + 90, ground.NORTH - 80)
        assert part.sharing(4).read(part.window)[0].shape == (20, 30, 1)


def csv_of(path: Path, pixel: float, comment: str = "") -> str:
    """Control points of a raster whose corner is the scene's."""
    pixels = [(0, 0), (200, 10), (20, 180), (190, 170), (100, 90)]
    lines = [f"{column},{row},{ground.EAST + pixel * column},{ground.NORTH - pixel * row}" for column, row in pixels]
    path.write_text("\n".join([comment, "column,row,x,y", *lines]))
    return str(path)


def test_control_points_place_rasters_that_lie_nowhere(restorer, files, scene, whole, tmp_path):
    ref = write(tmp_path / "ref.tif", scene.ref, 1.0, crs=None)
    with rasterio.open(ref, "r+") as sink:
        sink.transform = rasterio.Affine.identity()
    gcps = csv_of(tmp_path / "ref.csv", PIXEL / SCALE)
    options = {"gcps": gcps, "other_bands": "drop"}
    lines = restore(restorer, files | {"ref": ref}, tmp_path / "out.tif", **options)
    assert any("affine map by 5 control points; residuals 0.00 pixels" in line for line in lines)
    np.testing.assert_array_equal(read(tmp_path / "out.tif"), read(whole)[:, :, [2, 1, 0]])


@pytest.mark.parametrize("own", [0, 4])
def test_control_points_of_lr_place_the_result(own, restorer, scene, files, tmp_path):
    """In place of its own, if it has some."""
    lr = write(tmp_path / "lr.tif", scene.lr, 1.0, crs=None)
    with rasterio.open(lr, "r+") as sink:
        sink.transform = rasterio.Affine.identity()
        if own:
            corners = ((0, 0), (0, 9), (9, 0), (9, 9))
            sink.gcps = [GroundControlPoint(*at, 500 + at[1], 700 - at[0]) for at in corners], "EPSG:32613"
    gcps = csv_of(tmp_path / "lr.csv", PIXEL, "# EPSG:32612")
    raster = RasterOptions(gcps_lr=gcps)
    rasters.restore_raster(restorer, lr, [files["ref"]], tmp_path / "out.tif", RestoreOptions(raster=raster))
    with rasterio.open(tmp_path / "out.tif") as made:
        assert made.crs.to_epsg() == 32612
        np.testing.assert_allclose(tuple(made.transform)[:6], tuple(ground.north_up(2.5))[:6], atol=1e-5)
