"""The page of `refsr register`: LR and Ref before and after, where Ref was moved, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_text
from refsr.core.window import Window
from refsr.geo.band_choice import bands_to_show
from refsr.geo.raster_source import RasterSource
from refsr.geo.validity import filled
from refsr.geo.value_range import ValueRange
from refsr.geo.warped import WarpedRaster
from refsr.inference.register_files import FileRegistration, Points
from refsr.ops.resize import imresize
from refsr.report.examples import Picture
from refsr.report.frame import framed
from refsr.report.html import Html, join, raw, tag
from refsr.report.pictures import Rgb, encoded
from refsr.report.viewer import HINT, stage, tile

MOST = 640
"""Pixels of the fine grid along the sides of what the pictures show."""
SQUARES = 8
"""Squares of a checkerboard along its longer side."""
MAP = 460
"""Width of the map of displacements."""
MOST_ARROWS = 600
LONGEST = 28.0
"""Length at which the longest arrow is drawn."""
LEAD = "Where roads continue from square to square of a checkerboard, Ref fits."


def write_page(found: FileRegistration, path: Path) -> None:
    """Writes the page of a registration."""
    write_text(path, page(found))


def page(found: FileRegistration) -> str:
    """The page as text."""
    lr, ref = Path(found.pair.lr.name).name, Path(found.pair.ref.name).name
    title = f"{ref} on {lr}"
    header = tag(
        "header", tag("p", "Registration", class_="eyebrow"), tag("h1", title),
        tag("p", found.made.line, class_="standfirst"), class_="opening",
    )  # fmt: skip
    points = found.points()
    sections = [
        tag("section", tag("h2", "Before and after"), tag("p", HINT, class_="hint", hidden=True), _viewer(found, title),
            tag("p", LEAD, class_="lead"), id="pictures"),
        tag("section", tag("h2", "Displacement"), _arrows(found, points), id="displacement"),
        tag("section", tag("h2", "Numbers"), _facts(found, points), id="numbers"),
    ]  # fmt: skip
    links = [("#pictures", "Before and after"), ("#displacement", "Displacement"), ("#numbers", "Numbers")]
    return framed(f"{title} \N{MIDDLE DOT} refsr register", links, join([header, *sections]))


def _viewer(found: FileRegistration, title: str) -> Html:
    window = shown(found)
    scale = found.pair.scale
    low, _ = found.pair.lr.read(window.reduced(scale))
    lr = _rgb(found.pair.lr_range.unit(low)[:, :, _shown(found.pair.lr)])
    up = np.clip(imresize(lr / 255.0, scale) * 255, 0, 255).astype(np.uint8)
    ref = _shown(found.pair.ref)
    before, after = (_warped(one, window, found.pair.ref_range, ref) for one in (found.before, found.after))
    pictures = [
        Picture("LR", lr, "lr", (lr.shape[1], lr.shape[0])),
        _picture("LR, upsampled", up),
        _picture("Ref before", before),
        _picture("Ref after", after),
        _picture("Checkerboard before", checkerboard(up, before)),
        _picture("Checkerboard after", checkerboard(up, after)),
        _picture("Weight", _weight(found, window)),
    ]
    for one in pictures:
        one.source = encoded(one.image, lossless=False)
    return tag(
        "article",
        tag("header", tag("h4", f"{window.width} \N{MULTIPLICATION SIGN} {window.height} pixels from column "
                                f"{window.left}, row {window.top}")),
        tag("div", stage(pictures, 1, 3), tag("div", *[tile(one, title) for one in pictures], class_="tiles"),
            class_="viewer"),
        class_="example", style=f"--ratio:{window.width}/{window.height}",
    )  # fmt: skip


def shown(found: FileRegistration) -> Window:
    """The part of the fine grid that pictures show, in whole pixels of LR: where most of Ref can be trusted."""
    pair, scale = found.pair, found.pair.scale
    most = max(1, MOST // scale)
    height, width = min(most, pair.lr.height), min(most, pair.lr.width)
    tops, lefts = (
        range(0, length - side + 1, max(1, side // 2))
        for length, side in ((pair.lr.height, height), (pair.lr.width, width))
    )
    windows = [Window(top, left, height, width).times(scale) for top in tops for left in lefts]
    middle = np.array([(one.top + one.height / 2, one.left + one.width / 2) for one in windows])
    apart = np.hypot(middle[:, 0] - pair.grid.height / 2, middle[:, 1] - pair.grid.width / 2)
    trust = np.array([float(_trust(found, one)) for one in windows])
    # Of windows that are trusted alike, the one nearest to the middle.
    return windows[int(np.argmax(np.round(trust, 1) - 1e-3 * apart / apart.max(initial=1)))]


def _trust(found: FileRegistration, window: Window) -> float:
    weight = found.made.weight
    if weight is None:
        return 1.0
    rows, columns = weight.shape
    grid = found.pair.grid
    top, bottom = (round(line * rows / grid.height) for line in (window.top, window.bottom))
    left, right = (round(line * columns / grid.width) for line in (window.left, window.right))
    return float(weight[top : max(bottom, top + 1), left : max(right, left + 1)].mean())


def checkerboard(one: Rgb, other: Rgb) -> Rgb:
    """Squares of two pictures in turn."""
    side = max(1, -(-max(one.shape[:2]) // SQUARES))
    rows, columns = np.arange(one.shape[0]) // side, np.arange(one.shape[1]) // side
    first = (rows[:, None] + columns[None]) % 2 == 0
    return np.where(first[:, :, None], one, other)


def _picture(label: str, image: Rgb) -> Picture:
    return Picture(label, image, "result", (image.shape[1], image.shape[0]))


def _shown(source: RasterSource) -> list[int]:
    """Which of the bands that are read the pictures show."""
    return [source.bands.index(number) for number in bands_to_show(source.name, source.all_bands, source.bands)]


def _warped(raster: WarpedRaster, window: Window, span: ValueRange, shown: list[int]) -> Rgb:
    values, valid = raster.read(window)
    found = _rgb(span.unit(filled(values[:, :, shown], valid)))
    found[~valid] = 0
    return found


def _rgb(unit: npt.NDArray[np.float32]) -> Rgb:
    """Three bands, or one in grey, in 8 bits."""
    bands = unit if unit.shape[2] == 3 else np.repeat(unit, 3, axis=2)
    return np.rint(255 * np.clip(np.nan_to_num(bands), 0, 1)).astype(np.uint8)


def _weight(found: FileRegistration, window: Window) -> Rgb:
    """How far Ref counts: black nothing, white fully."""
    from refsr.geo.warped import field_under

    if found.made.weight is None:
        return np.full((window.height, window.width, 3), 255, np.uint8)
    plane = field_under(found.made.weight[:, :, None], window, found.pair.grid)
    return _rgb(np.asarray(plane, np.float32))


def _arrows(found: FileRegistration, points: Points) -> Html:
    """The whole scene: the weight behind, an arrow from each point to where Ref showed it."""
    grid = found.pair.grid
    ratio = MAP / grid.width
    height = max(1, round(grid.height * ratio))
    step = max(1, -(-len(points.x) // MOST_ARROWS))
    picked = slice(None, None, step)
    right, down = points.right[picked], points.down[picked]
    length = np.hypot(right, down)
    used = length[points.kept[picked]]
    largest = float(used.max(initial=0.0)) or float(length.max(initial=0.0))
    times = LONGEST / largest if largest > 0 else 0.0
    parts = []
    members = zip(points.x[picked], points.y[picked], right, down, points.kept[picked], strict=True)
    for x, y, across, along, kept in members:
        if not kept and np.hypot(across, along) > 2 * largest:
            continue
        start = (x + 0.5) * ratio, (y + 0.5) * ratio
        stop = start[0] + across * times, start[1] + along * times
        colour = "var(--accent)" if kept else "var(--quiet)"
        parts.append(tag("line", x1=f"{start[0]:.1f}", y1=f"{start[1]:.1f}", x2=f"{stop[0]:.1f}", y2=f"{stop[1]:.1f}",
                         stroke=colour, stroke_width="1.4" if kept else "0.7"))  # fmt: skip
        parts.append(tag("circle", cx=f"{start[0]:.1f}", cy=f"{start[1]:.1f}", r="1.6", fill=colour))
    behind = None
    if found.made.weight is not None:
        plane = _rgb(np.asarray(found.made.weight[:, :, None], np.float32))
        behind = tag("image", href=raw(encoded(plane, lossless=True)), width=MAP, height=height,
                     preserveAspectRatio="none", opacity="0.35")  # fmt: skip
    drawing = tag("svg", behind, *parts, viewBox=f"0 0 {MAP} {height}", width="100%", role="img",
                  aria_label="Map of displacements", style=f"max-width:{MAP * 1.6:.0f}px")  # fmt: skip
    kept, total = int(points.kept.sum()), len(points.x)
    words = (
        f"{kept} of {total} points agree (in colour). Each arrow leads from a point of LR to where Ref showed it, "
        f"drawn {times * grid.width / MAP:.1f} times as long; the longest is {largest:.1f} px of the fine grid. "
        "Behind: the weight, light where Ref can be trusted."
    )
    return tag("figure", drawing, tag("figcaption", words))


def _facts(found: FileRegistration, points: Points) -> Html:
    length = np.hypot(points.right, points.down)[points.kept]
    pair, weight = found.pair, found.made.weight
    rows: list[tuple[str, str]] = [
        ("LR", f"{pair.lr.name}: {pair.lr.height}x{pair.lr.width}, {pair.lr.grid or 'lies nowhere'}"),
        ("Ref", f"{pair.ref.name}: {pair.ref.height}x{pair.ref.width}, {found.assumed}"),
        ("Fine grid", f"{pair.grid.height}x{pair.grid.width}, {pair.scale} times as fine as LR"),
        ("Mode", found.mode),
        ("Points that agree", f"{int(points.kept.sum())} of {len(points.x)}"),
    ]
    if len(length):
        quantiles = np.percentile(length, (50, 90, 100))
        rows.append(("Offset of Ref, px", "median {:.2f}, 90 % {:.2f}, largest {:.2f}".format(*quantiles)))
        agreed = points.likeness[points.kept]
        rows.append(("Likeness", f"median {np.median(agreed):.2f}"))
    if weight is not None:
        rows.append(("Ground without a match", f"{float((weight < 0.5).mean()):.0%}"))
    return _list(rows)


def _list(rows: Sequence[tuple[str, str]]) -> Html:
    return tag("dl", *[tag("div", tag("dt", name), tag("dd", value)) for name, value in rows], class_="facts")
