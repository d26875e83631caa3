"""Ground control points: the affine map is found back, and points that determine none are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsr.core.errors import DataError, RefsrError
from refsr.geo.control_points import ControlPoints, fit_grid, read_control_points

TRUTH = np.array([[2.4, 0.3], [0.25, -2.5]]), np.array([500_123.4, 4_650_432.1])
GRID = np.array([(10, 20), (900, 30), (40, 700), (880, 760), (450, 380), (200, 600)], float)


def ground_of(pixels: np.ndarray) -> np.ndarray:
    return pixels @ TRUTH[0].T + TRUTH[1]


def points(pixels: np.ndarray, ground: np.ndarray, crs: str | None = "EPSG:32612") -> ControlPoints:
    return ControlPoints("points.csv", pixels, ground, crs)


def written(path, pixels: np.ndarray, ground: np.ndarray, heading="column,row,x,y", comment="# EPSG:32612") -> str:
    rows = [",".join(map(repr, map(float, row))) for row in np.hstack([pixels, ground])]
    path.write_text("\n".join([comment, heading, *rows]) + "\n")
    return str(path)


def test_exact_points_give_the_map_back(tmp_path):
    found = read_control_points(written(tmp_path / "a.csv", GRID, ground_of(GRID)))
    assert found.crs == "EPSG:32612"
    fitted = fit_grid(found, None)
    a, b, c, d, e, f = fitted.geotransform.transform
    np.testing.assert_allclose([[a, b], [d, e]], TRUTH[0], atol=1e-9)
    np.testing.assert_allclose([c, f], TRUTH[1], atol=1e-6)
    assert fitted.residuals.max() < 1e-6
    assert "6 control points; residuals 0.00 pixels" in str(fitted)


@settings(deadline=None, max_examples=30)
@given(st.integers(6, 40), st.integers(0, 1000))
def test_noise_of_points_averages_out(count, seed):
    generator = np.random.default_rng(seed)
    pixels = np.concatenate([GRID[:4], generator.uniform(0, 900, (count - 4, 2))])
    noise = generator.normal(size=pixels.shape) * 0.5
    fitted = fit_grid(points(pixels, ground_of(pixels + noise)), None)
    # No linear map can be nearer to the points than that of least squares in metres; the truth is off by the noise.
    x, y = fitted.geotransform.point(pixels[:, 0], pixels[:, 1])
    mine = np.square(np.stack([x, y], 1) - ground_of(pixels + noise)).sum()
    assert mine <= np.square(ground_of(pixels) - ground_of(pixels + noise)).sum() + 1e-6
    assert np.sqrt(np.square(fitted.residuals).mean()) < 1.5


def test_the_order_of_columns_and_more_of_them_do_not_matter(tmp_path):
    truth = ground_of(GRID)
    both = zip(GRID.tolist(), truth.tolist(), strict=True)
    rows = [f"p{n};x,{x!r},{y!r},{c!r},{r!r}" for n, ((c, r), (x, y)) in enumerate(both)]
    (tmp_path / "a.csv").write_text("\n".join(["id, X ,Y,Column,ROW", "# by hand", *rows, ""]))
    found = read_control_points(tmp_path / "a.csv")
    np.testing.assert_array_equal(found.pixels, GRID)
    np.testing.assert_array_equal(found.ground, truth)
    assert found.crs is None
    assert fit_grid(found, "EPSG:3857").geotransform.crs == "EPSG:3857"


@pytest.mark.parametrize("comment", ["# EPSG:32612", "#crs: EPSG:32612", "# CRS=EPSG:32612", "#EPSG:32612"])
def test_ways_to_name_the_system(comment, tmp_path):
    file = written(tmp_path / "a.csv", GRID, ground_of(GRID), comment=comment)
    assert read_control_points(file).crs == "EPSG:32612"


def test_three_points_are_enough_and_that_is_said():
    assert "nothing checks them" in str(fit_grid(points(GRID[:3], ground_of(GRID[:3])), None))


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (GRID[:2], "2 control points"),
        (GRID[:0], "0 control points"),
        (np.array([(0, 0), (100, 101), (500, 499), (900, 902)], float), "lie on a line"),
        (np.array([(5, 5)] * 4, float), "lie on a line"),
    ],
)
def test_points_that_determine_no_map(pixels, words):
    with pytest.raises(DataError, match=words):
        fit_grid(points(pixels, ground_of(pixels)), None)


@pytest.mark.parametrize("index", range(6))
def test_a_mistyped_point_is_named(index):
    ground = ground_of(GRID)
    ground[index, 0] += 100
    with pytest.raises(DataError, match=f"point {index + 1} does not fit"):
        fit_grid(points(GRID, ground), None)


def test_points_of_another_place_are_wild():
    ground = ground_of(GRID)[[3, 0, 1, 2, 5, 4]]
    with pytest.raises(DataError, match=r"do not fit an affine map|does not fit the others"):
        fit_grid(points(GRID, ground), None)
    four = ground_of(GRID[:4])[[1, 0, 2, 3]]
    with pytest.raises(DataError, match=r"do not fit an affine map.*point"):
        fit_grid(points(GRID[:4], four), None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("column,row,x\n1,2,3\n", "no column 'y'"),
        ("col,row,x,y\n1,2,3,4\n", "no column 'column'"),
        ("column,row,x,y\n1,2,3\n", "line 2: expected numbers"),
        ("# c\ncolumn,row,x,y\n1,2,3,4\n1,2,three,4\n", "line 4"),
        ("column,row,x,y\n1,2,3,nan\n", "not finite"),
    ],
)
def test_files_that_are_none(text, words, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        read_control_points(tmp_path / "a.csv")
    with pytest.raises(RefsrError):
        read_control_points(tmp_path / "missing.csv")
    with pytest.raises(DataError, match="no coordinate system"):
        fit_grid(points(GRID, ground_of(GRID)), "EPSG:nothing")
