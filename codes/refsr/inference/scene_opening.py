"""Opens LR and its references as a scene: bands, ranges and grids, each decided by a rule and said in a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from refsr.core.errors import DataError, UsageError
from refsr.core.progress import Announce, ProgressFactory, no_progress
from refsr.core.window import Window
from refsr.geo.area_of_interest import read_area
from refsr.geo.band_choice import BandChoice, choose_bands
from refsr.geo.band_pairing import pair_bands
from refsr.geo.control_points import fit_grid, read_control_points
from refsr.geo.geotransform import IDENTITY, Geotransform
from refsr.geo.grid import Grid
from refsr.geo.projection import check_overlap, shared_ground
from refsr.geo.raster_source import RasterLike, RasterSource
from refsr.geo.references import Reference, References
from refsr.geo.scope import Scope, bounding_box, find_scope
from refsr.geo.value_range import BeyondRange, Samples, ValueRange, find_range, joint_range, sampled
from refsr.geo.warped import WarpedRaster
from refsr.inference.inputs import RestoreOptions
from refsr.inference.kept_registrations import KeptRegistrations, registration_key
from refsr.inference.raster_finish import final_grid
from refsr.inference.raster_options import RasterOptions
from refsr.inference.scene import Scene
from refsr.inference.scene_registration import RegisteredRaster, ScenePair, register_reference, registration_mode

ON_GRID = 0.1
"""Pixels of the restored raster: grids that lie nearer than this are the same."""
MOST_BEYOND = 0.01
"""Share of LR's values that may lie beyond a declared range without `clip`."""
AROUND_SCOPE = 64
"""Pixels of LR around a part of it that are restored too, at least, for what looks at the pixels beside one."""
SHARPER = 0.99
"""Pixels of a reference that are larger than LR's times this hold no detail that LR lacks."""
NOTABLE_ZEROS = 0.01
"""Share of pixels that are 0 in all bands from which on a hint at nodata is printed."""


def open_scene(
    lr: RasterLike,
    refs: Sequence[RasterLike],
    channels: int,
    scale: int,
    options: RestoreOptions,
    announce: Announce,
    halo: int | None = None,
    progress: ProgressFactory = no_progress,
    kept: KeptRegistrations | None = None,
) -> Scene:
    """The rasters with the bands that a model of `channels` takes, references on LR's grid, finer by `scale`.

    Where a part of LR is asked for, the model's `halo` around it is restored too. `kept` are registrations that were
    made before, to which new ones are added.
    """
    raster = options.raster
    opened: list[RasterSource] = []
    try:
        source, choice = _source(lr, channels, options, "")
        opened.append(source)
        if raster.gcps_lr is not None:
            _place(source, raster.gcps_lr, raster.gcps_crs, "LR", announce)
        values = sampled(source)
        whole = source.window
        scope, seen = _cut_to_scope(source, raster, max(AROUND_SCOPE, halo or 0), announce)
        low = source.grid or Grid(Geotransform(None, IDENTITY), source.height, source.width)
        grid = Grid(low.geotransform.finer(scale), low.height * scale, low.width * scale)
        lines, grids, nowhere = [f"LR: {_described(source)}; {choice}"], [], []
        placed: str | None = None
        system = None if source.grid is None else source.grid.geotransform.crs
        for ref in refs:
            other, choice = _source(ref, channels, options, "_ref", len(refs) == 1)
            opened.append(other)
            asked, option = bool(options.bands_ref), options.spelling("bands_ref")
            choice = pair_bands(source, source.bands, other, choice, asked, option)
            other.take(choice.bands)
            if raster.gcps is not None and (other.grid is None or len(refs) == 1):
                _check_once(placed, other, options)
                placed = other.name
                _place(other, raster.gcps, raster.gcps_crs, "Ref", announce, system)
            if other.grid is None or raster.ref_grid == "as-is":
                _cut_alike(other, whole.times(scale), seen.times(scale))
            place = "on LR's grid"
            nowhere.append(source.grid is None or other.grid is None)
            if _paired(source, other, grid, options):
                if source.grid is None and other.grid is not None:
                    # LR lies nowhere: the result lies where the first reference does that lies somewhere.
                    corner = other.grid.geotransform.coarser(scale)
                    source.grid, grid = Grid(corner, source.height, source.width), other.grid
                other.grid = grid
            elif not nowhere[-1]:
                assert other.grid is not None
                grids.append((other.name, other.grid))
                _check_systems(source, other)
                place = f"{other.grid} -> {grid}; covers {shared_ground(grid, other.grid):.0%} of LR"
                if other.grid.pixel_metres > low.pixel_metres * SHARPER:
                    place += f"; its pixels are not smaller than LR's {low}: it adds no detail"
                if other.grid.pixel_metres * SHARPER > low.pixel_metres:
                    place += " (are LR and Ref swapped?)"
            else:
                place = f"{other.height}x{other.width}, laid on LR by image"
            lines.append(f"Ref: {other.name}: {place}; {choice}")
        if raster.gcps is not None and placed is None:
            raise UsageError(
                f"{options.spelling('gcps')} {raster.gcps}: is for a reference without a grid; all have one"
            )
        if grids:
            check_overlap(grid, grids)
        ranges = _ranges(opened, [values, *map(sampled, opened[1:])], options, lines, announce)
        scene = Scene(source, ranges[0], grid, None, opened[1:], scope)
        # Registration takes its time: what cannot be made is said before it.
        final_grid(scene, raster)
        references, registrations = [], []
        for one, span, unknown in zip(opened[1:], ranges[1:], nowhere, strict=True):
            pair = ScenePair(source, ranges[0], one, span, grid, scale)
            made = _registered(pair, unknown, options, announce, progress, kept)
            registrations.append(made)
            references.append(Reference(WarpedRaster(one, grid, made.displacement), span, made.weight))
        joined = References(references) if references else None
        return replace(scene, references=joined, registrations=registrations)
    except BaseException:
        for one in opened:
            one.close()
        raise


