"""An example image on the page: a before/after slider, and all its pictures with a common zoom."""

from __future__ import annotations

import shlex

from refsr.evaluation.evidence import WIDEST
from refsr.report.comparison import BASE, SCORED, Comparison, Method
from refsr.report.examples import MAPS, ChosenExamples, Example, Picture
from refsr.report.html import Html, join, raw, tag
from refsr.report.invention import legend
from refsr.report.numbers import MINUS
from refsr.report.pictures import gradient

HINT = (
    "Drag the divider, or focus it and press the arrow keys. + and \N{MINUS SIGN}, or Ctrl and the mouse wheel, zoom "
    "all pictures of an example; Shift and the arrow keys move them."
)
LAYERS = ("evidence", "invention", "error")
"""Roles of maps that may be laid over both pictures."""
EVIDENCE = (
    "Evidence, black 0 to light yellow 1: the share of detail that the reference brought (Borrowed), the weight of the "
    "reference (Coverage), the probability that the ground changed since (Change); of Uncertainty, half the 90 % "
    f"interval, light yellow is {round(WIDEST * 255)} levels and more. The menu Layer lays it over both pictures."
)
TIMES = "\N{MULTIPLICATION SIGN}"


def examples_section(comparison: Comparison, chosen: ChosenExamples, protocol: str, anchors: dict[str, str]) -> Html:
    """All examples, with the colour scale of their error maps."""
    parts: list[object] = []
    if chosen.examples:
        parts.append(tag("p", f"Ranked by {chosen.order}, protocol ", tag("code", protocol), ". ", _stored(chosen),
                         class_="lead"))  # fmt: skip
        parts.append(tag("p", HINT, class_="hint", hidden=True))
        if any(example.errors for example in chosen.examples):
            parts.append(_scale(chosen.top))
        if any(example.of("invention") for example in chosen.examples):
            parts.append(legend())
        if any(example.of("evidence") for example in chosen.examples):
            parts.append(tag("p", EVIDENCE, class_="hint", hidden=True))
    parts += [tag("p", problem, class_="problem") for problem in chosen.problems]
    parts += [_example(example, comparison, protocol, anchors[example.image]) for example in chosen.examples]
    return join(parts)


def _stored(chosen: ChosenExamples) -> str:
    if chosen.lossless:
        return "Pictures are stored losslessly."
    return (
        "To limit the size of the page, pictures are compressed with slight losses; error maps and numbers are exact."
    )


def _scale(top: int) -> Html:
    """The colours of all error maps."""
    return tag(
        "div",
        tag("span", "Error maps: absolute difference to HR in 8-bit levels, mean over bands:", class_="scale-name"),
        tag("span", "0"),
        tag("span", class_="ramp", style=f"background:{gradient()}", role="img",
            aria_label="Colours from black, no error, to light yellow, largest error"),
        tag("span", f"{top} or more"),
        class_="scale",
    )  # fmt: skip


def _example(example: Example, comparison: Comparison, protocol: str, anchor: str) -> Html:
    heading = f"{anchor}-name"
    ratio = example.pictures[0].image if not example.of("hr") else example.of("hr")[0].image
    return tag(
        "article",
        tag(
            "header",
            tag("h4", example.image, tag("span", example.rank, class_="rank"), id=heading),
            _figures(example, comparison, protocol),
        ),
        tag(
            "div",
            _stage(example, comparison),
            tag("div", *[tile(one, example.image) for one in _in_order(example)], class_="tiles"),
            class_="viewer",
        ),
        _command(example, comparison),
        *[tag("p", problem, class_="problem") for problem in [*example.problems, *_crop_note(example)]],
        id=anchor, class_="example", aria_labelledby=heading, tabindex="-1",
        style=f"--ratio:{ratio.shape[1]}/{ratio.shape[0]}",
    )  # fmt: skip


def _command(example: Example, comparison: Comparison) -> Html:
    """How the whole pictures are opened in the viewer, with values and profiles."""
    folders = list(dict.fromkeys(str(method.source.folder) for method in comparison.of_kind("run")))
    words = shlex.join(["refsr", "view", *folders, "--case", example.image])
    return tag("p", "Whole, with values and profiles: ", tag("code", words), class_="open-in-viewer")


def _figures(example: Example, comparison: Comparison, protocol: str) -> Html:
    """PSNR of the example by each method."""
    metric = comparison.metrics.get(SCORED)
    if metric is None:
        return tag("p")
    items: list[Html] = []
    for method in _scored(comparison):
        values = comparison.values(method, protocol, SCORED)
        if example.image not in values:
            continue
        base = comparison.base_of(method)
        gains = comparison.differences(method, base, protocol, SCORED) if base and base is not method else {}
        shown = [tag("dt", method.label), tag("dd", metric.with_unit(values[example.image]))]
        if example.image in gains:
            shown.append(tag("dd", f"{metric.show_difference(gains[example.image])} vs bicubic", class_="quiet"))
        items.append(tag("div", *shown))
    return tag(
        "dl", tag("div", tag("dt", metric.name), tag("dd", tag("code", protocol))), *items, class_="example-figures"
    )


