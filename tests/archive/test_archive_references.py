"""Of a catalog with known overlaps every reference is found, in the right order."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import shapely

from refsr.archive.catalog import CatalogScene
from refsr.archive.references import ReferenceCatalog

DATE = datetime(2024, 6, 1, tzinfo=timezone.utc)
SCENE = CatalogScene("scene", "scene.tif", shapely.box(10, 50, 11, 51), DATE, 10.0)


def reference(name, left, days=0, pixel=2.5, clouds=0.0):
    return CatalogScene(
        name, f"{name}.tif", shapely.box(left, 50, left + 1, 51), DATE - timedelta(days=days), pixel, clouds
    )


def ranked(*references):
    return [one.name for one in ReferenceCatalog(references).ranked(SCENE)]


def test_overlap_comes_first_then_date_then_resolution_then_clouds():
    assert ranked(
        reference("half", 10.5), reference("cloudy", 10, 400, 2.5, 30), reference("coarse", 10, 400, 5.0),
        reference("clear", 10, 400), reference("recent", 10, 20, 5.0, 60), reference("beside", 11.5),
    ) == ["recent", "clear", "cloudy", "coarse", "half"]  # fmt: skip


def test_small_differences_of_overlap_and_date_leave_it_to_the_next():
    assert ranked(reference("older", 10, 395), reference("coarse", 10.01, 390, 5.0)) == ["older", "coarse"]


def test_what_a_reference_is_ranked_by_is_recorded():
    (found,) = ReferenceCatalog([reference("half", 10.5, 40, 2.5, 7)]).ranked(SCENE)
    assert found.record() == {
        "id": "half", "href": "half.tif", "overlap": 0.5, "days": 40.0, "gsd": 2.5, "cloud_cover": 7.0,
    }  # fmt: skip


def test_a_scene_is_no_reference_of_itself():
    assert ReferenceCatalog([SCENE]).ranked(SCENE) == []


def test_none_is_missed_of_many():
    """Boxes drawn at random against the overlap of intervals."""
    draw = np.random.default_rng(3)
    boxes = [
        (*corner, *(corner + draw.uniform(0.01, 1.5, 2)))
        for corner in draw.uniform((8.5, 48.5), (11.5, 51.5), (300, 2))
    ]
    many = [CatalogScene(f"r{at}", f"r{at}.tif", shapely.box(*box), DATE, 2.5) for at, box in enumerate(boxes)]

    def overlap(box):
        return max(0, min(box[2], 11) - max(box[0], 10)) * max(0, min(box[3], 51) - max(box[1], 50))

    expected = {f"r{at}": overlap(box) for at, box in enumerate(boxes) if overlap(box) > 1e-3}
    found = {one.name: one.overlap for one in ReferenceCatalog(many).ranked(SCENE) if one.overlap > 1e-3}
    assert len(expected) > 50
    assert found == pytest.approx(expected)
    steps = [int(one.overlap * 20 + 1e-6) for one in ReferenceCatalog(many).ranked(SCENE)]
    assert steps == sorted(steps, reverse=True)