def _registered(
    pair: ScenePair,
    nowhere: bool,
    options: RestoreOptions,
    announce: Announce,
    progress: ProgressFactory,
    kept: KeptRegistrations | None,
) -> RegisteredRaster:
    """The reference registered to LR, unless that was done before."""
    if kept is None or registration_mode(options) == "none":
        return register_reference(pair, nowhere, options, announce, progress)
    key = registration_key(pair, nowhere, options)
    made = kept.find(key)
    if made is None:
        made = register_reference(pair, nowhere, options, announce, progress)
        kept.add(key, made)
    else:
        announce(f"{pair.ref.name}: {made.line}")
        pair.ref.grid = made.grid
    return made


def _ranges(
    opened: Sequence[RasterSource],
    samples: Sequence[Samples],
    options: RestoreOptions,
    lines: Sequence[str],
    announce: Announce,
) -> list[ValueRange]:
    """The range of LR and of each reference; `lines` are announced with theirs."""
    lr = opened[0]
    like_lr = [one.dtype == lr.dtype for one in opened]
    declared = [options.range]
    declared += [options.range_ref or (options.range if same else None) for same in like_lr[1:]]
    ranges = [find_range(*about) for about in zip(opened, samples, declared, strict=True)]
    alike = [about for about, same in zip(zip(ranges, samples, strict=True), like_lr, strict=True) if same]
    joint = joint_range([span for span, _ in alike], [values for _, values in alike])
    if joint is not None:
        ranges = [joint if same else one for one, same in zip(ranges, like_lr, strict=True)]
    for line, span in zip(lines, ranges, strict=True):
        announce(f"{line}; {span}")
    for number, (one, values, span) in enumerate(zip(opened, samples, ranges, strict=True)):
        _check_values(one, values, span, options, "nodata_ref" if number else "nodata", announce)
    return ranges


def _source(
    raster: RasterLike, channels: int, options: RestoreOptions, suffix: str, only: bool = True
) -> tuple[RasterSource, BandChoice]:
    """The raster with the bands that the model takes; `suffix` is that of its options, empty for LR.

    Control points that are given take the place of its own, of the `only` one of its role.
    """
    of = options.raster
    wanted, nodata, points = options.bands_ref, of.nodata_ref, of.gcps
    if not suffix:
        wanted, nodata, points = options.bands, of.nodata, of.gcps_lr
    source = RasterSource(raster, nodata=nodata, placed=points is not None and only)
    try:
        option = options.spelling(f"bands{suffix}")
        choice = choose_bands(source.name, source.all_bands, channels, wanted or (), option)
        source.take(choice.bands)
    except BaseException:
        source.close()
        raise
    return source, choice


def _place(
    source: RasterSource, file: str, crs: str | None, role: str, announce: Announce, other_crs: str | None = None
) -> None:
    """Gives a raster the grid that control points say; their CRS is `crs`, else the file's, else the other raster's."""
    points = read_control_points(file)
    fitted = fit_grid(points, crs or points.crs or other_crs)
    was = "" if source.grid is None else f", in place of its own grid ({source.grid})"
    source.grid = Grid(fitted.geotransform, source.height, source.width)
    announce(f"{role}: {source.name}: {fitted}{was}")


