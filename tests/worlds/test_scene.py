"""Places: equal seeds are equal, what a date does not change stays, and as much changes as was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from refsr.core.errors import UsageError
from refsr.worlds.geometry import SunPosition, ViewingGeometry
from refsr.worlds.layout_plan import STYLES
from refsr.worlds.materials import COVER, INDEX, MATERIALS, LandCover
from refsr.worlds.render import cover_map, render
from refsr.worlds.scene import drawn, make_scene

SIZE = 160
NADIR = ViewingGeometry()


@pytest.mark.parametrize("style", STYLES)
def test_every_style_draws_plausible_land(style):
    shown = render(make_scene(1, 0, SIZE, style=style), 1, SunPosition(150, 45), ViewingGeometry(90, 6))
    assert shown.radiance.dtype == np.float32
    assert shown.radiance.shape == (SIZE, SIZE, 3)
    assert np.isfinite(shown.radiance).all()
    assert shown.radiance.min() > 0
    assert shown.radiance.max() < 1.5
    assert set(np.unique(shown.cover)) <= {int(cover) for cover in LandCover if cover != LandCover.UNCHANGED}
    np.testing.assert_array_equal(shown.cover, COVER[shown.material])
    assert 0 <= shown.light.min() <= shown.light.max() <= 1
    assert shown.height.min() >= 0
    # No surface is a flat fill: nearly every pixel differs from its neighbour.
    assert (np.abs(np.diff(shown.radiance[..., 1], axis=1)) > 0).mean() > 0.98


def test_materials_do_not_lie_about_height():
    shown = render(make_scene(3, 0, 320, style="suburban"), 1, SunPosition(150, 45), NADIR)
    names = [material.name for material in MATERIALS]
    roofs = np.isin(shown.material, [names.index(n) for n in names if n.startswith("roof")])
    water = np.isin(shown.material, [INDEX["water_clear"], INDEX["water_turbid"]])
    trees = shown.material == INDEX["tree_broadleaf"]
    assert roofs.mean() > 0.03
    assert shown.height[roofs].min() > 1
    assert shown.height[trees].mean() > 1.5
    assert water.any()
    assert shown.height[water].max() == 0
    assert shown.height[shown.material == INDEX["asphalt"]].max() == 0


def test_equal_seeds_are_equal_and_others_are_not():
    first = render(make_scene(5, 2, SIZE), 1, SunPosition(120, 40), ViewingGeometry(30, 5))
    drawn.cache_clear()
    again = render(make_scene(5, 2, SIZE), 1, SunPosition(120, 40), ViewingGeometry(30, 5))
    for name in ("radiance", "material", "height", "ground", "light"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    for seed, index in ((5, 3), (6, 2)):
        other = render(make_scene(seed, index, SIZE), 1, SunPosition(120, 40), ViewingGeometry(30, 5))
        assert np.abs(other.radiance - first.radiance).mean() > 0.01


def test_about_the_wanted_share_of_the_land_changes():
    def changed(change: float) -> float:
        shares = []
        for index in range(12):
            scene = make_scene(0, index, 480, change=change)
            window = 480 * 0.5 / 2
            inside = [b for b in scene.plan.blocks if max(abs(c) for c in b.rect.centre) < window]
            area = sum(b.rect.area for b in inside)
            shares.append(sum(b.rect.area for b in inside if b.fresh[0] != b.fresh[1]) / area)
        return float(np.mean(shares))

    assert changed(0.0) == 0
    assert changed(0.15) == pytest.approx(0.15, abs=0.08)
    assert changed(0.5) == pytest.approx(0.5, abs=0.12)


def test_without_change_only_what_moves_differs():
    scene = make_scene(2, 1, 320, change=0.0, style="rural")
    sun = SunPosition(150, 50)
    first, second = (render(scene, date, sun, NADIR) for date in (0, 1))
    # A car that has gone takes its shadow and a little of the shade around it along.
    same = np.abs(first.radiance - second.radiance).max(axis=2) < 0.01
    assert same.mean() > 0.93
    other = (first.cover != second.cover) & ~same
    assert other.mean() < 0.02


def test_change_alters_the_cover_that_is_seen():
    scene = make_scene(2, 1, 320, change=0.6, style="suburban")
    assert (cover_map(scene, 0, NADIR) != cover_map(scene, 1, NADIR)).mean() > 0.1


def test_the_cover_map_is_that_of_the_rendering():
    scene, viewing = make_scene(4, 0, SIZE, style="urban"), ViewingGeometry(200, 8)
    np.testing.assert_array_equal(cover_map(scene, 1, viewing), render(scene, 1, SunPosition(90, 40), viewing).cover)


def test_an_unknown_style_is_named():
    with pytest.raises(UsageError, match="did you mean 'suburban'"):
        make_scene(0, 0, SIZE, style="suburb")
