"""All images of one scene: HR and Ref, what is derived from them, and the ground truth."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.seeding import numpy_generator
from refsr.data.degradation.levels import levels_of, normalised, quantised
from refsr.data.degradation.presets import preset
from refsr.data.degradation.record import to_record
from refsr.data.degradation.steps import apply_steps
from refsr.data.hardening.harden import Hardened, harden
from refsr.geo.grid import Grid
from refsr.ops.resize import imresize
from refsr.worlds.atmosphere import Clouds, add_haze, draw_clouds
from refsr.worlds.draws import Acquisition, Draws, draw
from refsr.worlds.geometry import ViewingGeometry, direction
from refsr.worlds.knobs import PIXEL, Knobs
from refsr.worlds.layouts import refdiff
from refsr.worlds.materials import MATERIALS, LandCover
from refsr.worlds.optics import short_lens_light
from refsr.worlds.reference_grid import reference_grid, sample_on
from refsr.worlds.relief import heights, visible_surface
from refsr.worlds.render import Rendering, cover_map, render
from refsr.worlds.scene import FINER, Scene, drawn, make_scene
from refsr.worlds.sensor import Floats, light_level
from refsr.worlds.spectra import make_bands, mix_cube, spectral_library
from refsr.worlds.truth import Displacement, Surface, change_mask, displacement, in_colours
from refsr.worlds.view import View

Array = npt.NDArray[Any]

# A building that differs by this many metres where it stands is another building.
OTHER_BUILDING = 1.5
# A cloud of this opacity hides the ground.
HIDES = 0.3


@dataclass(frozen=True)
class ScenePair:
    """Images by kind, and the record of all that was drawn for them."""

    images: dict[str, Array]
    draws: Draws
    record: dict[str, Any]
    ref_grid: Grid | None = None
    """Where Ref lies, if not on HR's grid."""


def make_scene_pair(knobs: Knobs, index: int) -> ScenePair:
    """Scene `index` of the world of these knobs, in full; a pure function of both."""
    draws = draw(knobs, index)
    scene = make_scene(knobs.seed, index, knobs.canvas, PIXEL, knobs.change, knobs.style)
    seen = _rendered(scene, draws.hr)
    alike = (draws.hr.date, draws.hr.time, draws.hr.viewing) == (
        draws.reference.date,
        draws.reference.time,
        draws.reference.viewing,
    )
    reference = seen if alike else _rendered(scene, draws.reference)
    view = View(knobs.size, knobs.canvas)
    reference_view = _reference_view(knobs, draws)
    lean = _lean(draws.reference)

    light = add_haze(seen.radiance, draws.hr.haze, numpy_generator(knobs.seed, "world", "haze", index, 1))
    clouds = _clouds(knobs, index, draws.reference, lean)
    reference_light = _reference_light(knobs, index, draws.reference, reference, clouds)
    cut, reference_cut = view.sample(light), reference_view.sample(reference_light)
    level, own_level = light_level(cut), light_level(reference_cut)
    # Cameras of one make are taken to be exposed alike.
    part = min(1.0, knobs.spectral_shift)
    reference_level = level ** (1 - part) * own_level**part
    images = {
        "HR": _exposed(knobs, index, "HR", draws.hr, cut, level),
        "Ref": _exposed(knobs, index, "Ref", draws.reference, reference_cut, reference_level),
    }
    hardened = _hardened(knobs, index, draws, images["Ref"], reference_view, clouds, reference_level)
    if hardened is not None:
        images["Ref"] = _levels(hardened.image, knobs.bits)
    if knobs.layout == "refdiff":
        _add_truth(knobs, images, scene, draws, seen, reference, lean, clouds, hardened)
        split, degradation = knobs.split_of(index), str(knobs.degradation)
        images, degraded = refdiff(images, knobs.seed, index, split, degradation)
        return ScenePair(images, draws, {**draws.record(), "degradation": degraded})
    steps = _add_derived(knobs, index, draws, images, light, level)
    _add_truth(knobs, images, scene, draws, seen, reference, lean, clouds, hardened)
    if knobs.light:
        images["light"] = _levels(view.sample(seen.light), 8)
    if knobs.bands:
        images["hsi"] = _cube(knobs, index, seen, view)
    record = {**draws.record(), "degradation": steps}
    if not knobs.own_ref_grid:
        return ScenePair(images, draws, record)
    grid = reference_grid(knobs, draws.geotransform)
    own = sample_on(grid, knobs.ref_pixel or 1.0, draws.geotransform, reference_view, reference_light)
    images["Ref_on_HR"] = images["Ref"]
    images["Ref"] = _exposed(knobs, index, "Ref_on_its_grid", draws.reference, own, reference_level)
    record["ref_grid"] = dataclasses.asdict(grid)
    return ScenePair(images, draws, record, grid)


