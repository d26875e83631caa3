"""Ref on a grid of its own: it shows the same ground as HR's grid does, as other programs read it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from refsr.core.errors import UsageError
from refsr.worlds.draws import draw
from refsr.worlds.in_memory import make
from refsr.worlds.knobs import REF_SYSTEMS, Knobs
from refsr.worlds.reference_grid import reference_grid
from refsr.worlds.scene_pair import make_scene_pair
from refsr.worlds.world_folder import make_world

rasterio = pytest.importorskip("rasterio")

EXACT = {"misregistration": 0.0, "rotation": 0.0, "scale_difference": 0.0, "noise": 0.0, "geo": True}
GRIDS = {
    "next zone": {"ref_crs": "next-utm"},
    "degrees": {"ref_crs": "EPSG:4326", "ref_pixel": 0.5},
    "web mercator, wide": {"ref_crs": "EPSG:3857", "ref_pixel": 0.5, "ref_extent": 1.6},
    "fine": {"ref_pixel": 0.25},
    "coarse": {"ref_pixel": 2.0},
    "turned": {"ref_grid_rotation": -33.0, "ref_pixel": 0.5},
    "turned and south-up": {"ref_grid_rotation": 120.0, "ref_pixel": 0.5, "ref_south_up": True},
}


def test_on_hrs_own_grid_it_is_the_paired_one() -> None:
    images = make_scene_pair(Knobs(places=1, size=96, ref_pixel=1.0, **EXACT), 0).images
    np.testing.assert_array_equal(images["Ref"], images["Ref_on_HR"])


@pytest.mark.parametrize("name", GRIDS)
def test_gdal_finds_the_same_ground_on_it(name: str) -> None:
    from rasterio.warp import Resampling, reproject

    pair = make_scene_pair(Knobs(places=1, size=96, seed=4, **EXACT, **GRIDS[name]), 0)
    assert pair.ref_grid is not None
    home, grid = pair.draws.geotransform, pair.ref_grid.geotransform
    assert pair.images["Ref"].shape == (pair.ref_grid.height, pair.ref_grid.width, 3)
    paired = pair.images["Ref_on_HR"].astype(np.float32)
    inside = np.s_[4:-4, 4:-4]

    def power(right: float, down: float) -> float:
        """Of the difference, where Ref is read at so many HR pixels from where it lies."""
        moved = np.full((3, 96, 96), np.nan, np.float32)
        reproject(
            np.moveaxis(pair.images["Ref"].astype(np.float32), 2, 0), moved, src_crs=grid.crs, dst_crs=home.crs,
            src_transform=grid.affine(), dst_transform=home.affine() @ home.affine().translation(right, down),
            resampling=Resampling.cubic, dst_nodata=np.nan, tolerance=0,
        )  # fmt: skip
        return float(np.square(np.moveaxis(moved, 0, 2) - paired)[inside].mean())

    here = power(0, 0)
    assert here < (100 if name == "coarse" else 15)
    for right, down in ((0.5, 0), (0, 0.5)):
        before, after = power(-right, -down), power(right, down)
        # The parabola through the three has its lowest point where Ref lies.
        assert abs(0.25 * (before - after) / (before - 2 * here + after)) < (0.04 if name == "coarse" else 0.015)


@pytest.mark.parametrize("extent", [0.4, 1.0, 2.5])
@pytest.mark.parametrize(
    ("system", "rotation"), [(one, turn) for one in REF_SYSTEMS for turn in (0.0, 45.0, -100.0)
                             if one != "EPSG:4326" or not turn]
)  # fmt: skip
def test_it_covers_hr_and_lies_on_the_canvas(system: str, rotation: float, extent: float) -> None:
    from rasterio.warp import transform

    for index in range(4):
        knobs = Knobs(size=256, geo=True, ref_crs=system, ref_grid_rotation=rotation, ref_extent=extent)
        draws = draw(knobs, index)
        home, grid = draws.geotransform, reference_grid(knobs, draws.geotransform)
        x, y = grid.geotransform.point(*np.array([(0, 0, grid.width, grid.width), (0, grid.height, 0, grid.height)]))
        column, row = home.pixel(*np.array(transform(grid.geotransform.crs, home.crs, x, y)))
        points = draws.reference.lens.view(knobs.size, knobs.canvas).to_canvas(np.stack([row, column], -1) - 0.5)
        assert points.min() >= 1
        assert points.max() <= knobs.canvas - 2
        middle, reach = knobs.size / 2, knobs.size / 2 * extent
        ends = np.array([middle - reach, middle + reach])
        x, y = home.point(*(line.ravel() for line in np.meshgrid(ends, ends)))
        column, row = grid.geotransform.pixel(*np.array(transform(home.crs, grid.geotransform.crs, x, y)))
        assert min(column.min(), row.min()) > -1e-3
        assert column.max() < grid.width + 1e-3
        assert row.max() < grid.height + 1e-3


def test_files_say_it_and_equal_parameters_give_equal_files(tmp_path: Path) -> None:
    knobs = Knobs(places=1, size=64, geo=True, bits=16, ref_crs="next-utm", ref_pixel=0.5, ref_grid_rotation=10.0)
    for name, workers in (("a", 1), ("b", 2)):
        make_world(tmp_path / name, knobs, workers)
    files = sorted(file.relative_to(tmp_path / "a") for file in (tmp_path / "a").rglob("*") if file.is_file())
    for file in files:
        one, two = (hashlib.sha256((tmp_path / name / file).read_bytes()).digest() for name in "ab")
        assert one == two, file
    folder = tmp_path / "a" / "train"
    with (
        rasterio.open(folder / "HR/000000.tif") as hr,
        rasterio.open(folder / "Ref/000000.tif") as ref,
        rasterio.open(folder / "Ref_on_HR/000000.tif") as paired,
    ):
        grid = reference_grid(knobs, draw(knobs, 0).geotransform)
        assert ref.crs.to_epsg() == hr.crs.to_epsg() + 1
        assert tuple(ref.transform)[:6] == grid.geotransform.transform
        assert (ref.height, ref.width, ref.dtypes[0]) == (grid.height, grid.width, "uint16")
        assert (paired.transform, paired.crs, paired.shape) == (hr.transform, hr.crs, hr.shape)
    without = make_scene_pair(Knobs(places=1, size=64, geo=True, bits=16), 0)
    assert "Ref_on_HR" not in without.images


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ref_crs": "EPSG:4326"}, "ref_crs EPSG:4326: only GeoTIFFs have grids; add geo"),
        ({"ref_south_up": True}, "only GeoTIFFs have grids"),
        ({"geo": True, "ref_crs": "EPSG:4362"}, "did you mean 'EPSG:4326'?"),
        ({"geo": True, "ref_crs": "EPSG:4326", "ref_grid_rotation": 5.0}, "ref_grid_rotation 5.0 has no place in"),
        ({"geo": True, "ref_pixel": 0.1}, "ref_pixel 0.1 is out of range, 0.25 to 8 is allowed"),
    ],
)
def test_mistakes_are_named(given: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError) as error:
        Knobs(**given)  # type: ignore[arg-type]
    assert says in str(error.value)


def test_arrays_have_no_grids() -> None:
    with pytest.raises(UsageError, match="grids of Ref are of files, which refsr world writes"):
        make(size=64, geo=True, ref_pixel=2.0)
