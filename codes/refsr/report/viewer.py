"""A case as a piece of the page: a before/after stage, and all its pictures under one zoom."""

from __future__ import annotations

from refsr.report.cases import Case, Chosen, Picture
from refsr.report.comparison import BASE, SCORED, Comparison, Method
from refsr.report.html import Html, join, raw, tag
from refsr.report.numbers import MINUS, count
from refsr.report.pictures import gradient

HINT = (
    "Drag the divider, or focus it and press the arrow keys. + and \N{MINUS SIGN} zoom all pictures of a case, so does "
    "the wheel with Ctrl; shift with the arrow keys moves them."
)
TIMES = "\N{MULTIPLICATION SIGN}"


def case_section(comparison: Comparison, chosen: Chosen, protocol: str, anchors: dict[str, str]) -> Html:
    """All cases with the scale of their error maps."""
    parts: list[object] = []
    if chosen.cases:
        parts.append(tag("p", f"Ordered by the {chosen.order}, protocol ", tag("code", protocol), ". ", _stored(chosen),
                         class_="lead"))  # fmt: skip
        parts.append(tag("p", HINT, class_="hint", hidden=True))
        if any(case.errors for case in chosen.cases):
            parts.append(_scale(chosen.top))
    parts += [tag("p", gap, class_="gap") for gap in chosen.gaps]
    parts += [_case(case, comparison, protocol, anchors[case.image]) for case in chosen.cases]
    return join(parts)


def _stored(chosen: Chosen) -> str:
    if chosen.lossless:
        return "Pictures are kept without losses."
    return "To keep the page small its pictures are packed with slight losses; error maps and numbers are not."


def _scale(top: int) -> Html:
    """The colours of all error maps."""
    return tag(
        "div",
        tag("span", "Error maps, absolute difference to HR in 8-bit levels, mean of the bands:", class_="scale-name"),
        tag("span", "0"),
        tag("span", class_="ramp", style=f"background:{gradient()}", role="img",
            aria_label="Colours from black, no error, to light yellow, largest error"),
        tag("span", f"{top} and more"),
        class_="scale",
    )  # fmt: skip


def _case(case: Case, comparison: Comparison, protocol: str, anchor: str) -> Html:
    heading = f"{anchor}-name"
    ratio = case.pictures[0].image if not case.of("hr") else case.of("hr")[0].image
    return tag(
        "article",
        tag(
            "header",
            tag("h4", case.image, tag("span", case.rank, class_="rank"), id=heading),
            _figures(case, comparison, protocol),
        ),
        tag(
            "div", _stage(case, comparison), tag("div", *[_tile(one, case) for one in _in_order(case)], class_="tiles"),
            class_="viewer",
        ),
        *[tag("p", gap, class_="gap") for gap in [*case.gaps, *_cut_words(case)]],
        id=anchor, class_="case", aria_labelledby=heading, tabindex="-1",
        style=f"--ratio:{ratio.shape[1]}/{ratio.shape[0]}",
    )  # fmt: skip


def _figures(case: Case, comparison: Comparison, protocol: str) -> Html:
    """What the case scored."""
    how = comparison.metrics.get(SCORED)
    if how is None:
        return tag("p")
    items: list[Html] = []
    for method in _told(comparison):
        values = comparison.values(method, protocol, SCORED)
        if case.image not in values:
            continue
        base = comparison.base_of(method)
        gains = comparison.differences(method, base, protocol, SCORED) if base and base is not method else {}
        told = [tag("dt", method.label), tag("dd", how.with_unit(values[case.image]))]
        if case.image in gains:
            told.append(tag("dd", f"{how.show_difference(gains[case.image])} to bicubic", class_="quiet"))
        items.append(tag("div", *told))
    return tag("dl", tag("div", tag("dt", how.name), tag("dd", tag("code", protocol))), *items, class_="case-figures")


def _told(comparison: Comparison) -> list[Method]:
    runs = comparison.of_kind("run")
    swapped = [one for one in comparison.ablations_of(runs[0]) if one.perturbed == "swap"] if runs else []
    bases = [one for one in comparison.of_kind("baseline") if one.name == BASE]
    return [*bases, *runs[:4], *swapped]


def _in_order(case: Case) -> list[Picture]:
    return [one for role in ("lr", "ref", "hr", "result", "error") for one in case.of(role)]


def _tile(picture: Picture, case: Case) -> Html:
    width, height = picture.size
    size = f"{width} {TIMES} {height}" if width else ""
    words = f"{picture.label} of {case.image}" if picture.role != "error" else f"{picture.label}, {case.image}"
    return tag(
        "figure",
        tag("div", tag("img", src=raw(picture.source), alt=words, decoding="async", draggable="false"), class_="frame"),
        tag("figcaption", picture.label, tag("small", size) if size else None),
        class_=f"tile {picture.role}",
        data_label=picture.label,
        data_role=picture.role,
    )


def _stage(case: Case, comparison: Comparison) -> Html | None:
    """Two pictures under a divider; which two is chosen below. Shown by the script, which it needs."""
    pictures = _in_order(case)
    results = [place for place, one in enumerate(pictures) if one.role == "result"]
    shown = comparison.shown
    right = next((place for place in results if shown and pictures[place].label == shown.label), None)
    others = [place for place, one in enumerate(pictures) if place != right and one.role in ("result", "lr", "hr")]
    if right is None or not others:
        return None
    base = comparison.base_of(shown) if shown else None
    left = next((place for place in others if base and pictures[place].label == base.label), others[0])
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
        tag("button", "Exchange", type="button", class_="exchange", title="Exchange left and right (x)"),
        tag("label", tag("span", "Right"), _picker(pictures, right, "right")),
        tag(
            "div",
            tag("button", MINUS, type="button", data_zoom="out", aria_label="Zoom out", title="Zoom out (-)"),
            tag("output", f"1{TIMES}", aria_live="polite", aria_label="Zoom"),
            tag("button", "+", type="button", data_zoom="in", aria_label="Zoom in", title="Zoom in (+)"),
            tag("button", "Fit", type="button", data_zoom="fit", title="Show all (0)"),
            class_="zoom", role="group", aria_label="Zoom of all pictures",
        ),
        class_="controls",
    )  # fmt: skip
    return tag("div", frame, controls, class_="stage", hidden=True)


def _picker(pictures: list[Picture], chosen: int, side: str) -> Html:
    choices = [tag("option", one.label, value=place, selected=place == chosen) for place, one in enumerate(pictures)]
    return tag("select", *choices, data_side=side)


def _cut_words(case: Case) -> list[str]:
    if case.cut.whole or not case.of("hr"):
        return []
    hr = case.of("hr")[0]
    left, top = round(case.cut.left * hr.size[0]), round(case.cut.top * hr.size[1])
    shown = hr.image.shape
    return [
        f"Shown is the part of {count(shown[1], 'column')} and {count(shown[0], 'row')} from column {left}, row {top} "
        "on, where the errors are largest."
    ]
