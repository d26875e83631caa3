"""The page of an archive: where its scenes lie, how each came out, and why some did not."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from refsr.archive.folder import ArchiveFolder
from refsr.archive.journal import ArchiveState, archive_state
from refsr.archive.publish import read_item
from refsr.core.atomic import write_text
from refsr.core.progress import duration
from refsr.report.frame import framed
from refsr.report.html import Html, join, tag
from refsr.report.pictures import encoded, load

DRAWN = 5000
"""Footprints on the map, at most."""
SHOWN = 500
"""Scenes with a thumbnail, at most."""
WIDTH = 900
MARGIN = 0.04
STATES = {"reference": "restored with a reference", "alone": "restored from LR alone", "aside": "set aside"}
COLOURS = {"reference": "#2f7d5b", "alone": "#b7791f", "aside": "#b3362c"}
LONG = "white-space:normal;min-width:24rem"
"""Of cells with sentences."""
WIDEST = 4.0
"""Width of the map over its height, at most, and the inverse."""


def write_archive_page(folder: ArchiveFolder) -> None:
    """Writes the page of an archive into its folder, beside whose files it is read."""
    write_text(folder.page, archive_page(folder))


def archive_page(folder: ArchiveFolder) -> str:
    """The page as text."""
    state = archive_state(folder.journal)
    names = list(itertools.islice(folder.finished(), DRAWN))
    items = [read_item(folder, name) for name in names]
    title = folder.path.absolute().name
    header = tag(
        "header", tag("p", "Archive", class_="eyebrow"), tag("h1", title),
        tag("p", state.sentence(), class_="standfirst"), class_="opening",
    )  # fmt: skip
    more = None
    if state.done > len(items):
        more = tag("p", f"The first {DRAWN} scenes are drawn; index.parquet has all.", class_="quiet")
    sections = [
        tag("section", tag("h2", "Map"), _map(_shapes(items, state)), _legend(items, state), more, id="map"),
        tag("section", tag("h2", "Set aside"), _aside(state), id="aside"),
        tag("section", tag("h2", "Scenes"), _scenes(folder, items[:SHOWN], state), id="scenes"),
        tag("section", tag("h2", "Work"), _work(state), id="work"),
    ]  # fmt: skip
    links = [("#map", "Map"), ("#aside", "Set aside"), ("#scenes", "Scenes"), ("#work", "Work")]
    return framed(f"{title} \N{MIDDLE DOT} refsr archive", links, join([header, *sections]))


def state_of(item: Mapping[str, Any]) -> str:
    """How a scene came out: by whether a reference counts in it."""
    return "reference" if any(one.get("accepted") for one in item["properties"]["refsr:references"]) else "alone"


class Shape(NamedTuple):
    """What is drawn of a scene."""

    name: str
    state: str
    rings: list[list[list[float]]]


def _shapes(items: Sequence[Mapping[str, Any]], state: ArchiveState) -> list[Shape]:
    """Footprints of scenes that are done, and the bounds of those that were set aside, as far as they are known."""
    found = []
    for item in items:
        if item["geometry"] is not None:
            polygons = item["geometry"]["coordinates"]
            polygons = [polygons] if item["geometry"]["type"] == "Polygon" else polygons
            found.append(Shape(str(item["id"]), state_of(item), [one[0] for one in polygons]))
    for name, (left, bottom, right, top) in state.aside_bounds.items():
        found.append(Shape(name, "aside", [[[left, bottom], [right, bottom], [right, top], [left, top]]]))
    return found


def _map(placed: Sequence[Shape]) -> Html:
    """Footprints in degrees, north up; a degree of longitude is as wide as in the middle of the map."""
    if not placed:
        return tag("p", "Of no scene it is known where it lies.", class_="lead")
    corners = np.concatenate([np.array(ring)[:, :2] for shape in placed for ring in shape.rings])
    (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
    narrow = max(np.cos(np.radians((bottom + top) / 2)), 0.05)
    across, up = max((right - left) * narrow, 1e-6), max(top - bottom, 1e-6)
    across, up = max(across, up / WIDEST), max(up, across / WIDEST)
    middle = (left + right) / 2 * narrow, (bottom + top) / 2
    scale = WIDTH * (1 - 2 * MARGIN) / across
    height = up * scale + 2 * MARGIN * WIDTH

    def path(ring: Sequence[Sequence[float]]) -> str:
        points = (
            f"{WIDTH / 2 + (x * narrow - middle[0]) * scale:.1f},{height / 2 - (y - middle[1]) * scale:.1f}"
            for x, y, *_ in ring
        )
        return f"M{'L'.join(points)}Z"

    shapes = []
    for name, state, rings in placed:
        colour = COLOURS[state]
        shape = tag("path", tag("title", name), d="".join(path(ring) for ring in rings), fill=colour,
                    fill_opacity="0.35", stroke=colour, stroke_width="1.2")  # fmt: skip
        shapes.append(tag("a", shape, href=f"#scene-{name}"))
    box = f"0 0 {WIDTH} {height:.0f}"
    label = f"{left:.4f} to {right:.4f} degrees east, {bottom:.4f} to {top:.4f} degrees north"
    drawn = tag("svg", *shapes, viewBox=box, role="img", aria_label=f"Footprints: {label}", style="width:100%")
    return tag("figure", drawn, tag("figcaption", label, class_="quiet"))


def _legend(items: Sequence[Mapping[str, Any]], state: ArchiveState) -> Html:
    counts = dict.fromkeys(STATES, 0) | {"aside": len(state.aside)}
    for item in items:
        counts[state_of(item)] += 1
    parts: list[object] = []
    for key, words in STATES.items():
        mark = tag(
            "span", style=f"display:inline-block;width:.8em;height:.8em;margin-right:.4em;background:{COLOURS[key]}"
        )
        parts.append(tag("span", mark, f"{words}: {counts[key]}", style="margin-right:1.6em;white-space:nowrap"))
    return tag("p", *parts)


def _aside(state: ArchiveState) -> Html:
    if not state.aside:
        return tag("p", "No scene was set aside.", class_="lead")
    rows = [
        tag("tr", tag("th", name, scope="row"), tag("td", reason, style=LONG), id=f"scene-{name}")
        for name, reason in sorted(state.aside.items())
    ]
    return _table(("Scene", "Reason"), rows)


def _scenes(folder: ArchiveFolder, items: Sequence[Mapping[str, Any]], state: ArchiveState) -> Html:
    if not items:
        return tag("p", "No scene is done.", class_="lead")
    rows = []
    for item in items:
        name, about = str(item["id"]), item["properties"]
        picture = tag("img", src=_thumbnail(folder, name), alt="", width="96", loading="lazy")
        used = [_reference(one) for one in about["refsr:references"]]
        refused = [f"{one['id']}: {one.get('registration', 'refused')}" for one in about["refsr:refused_references"]]
        coverage = about.get("refsr:coverage")
        lines = [tag("div", line) for line in used or ["none"]] + [tag("div", line, class_="quiet") for line in refused]
        cells = [
            # Text is aligned with the first line, not with the lower edge of a thumbnail.
            tag("td", picture, style="vertical-align:top"),
            tag("th", tag("a", name, href=f"scenes/{name}/{name}.json"), scope="row"),
            tag("td", about.get("datetime") or "not known"),
            tag("td", "" if coverage is None else f"{coverage:.0%}"),
            tag("td", *lines, style=LONG),
        ]
        rows.append(tag("tr", *cells, id=f"scene-{name}"))
    more = state.done - len(items)
    left = tag("p", f"{more} more scenes are in index.parquet.", class_="quiet") if more > 0 else None
    return join([_table(("", "Scene", "Taken", "Covered by references", "References"), rows), left])


def _thumbnail(folder: ArchiveFolder, name: str) -> str | None:
    """A scene's picture inside of the page, which fetches nothing."""
    file = folder.thumbnail(name)
    return encoded(load(file.parent, file.name), lossless=False) if file.exists() else None


def _reference(about: Mapping[str, Any]) -> str:
    overlap = f", shares {about['overlap']:.0%} of the ground" if "overlap" in about else ""
    days = f", {about['days']:.0f} days apart" if "days" in about else ""
    line = f". {about['registration']}" if "registration" in about else ""
    return f"{about['id']}{overlap}{days}{line}"


def _work(state: ArchiveState) -> Html:
    speed = state.megapixels / state.seconds if state.seconds else 0.0
    facts = {
        "Scenes of the catalog": str(state.total),
        "Done by the last command": str(state.done - state.before),
        "Its time": duration(state.seconds),
        "Its speed": f"{speed:.4g} megapixels of results a second",
    }
    return _table((), [tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in facts.items()])


def _table(header: Sequence[str], rows: Sequence[Html]) -> Html:
    head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in header))) if header else None
    return tag("div", tag("table", head, tag("tbody", *rows)), class_="scroll")