def _reference_view(knobs: Knobs, draws: Draws) -> View:
    view = draws.reference.lens.view(knobs.size, knobs.canvas)
    return view if draws.hardening is None else dataclasses.replace(view, elastic=draws.hardening.elastic)


def _reference_light(
    knobs: Knobs, index: int, acquisition: Acquisition, rendering: Rendering, clouds: Clouds | None
) -> Floats:
    """What reaches Ref's sensor, through its haze and clouds."""
    light = add_haze(rendering.radiance, acquisition.haze, numpy_generator(knobs.seed, "world", "haze", index, 0))
    return light if clouds is None else clouds.over(light)


def _hardened(
    knobs: Knobs, index: int, draws: Draws, ref: Array, view: View, clouds: Clouds | None, level: float
) -> Hardened | None:
    """Ref made harder, with ground of a scene that no world holds, seen in the same acquisition."""
    if draws.hardening is None:
        return None
    other = None
    if knobs.hardening.needs_other:
        elsewhere = make_scene(knobs.seed, -1 - index, knobs.canvas, PIXEL, knobs.change, knobs.style)
        light = _reference_light(knobs, index, draws.reference, _rendered(elsewhere, draws.reference), clouds)
        own = _exposed(knobs, index, "other place", draws.reference, view.sample(light), level)
        other = normalised(own).astype(np.float32)
    return harden(normalised(ref).astype(np.float32), other, draws.hardening, knobs.seed, index)


def _rendered(scene: Scene, acquisition: Acquisition) -> Rendering:
    return render(scene, acquisition.date, acquisition.time.sun, acquisition.viewing)


def _surface(rendering: Rendering) -> Surface:
    return Surface(rendering.ground, rendering.height, rendering.material)


def _lean(acquisition: Acquisition) -> tuple[float, float]:
    """Pixels (row, column) by which a metre of height displaces a point."""
    row, column = direction(acquisition.viewing.azimuth)
    slope = math.tan(math.radians(acquisition.viewing.off_nadir)) / PIXEL
    return row * slope, column * slope