def _scored(comparison: Comparison) -> list[Method]:
    runs = comparison.of_kind("run")
    swapped = [one for one in comparison.ablations_of(runs[0]) if one.perturbed == "swap"] if runs else []
    bases = [one for one in comparison.of_kind("baseline") if one.name == BASE]
    return [*bases, *runs[:4], *swapped]


def _in_order(example: Example) -> list[Picture]:
    return [one for role in ("lr", "ref", "hr", "result", *MAPS) for one in example.of(role)]


def tile(picture: Picture, of: str) -> Html:
    """A picture of something, with its name and size."""
    width, height = picture.size
    size = f"{width} {TIMES} {height}" if width else ""
    words = f"{picture.label} of {of}" if picture.role not in MAPS else f"{picture.label}, {of}"
    image = tag("img", src=raw(picture.source), alt=words, decoding="async", draggable="false")
    return tag(
        "figure",
        tag("div", image, class_="strip" if picture.role == "window" else "frame"),
        tag("figcaption", picture.label, tag("small", size) if size else None),
        class_=f"tile {picture.role}",
        data_label=picture.label,
        data_role=picture.role,
    )


def _stage(example: Example, comparison: Comparison) -> Html | None:
    """Two pictures with a divider, chosen in two menus; hidden until the script runs."""
    pictures = _in_order(example)
    results = [place for place, one in enumerate(pictures) if one.role == "result"]
    shown = comparison.shown
    right = next((place for place in results if shown and pictures[place].label == shown.label), None)
    others = [place for place, one in enumerate(pictures) if place != right and one.role in ("result", "lr", "hr")]
    if right is None or not others:
        return None
    base = comparison.base_of(shown) if shown else None
    left = next((place for place in others if base and pictures[place].label == base.label), others[0])
    return stage(pictures, left, right)


def stage(pictures: list[Picture], left: int, right: int) -> Html:
    """Two of the pictures with a divider; the script fills it from the tiles of the pictures, in their order."""
    grip = tag("span", raw("&#8646;"), class_="grip", aria_hidden="true")
    frame = tag(
        "div",
        tag("span", class_="mark left"),
        tag("span", class_="mark right"),
        tag("div", grip, class_="divider", role="slider", tabindex="0", aria_valuemin="0", aria_valuemax="100",
            aria_valuenow="50", aria_orientation="horizontal", aria_label="Divider between the two pictures"),
        class_="frame",
    )  # fmt: skip
    controls = tag(
        "div",
        tag("label", tag("span", "Left"), _picker(pictures, left, "left")),
        tag("button", "Swap", type="button", class_="exchange", title="Swap left and right (x)"),
        tag("label", tag("span", "Right"), _picker(pictures, right, "right")),
        _layers(pictures),
        tag(
            "div",
            tag("button", MINUS, type="button", data_zoom="out", aria_label="Zoom out", title="Zoom out (-)"),
            tag("output", f"1{TIMES}", aria_live="polite", aria_label="Zoom"),
            tag("button", "+", type="button", data_zoom="in", aria_label="Zoom in", title="Zoom in (+)"),
            tag("button", "Fit", type="button", data_zoom="fit", title="Show the whole picture (0)"),
            class_="zoom", role="group", aria_label="Zoom of all pictures",
        ),
        class_="controls",
    )  # fmt: skip
    return tag("div", frame, controls, class_="stage", hidden=True)


def _layers(pictures: list[Picture]) -> Html | None:
    """A menu of the maps that may be laid over both pictures."""
    maps = [(place, one.label) for place, one in enumerate(pictures) if one.role in LAYERS]
    if not maps:
        return None
    choices = [tag("option", "none", value=""), *(tag("option", label, value=place) for place, label in maps)]
    return tag("label", tag("span", "Layer"), tag("select", *choices, class_="layers"), title="Over both (l: the next)")


def _picker(pictures: list[Picture], chosen: int, side: str) -> Html:
    choices = [
        tag("option", one.label, value=place, selected=place == chosen)
        for place, one in enumerate(pictures)
        if one.role != "window"
    ]
    return tag("select", *choices, data_side=side)


def _crop_note(example: Example) -> list[str]:
    if example.crop.whole or not example.of("hr"):
        return []
    hr = example.of("hr")[0]
    left, top = round(example.crop.left * hr.size[0]), round(example.crop.top * hr.size[1])
    shown = hr.image.shape
    return [
        f"Cropped to {shown[1]} {TIMES} {shown[0]} pixels from column {left}, row {top}, where the errors are largest."
    ]