def _check_once(placed: str | None, ref: RasterSource, options: RestoreOptions) -> None:
    if placed is not None:
        raise UsageError(
            f"{options.spelling('gcps')}: {placed} and {ref.name} both have no grid; control points are of one of them"
        )


def _cut_alike(ref: RasterSource, whole: Window, seen: Window) -> None:
    """Cuts a reference that is paired with LR pixel by pixel as LR is cut."""
    if seen != whole and ref.window == whole:
        ref.cut(seen)


def _cut_to_scope(
    source: RasterSource, options: RasterOptions, around: int, announce: Announce
) -> tuple[Scope | None, Window]:
    """Cuts LR to the part that is asked for and what networks see around it, the window that is returned too."""
    if options.bbox is None and options.aoi is None:
        return None, source.window
    if source.grid is None:
        raise DataError(f"{source.name}: lies nowhere, so that no box and no area of interest is in it")
    box = None if options.bbox is None else bounding_box(options.bbox, options.bbox_crs, source.grid)
    area = None if options.aoi is None else read_area(options.aoi)
    scope = find_scope(source.grid, box, area)
    seen = scope.window.grown(around).common(source.window)
    announce(
        f"LR: {scope.window.height}x{scope.window.width} of its {source.height}x{source.width} pixels are restored"
    )
    source.cut(seen)
    inner = Window(scope.window.top - seen.top, scope.window.left - seen.left, *scope.window[2:])
    return Scope(inner, area), seen


def _described(source: RasterSource) -> str:
    place = "lies nowhere" if source.grid is None else str(source.grid)
    nodata = "" if source.nodata is None else f", nodata {source.nodata:g}"
    return f"{source.name}: {source.height}x{source.width} {source.dtype}, {place}{nodata}"


def _paired(lr: RasterSource, ref: RasterSource, grid: Grid, options: RestoreOptions) -> bool:
    """Whether Ref's pixels are the restored raster's; an error where nothing says how they lie."""
    fits = (ref.height, ref.width) == (grid.height, grid.width)
    as_is = options.raster.ref_grid == "as-is"
    if as_is or lr.grid is None or ref.grid is None:
        if not fits and registration_mode(options) != "none":
            return False
        if not fits:
            spelled = options.spelling("ref_grid")
            why = f"{spelled} as-is" if as_is else f"{ref.name if ref.grid is None else lr.name} lies nowhere"
            raise DataError(
                f"{ref.name}: is {ref.height}x{ref.width}; {why}, and LR of {lr.height}x{lr.width} needs "
                f"{grid.height}x{grid.width} then"
            )
        return True
    return fits and ref.grid.apart(grid) < ON_GRID


def _check_systems(lr: RasterSource, ref: RasterSource) -> None:
    """A DataError where one of two grids names no CRS: their numbers could mean anything."""
    for one, other in ((lr, ref), (ref, lr)):
        if one.grid is None or other.grid is None:
            continue
        if one.grid.geotransform.crs is None and other.grid.geotransform.crs is not None:
            system = str(other.grid).split(",")[0]
            raise DataError(
                f"{one.name}: has a grid and names no CRS, {other.name} is in {system}; if both are, write it "
                f"into the file: rio edit-info --crs {system} {one.name}"
            )


def _check_values(
    source: RasterSource,
    samples: Samples,
    span: ValueRange,
    options: RestoreOptions,
    nodata_option: str,
    announce: Announce,
) -> None:
    """Prints a hint at undeclared empty pixels, and refuses a declared range that many values lie beyond."""
    if source.nodata is None and not source.masked and samples.zeros > NOTABLE_ZEROS:
        hint = f"{options.spelling(nodata_option)} 0" if options.spelling is not str else f"{nodata_option}=0"
        announce(
            f"{source.name}: {samples.zeros:.0%} of it is 0 in all bands and no nodata is declared; "
            f"{hint} treats it as empty"
        )
    beyond = BeyondRange(span)
    beyond.count(samples.values)
    check_beyond(source.name, beyond, options)


def check_beyond(name: str, beyond: BeyondRange, options: RestoreOptions) -> None:
    """A UsageError where a declared range leaves out more than MOST_BEYOND of the values and nobody asked to clip."""
    if beyond.range.declared and beyond.share > MOST_BEYOND and not options.raster.clip:
        raise UsageError(
            f"{name}: {beyond}; {options.spelling('clip')} cuts them off, {options.spelling('range')} auto fits the "
            "range to the scene"
        )