def _seen_heights(scene: Scene, date: int, viewing: ViewingGeometry) -> Array:
    """(canvas, canvas) heights in metres as `render` would show them, without the light."""
    canvas = drawn(scene, date)
    height = visible_surface(heights(canvas), viewing, canvas.frame.fine).height
    return height[FINER // 2 :: FINER, FINER // 2 :: FINER]


def _clouds(knobs: Knobs, index: int, acquisition: Acquisition, lean: tuple[float, float]) -> Clouds | None:
    if acquisition.clouds <= 0:
        return None
    generator = numpy_generator(knobs.seed, "world", "clouds", index)
    return draw_clouds(generator, knobs.canvas, knobs.margin, acquisition.clouds, PIXEL, acquisition.time, lean)


def _exposed(knobs: Knobs, index: int, kind: str, acquisition: Acquisition, light: Floats, level: float) -> Array:
    generator = numpy_generator(knobs.seed, "world", "noise", index, kind)
    return _levels(acquisition.sensor.expose(light, level, generator, knobs.noise), knobs.bits)


def _levels(image: Array, bits: int) -> Array:
    """[0, 1] -> 8 or 16 bits."""
    return quantised(np.asarray(image, np.float64), 255 if bits == 8 else 65535)


def _add_derived(
    knobs: Knobs, index: int, draws: Draws, images: dict[str, Array], light: Floats, level: float
) -> list[dict[str, Any]]:
    """LR, LR_UX and Ref_DUX; the record of how LR came about, empty where a lens made it."""
    scale, hr, reference = knobs.scale, images["HR"], images["Ref"]
    record: list[dict[str, Any]] = []
    if draws.dual_zoom is not None:
        coarse = short_lens_light(light, draws.dual_zoom, knobs.size, scale)
        generator = numpy_generator(knobs.seed, "world", "noise", index, "LR")
        clean = normalised(
            _levels(draws.dual_zoom.short_sensor.expose(coarse, level, generator, knobs.noise), knobs.bits)
        )
    else:
        generator = numpy_generator(knobs.seed, "world", "degradation", index)
        steps = preset(knobs.degradation or "bicubic").draw(generator, knobs.size, knobs.size, scale)
        clean = apply_steps(hr, steps)
        record = to_record(steps)
    levels = levels_of(hr)
    # As `refsr prepare` does it: rounded once, at the end.
    images["LR"] = quantised(clean, levels)
    images[f"LR_UX{scale}"] = quantised(imresize(clean, scale), levels)
    reduced = imresize(normalised(reference), size=(knobs.size // scale, knobs.size // scale))
    images[f"Ref_DUX{scale}"] = quantised(imresize(reduced, scale), levels)
    return record


def _add_truth(
    knobs: Knobs,
    images: dict[str, Array],
    scene: Scene,
    draws: Draws,
    seen: Rendering,
    reference: Rendering,
    lean: tuple[float, float],
    clouds: Clouds | None,
    hardened: Hardened | None,
) -> None:
    view, reference_view = View(knobs.size, knobs.canvas), _reference_view(knobs, draws)
    cover = view.nearest(seen.cover)
    viewing = draws.hr.viewing
    mask = np.zeros_like(cover)
    if draws.reference.date != draws.hr.date:
        before = view.nearest(cover_map(scene, draws.reference.date, viewing))
        higher = np.abs(view.nearest(_seen_heights(scene, draws.reference.date, viewing)) - view.nearest(seen.height))
        mask = change_mask(before, cover, (cover == LandCover.BUILDING) & (higher > OTHER_BUILDING))
    displaced = displacement(_surface(seen), view, _surface(reference), reference_view, lean)
    valid = displaced.valid
    if hardened is not None and knobs.hardening.needs_other:
        # Replaced ground is other ground. Where only the texture is another place's, the ground is the same, but
        # what is seen of it is not.
        mask = np.where(_from_ref(hardened.replaced, displaced) < HIDES, mask, cover).astype(np.uint8)
        valid = valid & (_from_ref(hardened.texture, displaced) < HIDES)
        images["Ref_foreign"] = _levels(np.maximum(hardened.replaced, hardened.texture), 8)
    valid = valid & (mask == 0)
    if clouds is not None:
        opacity = reference_view.sample(clouds.cover)
        valid &= _from_ref(opacity, displaced) < HIDES
        images["Ref_cloud"] = _levels(np.clip(opacity, 0, 1), 8)
    images["cover"], images["mask"] = cover, mask
    images["flow"], images["flow_valid"] = displaced.flow, valid.astype(np.uint8) * np.uint8(255)
    if knobs.palette or knobs.layout is not None:
        images["cover_RGB"], images["mask_RGB"] = in_colours(cover), in_colours(mask)


def _from_ref(plane: Array, displaced: Displacement) -> Array:
    """(H, W) on Ref's pixels, seen from HR's: the nearest value."""
    size = plane.shape[0]
    line = np.arange(size)
    there = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1) + np.rint(displaced.flow).astype(int)
    row, column = np.clip(there, 0, size - 1).transpose(2, 0, 1)
    return np.asarray(plane[row, column])


@lru_cache(maxsize=2)
def _library(bands: int) -> tuple[Array, Array]:
    """Spectra of all materials, the same for every scene of a world."""
    colours = [material.reflectance for material in MATERIALS]
    return spectral_library([material.name for material in MATERIALS], colours, make_bands(bands))


def _cube(knobs: Knobs, index: int, seen: Rendering, view: View) -> Array:
    """The cube of HR's date; a pixel's brightness is its light against that of a sunlit pixel of its material."""
    colours = np.array([material.reflectance for material in MATERIALS], np.float64)
    means, moves = _library(knobs.bands)
    material, light = view.nearest(seen.material), view.nearest(seen.radiance).mean(axis=2)
    brightness = light / colours.mean(axis=1)[material]
    sunlit = view.nearest(seen.light) > 0.9
    usual = float(np.median(brightness[sunlit])) if sunlit.any() else float(np.median(brightness))
    return mix_cube(
        material, np.clip(brightness / max(usual, 1e-6), 0.05, 2.0), means, moves, knobs.cell, knobs.seed, index
    )
