"""Two rasters in, one out, in every form that files have: the matrix.

A case passes where the result lies on LR's grid to 1e-6 of a pixel, gains over bicubic what paired arrays gain (less
0.15 dB) where Ref covers, is no worse than without a reference where it does not, has LR's holes and no others, and has
the brightness that the network gives to paired arrays (within 0.2 %).
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.warp
from geo_world import (
    HOLE_KINDS,
    NODATA,
    SCALE,
    SIZE,
    STEPS,
    Place,
    Restored,
    grey,
    pixels_apart,
    place,
    raw,
    restored,
    write,
)
from rasterio.enums import ColorInterp
from rasterio.transform import Affine
from scipy.ndimage import binary_dilation, binary_erosion

from refsr.core.errors import DataError
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.projection import check_overlap
from refsr.inference.restorer import Restorer

LOSS = 0.15
"""dB that a raster may lose against paired arrays."""
SEAM = 9
"""HR pixels from Ref's border and holes over which its weight rises."""
BLEED = 8
"""HR pixels from LR's holes in which the network sees what they were filled with."""
SAME_DETAIL = 1.01
"""A Ref with larger pixels than HR's has less to give; then GDAL's warp of it says how much."""


def check(case: Place, made: Restored, restorer: Restorer, **known: Any) -> None:
    """All that a result must fulfil. `hole` is LR's, `covered` where Ref holds data, on LR's and HR's grid."""
    dtype = str(made.pixels.dtype)
    image = np.clip(grey(made.pixels[:, :, :3], dtype), 0, 255)
    hole = known.get("hole", np.zeros((SIZE // SCALE, SIZE // SCALE), bool)).repeat(SCALE, 0).repeat(SCALE, 1)
    covered = known.get("covered", np.ones((SIZE, SIZE), bool))
    paired = known.get("paired", case.paired(restorer))
    assert made.crs == case.home.coordinate_system()
    assert pixels_apart(made.transform, case.home.affine(), SIZE) < 1e-6
    np.testing.assert_array_equal(made.valid, ~hole)
    if made.nodata is not None and not np.isnan(made.nodata):
        np.testing.assert_array_equal((made.pixels == made.nodata).any(axis=2), hole)
    inner = binary_erosion(covered, iterations=SEAM, border_value=1) & ~binary_dilation(hole, iterations=BLEED)
    if inner.any():
        found, wanted = case.psnr(image, inner), case.psnr(paired, inner)
        assert found > wanted - LOSS
    without = case.without(restorer)
    for part in (~hole, ~covered & ~hole):
        if part.any():
            found, wanted = case.psnr(image, part), case.psnr(without, part)
            assert found > wanted - 0.02
    if covered.all() and not hole.any():
        shift = np.abs(image.mean((0, 1)) / paired.mean((0, 1), np.float64) - 1).max()
        assert shift < 2e-3


def geometries() -> dict[str, dict[str, Any]]:
    """The grids that every run tries; `SLOW` has all combinations."""
    systems = {"utm": "utm", "next zone": "next-utm", "degrees": "EPSG:4326", "mercator": "EPSG:3857"}
    cases: dict[str, dict[str, Any]] = {name: {"ref_crs": word} for name, word in systems.items()}
    cases |= {f"pixels x{ratio}": {"ref_pixel": ratio} for ratio in (0.25, 0.5, 1.6, 2.0, 4.0, 8.0)}
    cases["wider"] = {"ref_extent": 2.0}
    cases["turned"] = {"ref_grid_rotation": 25.0}
    cases["half turned, south-up, next zone"] = {
        "ref_grid_rotation": 100.0, "ref_crs": "next-utm", "ref_pixel": 0.7, "ref_south_up": True,
    }  # fmt: skip
    cases["south-up"] = {"ref_south_up": True}
    cases["south-up degrees"] = {"ref_south_up": True, "ref_crs": "EPSG:4326", "ref_pixel": 0.5}
    # Enough around LR that no border shows, but where the extent is the case.
    return {name: {"ref_extent": 1.3, **case} for name, case in cases.items()}


GEOMETRIES = geometries()
CROSSED = [
    {"ref_crs": system, "ref_pixel": ratio, "ref_grid_rotation": turn, "ref_south_up": flipped, "ref_extent": extent}
    for system, ratio, turn, flipped, extent in itertools.product(
        ("utm", "next-utm", "EPSG:4326", "EPSG:3857"), (0.25, 0.5, 1.0, 1.6, 4.0, 8.0), (0.0, 25.0, -137.0),
        (False, True), (1.0, 1.5),
    )
    if system != "EPSG:4326" or not turn
]  # fmt: skip


def check_geometry(given: dict[str, Any], restorer: Restorer, folder: Path) -> None:
    case = place(**given)
    lr = write(folder / "lr.tif", case.lr, case.lr_home)
    ref = write(folder / "ref.tif", case.ref, case.ref_grid.geotransform)
    made = restored(restorer, lr, [ref], folder / "out.tif")
    detail = given.get("ref_pixel", 1.0) <= SAME_DETAIL
    paired = case.paired(restorer) if detail else restorer.restore(case.lr, case.by_gdal())
    covered = case.covered(case.ref_grid)
    check(case, made, restorer, paired=paired, covered=covered)
    assert covered.all()
    assert any(line.endswith("covers 100% of LR") for line in made.report.lines)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_grids(name: str, restorer: Restorer, tmp_path: Path) -> None:
    check_geometry(GEOMETRIES[name], restorer, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("given", CROSSED, ids=lambda given: "-".join(map(str, given.values())))
def test_all_grids(given: dict[str, Any], restorer: Restorer, tmp_path: Path) -> None:
    check_geometry(given, restorer, tmp_path)


def test_the_case_has_something_to_lose(restorer: Restorer) -> None:
    """What is tested with 0.15 dB: a reference gains much, and half an HR pixel off costs much more than that."""
    case = place(ref_extent=1.3)
    paired, without = case.psnr(case.paired(restorer)), case.psnr(case.without(restorer))
    assert paired > without + 3
    assert without > case.psnr(case.enlarged) + 1
    moved = (case.ref_on_hr[:, :-1].astype(float) + case.ref_on_hr[:, 1:]) / 2
    off = restorer.restore(case.lr, np.pad(np.rint(moved), ((0, 0), (0, 1), (0, 0)), "edge").astype(np.uint8))
    assert case.psnr(off) < paired - 0.4


def part(case: Place, rows: slice, columns: slice) -> tuple[np.ndarray, Grid]:
    """A piece of Ref with its grid."""
    image = case.ref[rows, columns]
    top, left = rows.indices(case.ref.shape[0])[0], columns.indices(case.ref.shape[1])[0]
    return image, Grid(case.ref_grid.geotransform.moved(left, top), image.shape[0], image.shape[1])


EXTENTS = {
    "left half": (np.s_[:], np.s_[: SIZE // 2]),
    "lower third": (np.s_[2 * SIZE // 3 :], np.s_[:]),
    "middle": (np.s_[32:96], np.s_[40:90]),
    "a strip": (np.s_[:], np.s_[100:104]),
}


@pytest.mark.parametrize("system", ["utm", "next-utm"])
@pytest.mark.parametrize("name", EXTENTS)
def test_extents(name: str, system: str, restorer: Restorer, tmp_path: Path) -> None:
    case = place(ref_crs=system)
    image, grid = part(case, *EXTENTS[name])
    lr = write(tmp_path / "lr.tif", case.lr, case.lr_home)
    ref = write(tmp_path / "ref.tif", image, grid.geotransform)
    made = restored(restorer, lr, [ref], tmp_path / "out.tif")
    check(case, made, restorer, covered=case.covered(grid))
    share = next(line for line in made.report.lines if "covers" in line)
    found = int(share.split("covers ")[1].split("%")[0]) / 100
    # The weight rises over SEAM pixels inside the border.
    assert case.covered(grid).mean() - 0.3 < found <= case.covered(grid).mean() + 0.01


@pytest.mark.parametrize("gap", [0.0, 1e-4, 1.0, 900.0])
def test_touching_and_apart(gap: float, restorer: Restorer, tmp_path: Path) -> None:
    """Without common ground there is nothing to restore with, and both extents are named."""
    case = place()
    home = case.home
    right = home.transform[2] + SIZE * home.transform[0] + gap
    beside = Geotransform.north_up(home.crs, right, home.transform[5], home.transform[0])
    lr = write(tmp_path / "lr.tif", case.lr, case.lr_home)
    ref = write(tmp_path / "ref.tif", case.ref_on_hr, beside)
    with pytest.raises(DataError, match=r"no reference shares ground with LR \(x .* to .*\); .*ref\.tif: x "):
        restored(restorer, lr, [ref], tmp_path / "out.tif")
    assert [file.name for file in tmp_path.iterdir() if "out" in file.name] == []


@pytest.mark.parametrize("side", [1, 5])
@pytest.mark.parametrize("neighbour", [False, True])
def test_a_small_ref_in_a_large_scene_is_no_error(side: int, neighbour: bool) -> None:
    """A few pixels in common are found wherever they lie, and a pixel beyond the border is not."""
    home = place().home
    system = place(ref_crs="next-utm").ref_grid.geotransform.crs if neighbour else home.crs
    scene = Grid(home, 40_000, 60_000)

    def ref(column: float, row: float, width: int) -> tuple[str, Grid]:
        x, y = home.point(column, row)
        if neighbour:
            (x,), (y,) = rasterio.warp.transform(home.crs, system, [x], [y])
        return "ref", Grid(Geotransform.north_up(system, x, y, home.transform[0]), side, width)

    for column, row in ((31.0, 17.0), (59_990.0, 39_990.0), (23_456.0, 12_345.0)):
        for width in (side, 30_000):
            check_overlap(scene, [ref(column, row, width)])
    for column, row in ((60_003.0, 12_345.0), (31.0, -side - 3.0), (-side - 3.0, 20_000.0)):
        with pytest.raises(DataError, match="no reference shares ground"):
            check_overlap(scene, [ref(column, row, side)])


def holes(shape: tuple[int, int]) -> np.ndarray:
    """A block, a diagonal one pixel wide, a corner and a single pixel, for LR's and Ref's sizes alike."""
    height, width = shape
    hole = np.zeros(shape, bool)
    hole[height // 4 : height // 2, width // 3 : width // 2] = True
    line = np.arange(height // 2, height * 3 // 4)
    hole[line, line] = True
    hole[: height // 8, -(width // 8) :] = True
    hole[height * 7 // 8, width // 8] = True
    return hole


def fitting(dtype: str, kind: str) -> bool:
    return kind != "nan" or dtype.startswith("float")


FORMS = [(dtype, kind) for dtype in STEPS for kind in HOLE_KINDS if fitting(dtype, kind)]
FAST_FORMS = [
    *(("uint8", kind) for kind in HOLE_KINDS if kind != "nan"),
    ("float32", "nan"), ("uint16", "nodata"), ("uint16", "alpha"), ("int16", "one band"), ("float32", "external mask"),
]  # fmt: skip


def declared(dtype: str) -> tuple[float, float]:
    """The raw values of a type that are 0 and 255 in 8 bits."""
    gain, offset = STEPS[dtype]
    return offset, 255 * gain + offset


def check_lr_holes(dtype: str, kind: str, restorer: Restorer, folder: Path) -> None:
    case = place(ref_extent=1.3)
    hole = holes(case.lr.shape[:2])
    lr = write(folder / "lr.tif", raw(case.lr, dtype), case.lr_home, hole, kind)
    ref = write(folder / "ref.tif", case.ref, case.ref_grid.geotransform)
    made = restored(restorer, lr, [ref], folder / "out.tif", range=declared(dtype), range_ref=(0, 255))
    assert str(made.pixels.dtype) == dtype
    assert made.nodata == (NODATA[dtype] if kind in ("nodata", "one band") else None) or np.isnan(made.nodata or 0.0)
    check(case, made, restorer, hole=hole)


def check_ref_holes(dtype: str, kind: str, restorer: Restorer, folder: Path) -> None:
    case = place(ref_extent=1.3)
    hole = holes(case.ref.shape[:2])
    lr = write(folder / "lr.tif", case.lr, case.lr_home)
    ref = write(folder / "ref.tif", raw(case.ref, dtype), case.ref_grid.geotransform, hole, kind)
    made = restored(restorer, lr, [ref], folder / "out.tif", range=(0, 255), range_ref=declared(dtype))
    # This grid is HR's, with a border around it.
    around = (case.ref.shape[0] - SIZE) // 2
    covered = ~hole[around : around + SIZE, around : around + SIZE]
    check(case, made, restorer, covered=covered)


@pytest.mark.parametrize(("dtype", "kind"), FAST_FORMS)
def test_holes_in_lr(dtype: str, kind: str, restorer: Restorer, tmp_path: Path) -> None:
    check_lr_holes(dtype, kind, restorer, tmp_path)


@pytest.mark.parametrize(("dtype", "kind"), FAST_FORMS)
def test_holes_in_ref(dtype: str, kind: str, restorer: Restorer, tmp_path: Path) -> None:
    check_ref_holes(dtype, kind, restorer, tmp_path)


def test_nothing_bleeds_from_a_hole(restorer: Restorer, tmp_path: Path) -> None:
    """Where Ref covers, what the network sees in a hole is near to the truth: its surroundings lose nearly nothing."""
    case = place(ref_extent=1.3)
    hole = holes(case.lr.shape[:2])
    lr = write(tmp_path / "lr.tif", case.lr, case.lr_home, hole)
    ref = write(tmp_path / "ref.tif", case.ref, case.ref_grid.geotransform)
    made = restored(restorer, lr, [ref], tmp_path / "out.tif")
    large = hole.repeat(SCALE, 0).repeat(SCALE, 1)
    near = binary_dilation(large, iterations=BLEED) & ~large
    found, wanted = case.psnr(made.pixels, near), case.psnr(case.paired(restorer), near)
    assert found > wanted - 0.5
    assert case.psnr(made.pixels, ~large) > case.psnr(case.paired(restorer), ~large) - LOSS


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "kind"), [form for form in FORMS if form not in FAST_FORMS])
def test_all_holes(dtype: str, kind: str, restorer: Restorer, tmp_path: Path) -> None:
    check_lr_holes(dtype, kind, restorer, tmp_path)
    (tmp_path / "out.tif").unlink()
    check_ref_holes(dtype, kind, restorer, tmp_path)


NARROW = pytest.mark.xfail(
    reason="a Ref whose range is found by percentiles has less contrast than LR of 8 bits", strict=False
)


@pytest.mark.parametrize(
    ("dtype", "ref_dtype"),
    [pytest.param(one, two, marks=NARROW if one != two else ()) for one in STEPS for two in STEPS],
)
def test_types_with_ranges_found_by_themselves(dtype: str, ref_dtype: str, restorer: Restorer, tmp_path: Path) -> None:
    case = place(ref_extent=1.3)
    lr = write(tmp_path / "lr.tif", raw(case.lr, dtype), case.lr_home)
    ref = write(tmp_path / "ref.tif", raw(case.ref, ref_dtype), case.ref_grid.geotransform)
    made = restored(restorer, lr, [ref], tmp_path / "out.tif")
    assert str(made.pixels.dtype) == dtype
    check(case, made, restorer)


BANDS = {
    "infrared first": ([3, 0, 1, 2], ["undefined", "red", "green", "blue"], None),
    "blue first": ([2, 1, 0], ["blue", "green", "red"], None),
    "Sentinel-2's names": ([2, 1, 0, 3], None, ["B02", "B03", "B04", "B08"]),
    "with alpha": ([0, 1, 2, 4], ["red", "green", "blue", "alpha"], None),
}


@pytest.mark.parametrize("name", BANDS)
def test_bands_are_found_by_what_they_are_called(name: str, restorer: Restorer, tmp_path: Path) -> None:
    case = place(ref_extent=1.3)
    order, colours, descriptions = BANDS[name]
    infrared = 255 - case.lr[:, :, 1:2]
    stack = np.concatenate([case.lr, infrared, np.full_like(infrared, 255)], axis=2)[:, :, order]
    lr = write(tmp_path / "lr.tif", stack, case.lr_home, photometric="MINISBLACK")
    with rasterio.open(lr, "r+") as file:
        if colours is not None:
            file.colorinterp = [ColorInterp[colour] for colour in colours]
        else:
            file.descriptions = descriptions
    ref = write(tmp_path / "ref.tif", case.ref, case.ref_grid.geotransform)
    made = restored(restorer, lr, [ref], tmp_path / "out.tif")
    assert made.pixels.shape[2] >= 3
    # However the result is ordered, its bands are those of the file.
    with rasterio.open(tmp_path / "out.tif") as file:
        if descriptions is not None:
            places = [file.descriptions.index(band) for band in ("B04", "B03", "B02")]
        else:
            places = [[colour.name for colour in file.colorinterp].index(band) for band in ("red", "green", "blue")]
    check(case, Restored(made.pixels[:, :, places], *list(vars(made).values())[1:]), restorer)


def test_geotransforms_of_crooked_lrs_are_kept(restorer: Restorer, tmp_path: Path) -> None:
    """LR itself south-up and rotated: the result lies on its grid, finer."""
    case = place(ref_extent=1.3)
    middle = SIZE / 2
    turned = case.home.affine() @ Affine.translation(middle, middle) @ Affine.rotation(30) @ Affine.scale(0.6)
    for number, affine in enumerate((turned @ Affine.translation(-middle, -middle), case.home.affine())):
        flipped = affine @ Affine.translation(0, SIZE) @ Affine.scale(1, -1)
        where = Geotransform(case.home.crs, tuple(flipped)[:6])
        image = case.lr[::-1]
        lr = write(tmp_path / f"lr{number}.tif", image, where.coarser(SCALE))
        ref = write(tmp_path / f"ref{number}.tif", case.ref, case.ref_grid.geotransform)
        made = restored(restorer, lr, [ref], tmp_path / f"out{number}.tif")
        assert pixels_apart(made.transform, flipped, SIZE) < 1e-6
        if number == 1:
            assert case.psnr(made.pixels[::-1]) > case.psnr(case.paired(restorer)) - LOSS
