"""Boxes and areas of interest: which pixels they mean, and what is said of those that mean none."""

from __future__ import annotations

import itertools
import json

import ground
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine
from rasterio.warp import transform

from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.core.window import Window
from refsr.geo.area_of_interest import AreaOfInterest, read_area
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.scope import bounding_box, find_scope


def grid(affine: Affine, height: int = 80, width: int = 100, crs: str | None = ground.HOME) -> Grid:
    return Grid(Geotransform(crs, tuple(affine)[:6]), height, width)


LR = grid(ground.north_up(10))
EAST, NORTH = ground.EAST, ground.NORTH


def written(path, content) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def square(left: float, bottom: float, right: float, top: float) -> list:
    return [[[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]]


def in_degrees(points) -> list:
    x, y = np.array(points, float).T
    return np.array(transform(ground.HOME, "EPSG:4326", x, y)).T.tolist()


def near(window: Window) -> None:
    """Rows 30 to 50, columns 20 to 60, and a pixel more where a border leans into it."""
    apart = np.array((30 - window.top, 20 - window.left, window.bottom - 50, window.right - 60))
    assert ((apart == 0) | (apart == 1)).all()


@given(
    st.integers(0, 90), st.integers(0, 70), st.integers(1, 10), st.integers(1, 10), st.just(0.0) | st.floats(1e-4, 0.99)
)
def test_a_box_means_all_pixels_that_it_touches(column, row, width, height, part):
    left, top = EAST + 10 * (column + part), NORTH - 10 * (row + part)
    box = (left, top - 10 * height, left + 10 * width, top)
    window = find_scope(LR, bounding_box(box, None, LR), None).window
    more = 1 if part else 0
    assert window == Window(row, column, height + more, width + more).common(LR.window)


def test_a_box_on_the_borders_of_pixels_takes_no_more():
    for pixel in (0.1, 0.3, 2.5):
        fine = grid(ground.north_up(pixel))
        box = (EAST + 7 * pixel, NORTH - 40 * pixel, EAST + 29 * pixel, NORTH - 11 * pixel)
        assert find_scope(fine, bounding_box(box, None, fine), None).window == Window(11, 7, 29, 22)


def test_a_box_beyond_the_border_is_cut():
    box = (EAST - 1e6, NORTH - 100, EAST + 50, NORTH + 1e6)
    assert find_scope(LR, bounding_box(box, None, LR), None).window == Window(0, 0, 10, 5)


def test_a_box_in_degrees():
    corners = in_degrees([(EAST + 200, NORTH - 500), (EAST + 600, NORTH - 300)])
    box = (*corners[0], *corners[1])
    near(find_scope(LR, bounding_box(box, "EPSG:4326", LR), None).window)


def test_a_box_on_a_turned_grid_holds_its_corners():
    turned = grid(Affine.translation(EAST, NORTH) @ Affine.rotation(-30) @ Affine.scale(10, -10))
    x, y = turned.geotransform.point(50.0, 40.0)
    window = find_scope(turned, bounding_box((x - 55, y - 55, x + 55, y + 55), None, turned), None).window
    # Half a diagonal of a square of 110 m turned by 30 degrees: 5.5 * (cos 30 + sin 30) = 7.51 pixels.
    assert window == Window(32, 42, 16, 16)


SWAPPED = (42.000, -111.001, 42.002, -110.990)


@pytest.mark.parametrize(
    ("box", "crs", "words"),
    [
        ((EAST + 500, NORTH - 100, EAST + 100, NORTH), None, "LEFT BOTTOM RIGHT TOP"),
        ((EAST, NORTH, EAST + 100, NORTH - 100), None, "bottom is not below top"),
        ((EAST, NORTH, EAST + 100, float("nan")), None, "four numbers"),
        ((EAST + 5000, NORTH, EAST + 5100, NORTH + 10), None, "x 505000 to 505100.*x 500000 to 501000"),
        ((NORTH - 500, EAST, NORTH - 100, EAST + 500), None, "x and y swapped"),
        (SWAPPED, "EPSG:4326", "longitude .x. comes before latitude"),
        ((-111.001, 41.99, -110.99, 42.002), None, "in degrees it does: name their CRS, EPSG:4326$"),
        (SWAPPED, None, "in degrees it does.*longitude before latitude"),
        ((EAST, NORTH - 9, EAST + 9, NORTH), "EPSG:nothing", "no coordinate system"),
    ],
)
def test_boxes_that_mean_nothing(box, crs, words):
    with pytest.raises(RefsrError, match=words) as caught:
        find_scope(LR, bounding_box(box, crs, LR), None)
    assert "\n" not in str(caught.value)
    if left_of := words.startswith("LEFT"):
        assert isinstance(caught.value, UsageError), left_of


def test_without_a_coordinate_system_boxes_are_in_its_units_and_degrees_are_refused():
    bare = grid(ground.north_up(10), crs=None)
    box = (EAST + 20, NORTH - 60, EAST + 50, NORTH - 10)
    assert find_scope(bare, bounding_box(box, None, bare), None).window == Window(1, 2, 5, 3)
    with pytest.raises(DataError, match="names no coordinate system"):
        find_scope(bare, bounding_box(box, "EPSG:4326", bare), None)


KINDS = {
    "polygon": lambda rings: {"type": "Polygon", "coordinates": rings},
    "multi": lambda rings: {"type": "MultiPolygon", "coordinates": [rings]},
    "feature": lambda rings: {"type": "Feature", "properties": {}, "geometry": KINDS["polygon"](rings)},
    "collection": lambda rings: {"type": "FeatureCollection", "features": [KINDS["feature"](rings)]},
    "geometries": lambda rings: {"type": "GeometryCollection", "geometries": [KINDS["multi"](rings)]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_geojson(kind, tmp_path):
    ring = in_degrees(square(EAST + 200, NORTH - 500, EAST + 600, NORTH - 300)[0])
    area = read_area(written(tmp_path / "a.geojson", KINDS[kind]([ring])))
    assert area.crs == "EPSG:4326"
    near(find_scope(LR, None, area).window)
    mask = area.on(LR).mask(LR.window)
    expected = np.zeros((80, 100), bool)
    expected[30:50, 20:60] = True
    assert (mask != expected).mean() < 0.002


def test_geojson_of_2008_names_its_system(tmp_path):
    content = KINDS["feature"](square(EAST + 200, NORTH - 500, EAST + 600, NORTH - 300))
    content["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32612"}}
    area = read_area(written(tmp_path / "a.geojson", content))
    assert find_scope(LR, None, area).window == Window(30, 20, 20, 40)
    expected = np.zeros((80, 100), bool)
    expected[30:50, 20:60] = True
    np.testing.assert_array_equal(area.on(LR).mask(LR.window), expected)
    content["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert read_area(written(tmp_path / "b.geojson", content)).crs == "EPSG:4326"


def even_odd(points: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether points lie in a polygon, by the crossings of a ray; the independent truth."""
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        with np.errstate(divide="ignore", invalid="ignore"):
            crosses = ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
        inside ^= crosses
    return inside


angles = st.lists(st.floats(0.2, 1), min_size=5, max_size=12)


@settings(deadline=None, max_examples=40)
@given(angles, st.floats(0, 45), st.data())
def test_the_mask_is_that_of_pixel_centres_whatever_the_window(radii, turn, data):
    affine = Affine.translation(EAST, NORTH) @ Affine.rotation(turn) @ Affine.scale(10, -10)
    place = grid(affine)
    around = np.linspace(0, 2 * np.pi, len(radii) + 1)[:-1]
    middle = place.geotransform.point(50.3, 40.7)
    ring = np.stack([np.cos(around), np.sin(around)], 1) * 350 * np.array(radii)[:, None] + middle
    outer = np.concatenate([ring, ring[:1]])
    hole = np.concatenate([ring, ring[:1]]) * 0.3 + 0.7 * np.array(middle)
    area = AreaOfInterest("a", ground.HOME, ((outer, hole),)).on(place)
    columns, rows = np.meshgrid(np.arange(100) + 0.5, np.arange(80) + 0.5)
    x, y = place.geotransform.point(columns, rows)
    whole = area.mask(place.window)
    assert (whole != (even_odd(outer, x, y) & ~even_odd(hole, x, y))).sum() <= 1
    top, left = data.draw(st.integers(0, 79)), data.draw(st.integers(0, 99))
    window = Window(top, left, data.draw(st.integers(1, 80 - top)), data.draw(st.integers(1, 100 - left)))
    np.testing.assert_array_equal(area.mask(window), whole[top : window.bottom, left : window.right])


def test_an_area_without_overlap_gives_both_extents(tmp_path):
    far = read_area(written(tmp_path / "far.geojson", KINDS["polygon"](square(10, 50, 11, 51))))
    with pytest.raises(DataError, match=r"x 10.00000 to 11.00000, y 50.*EPSG:4326.*LR \(x 500000 to 501000"):
        find_scope(LR, None, far)
    ring = [point[::-1] for point in in_degrees(square(EAST, NORTH - 500, EAST + 600, NORTH - 300)[0])]
    swapped = read_area(written(tmp_path / "swapped.geojson", KINDS["polygon"]([ring])))
    with pytest.raises(DataError, match=r"longitude .x. comes before latitude"):
        find_scope(LR, None, swapped)
    box = bounding_box((EAST, NORTH - 100, EAST + 100, NORTH), None, LR)
    ring = in_degrees(square(EAST + 500, NORTH - 700, EAST + 600, NORTH - 600)[0])
    apart = read_area(written(tmp_path / "apart.geojson", KINDS["polygon"]([ring])))
    with pytest.raises(DataError, match="inside bbox"):
        find_scope(LR, box, apart)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no GeoJSON"),
        ("[1]", "no GeoJSON"),
        ({"type": "Point", "coordinates": [1, 2]}, "holds a Point"),
        ({"type": "FeatureCollection", "features": []}, "no polygon"),
        ({"type": "Feature", "geometry": None}, "no polygon"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, "at least four"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [2, 2]]]}, "end where it begins"),
        ({"type": "Polygon", "coordinates": [["a", "b", "c", "d"]]}, "lists of"),
        ({"type": "Polygon", "coordinates": None}, "lists of"),
        ({"type": "Polygon", "coordinates": [], "crs": {"type": "name"}}, "coordinate system|lists of"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [None, 0], [0, 0]]]}, "lists of"),
    ],
)
def test_files_that_are_no_area(content, words, tmp_path):
    with pytest.raises(DataError, match=words):
        read_area(written(tmp_path / "a.geojson", content))
    with pytest.raises(RefsrError):
        read_area(tmp_path / "missing.geojson")
