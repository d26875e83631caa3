"""The table of methods and measures, what spoilt references cost, and every image's numbers."""

from __future__ import annotations

from collections.abc import Mapping

from refsr.engine.validation.results import Summary
from refsr.report.comparison import SCORED, Comparison, Method
from refsr.report.html import Html, join, tag
from refsr.report.numbers import Measure, count, interval

SPOILT = {
    "swap": "the {part} of another place",
    "blank": "no content at all",
    "shift": "moved by {amount} pixels",
    "rotate": "turned by {amount} degrees",
    "scale": "larger by {amount} percent",
    "down": "{amount} times coarser",
    "recolour": "with other colours",
    "haze": "behind a veil of {amount} percent",
    "clouds": "with clouds on {amount} percent",
    "change": "of another place on {amount} percent",
}

READING = (
    "The same network on the same images, only its {what} is spoilt: a loss shows what the network drew from the "
    "{what}, and an interval that holds zero shows nothing drawn."
)


def scores_table(comparison: Comparison, protocol: str) -> Html:
    """Methods by measures under one protocol."""
    measures = [
        how for key, how in comparison.measures.items()
        if any(comparison.values(method, protocol, key) for method in comparison.methods)
    ]  # fmt: skip
    rows = [method for method in comparison.methods if method.kind != "ablation"]
    heads = [tag("th", how.label, tag("small", "higher is better" if how.higher_is_better else "lower is better"),
                 colspan=2, scope="colgroup") for how in measures]  # fmt: skip
    below = [
        tag("th", word, scope="col", class_="first" if word.startswith("mean") else None)
        for _ in measures for word in ("mean \N{PLUS-MINUS SIGN} s.d.", "to bicubic")
    ]  # fmt: skip
    best = {how.key: comparison.best(protocol, how.key) for how in measures}
    body = []
    for method in rows:
        cells = [_cells(comparison, method, protocol, how, method.key in best[how.key]) for how in measures]
        body.append(tag("tr", tag("th", _swatch(method), method.label, scope="row"), *cells, class_=method.kind))
    return tag(
        "div",
        tag(
            "table",
            tag("caption", f"{comparison.dataset}, ", count(len(comparison.images), "image"), ", protocol ",
                tag("code", protocol), "; small: 95 % bootstrap interval of the mean; differences image by image"),
            tag("thead", tag("tr", tag("th", "Method", rowspan=2, scope="col"), *heads), tag("tr", *below)),
            tag("tbody", *body),
            class_="scores",
        ),
        class_="scroll", tabindex="0", role="region", aria_label=f"Scores under {protocol}",
    )  # fmt: skip


def _cells(comparison: Comparison, method: Method, protocol: str, how: Measure, best: bool) -> Html:
    found = comparison.summary(method, protocol, how.key)
    if found is None:
        return tag("td", "not measured", colspan=2, class_="first missing")
    alone = found.count == 1
    mean = tag(
        "td",
        tag("span", how.show(found.mean), class_="value"),
        None if alone else tag("span", f" \N{PLUS-MINUS SIGN} {how.show(found.deviation)}", class_="quiet"),
        tag("span", "best", class_="best-mark") if best else None,
        None if alone else tag("span", interval(how.show(found.low), how.show(found.high)), class_="edges"),
        class_="first best" if best else "first",
    )
    base = comparison.base_of(method)
    if base is None or base is method:
        return join([mean, tag("td", tag("span", "\N{EN DASH}", class_="quiet"))])
    return join([mean, tag("td", difference_text(comparison.difference(method, base, protocol, how.key), how))])


def difference_text(found: Summary | None, how: Measure) -> Html:
    """A difference with its interval."""
    if found is None:
        return tag("span", "n/a", class_="quiet")
    edges = "" if found.count == 1 else interval(how.show_difference(found.low), how.show_difference(found.high))
    return join([tag("span", how.show_difference(found.mean), class_="value"), tag("span", edges, class_="edges")])


def ablation_block(comparison: Comparison, protocol: str) -> Html | None:
    """What each spoilt reference costs every run; None where nobody measured it."""
    measured = [
        (method, spoilt) for method in comparison.of_kind("run") if (spoilt := _spoilt(comparison, method, protocol))
    ]
    if not measured:
        return None
    costs = [cost for method, spoilt in measured for _, cost in [*spoilt, *_without(comparison, method, protocol)]]
    longest = max(max(abs(cost.low), abs(cost.high)) for cost in costs) or 1.0
    blocks = [_ablations(comparison, method, spoilt, protocol, longest) for method, spoilt in measured]
    what = " or ".join(dict.fromkeys(one.part for one in comparison.of_kind("ablation")))
    return join([tag("p", READING.format(what=what), class_="lead"), *blocks])


Cost = tuple[Method, Summary]


def _spoilt(comparison: Comparison, method: Method, protocol: str) -> list[Cost]:
    """A run's ablations with the mean difference to its true reference."""
    found = ((one, comparison.difference(one, method, protocol, SCORED)) for one in comparison.ablations_of(method))
    return [(one, cost) for one, cost in found if cost is not None]


def _without(comparison: Comparison, method: Method, protocol: str) -> list[Cost]:
    """Bicubic as a yardstick: what is lost without any network."""
    base = comparison.base_of(method)
    cost = comparison.difference(base, method, protocol, SCORED) if base is not None else None
    return [(base, cost)] if base is not None and cost is not None else []


def _ablations(comparison: Comparison, method: Method, spoilt: list[Cost], protocol: str, longest: float) -> Html:
    """One run's table of spoilt references."""
    yardstick = _without(comparison, method, protocol)
    others = [
        how for key, how in comparison.measures.items()
        if key != SCORED and comparison.difference(spoilt[0][0], method, protocol, key) is not None
    ]  # fmt: skip
    how, what = comparison.measures[SCORED], spoilt[0][0].part
    rows = []
    for one, cost in [*spoilt, *yardstick]:
        name, words = (
            (one.spoilt, describe_ablation(one.spoilt, one.part)) if one.spoilt else (one.label, "no network at all")
        )
        cells = [
            tag("td", difference_text(comparison.difference(one, method, protocol, other.key), other))
            for other in others
        ]
        rows.append(
            tag(
                "tr",
                tag("th", name, tag("small", words), scope="row"),
                tag("td", difference_text(cost, how)),
                tag("td", _bar(cost, how, longest, method.series if one.spoilt else None), class_="bar-cell"),
                *cells,
                class_=None if one.spoilt else "baseline",
            )
        )
    heads = [tag("th", other.label, scope="col") for other in others]
    return tag(
        "div",
        tag("h4", _swatch(method), method.label),
        tag("p", _verdict(method, spoilt, yardstick, how), class_="verdict"),
        tag(
            "div",
            tag(
                "table",
                tag("caption", f"Difference to the true {what}, image by image; small: 95 % interval; protocol ",
                    tag("code", protocol)),
                tag("thead", tag("tr", tag("th", what.capitalize(), scope="col"),
                                 tag("th", how.label, scope="col", colspan=2), *heads)),
                tag("tbody", *rows),
                class_="ablations",
            ),
            class_="scroll", tabindex="0", role="region", aria_label=f"Each {what} of {method.label}",
        ),
        class_="ablation",
    )  # fmt: skip


def _bar(cost: Summary, how: Measure, longest: float, series: int | None) -> Html:
    """A loss as a bar with its interval; a gain, which is rare, is hollow."""
    mean, *edges = (100 * abs(value) / longest for value in (cost.mean, cost.low, cost.high))
    low, high = sorted(edges) if (cost.low < 0) == (cost.high < 0) else (0.0, max(edges))
    kind = "base" if series is None else f"s{series % 6}"
    return tag(
        "div",
        tag("span", class_="length", style=f"width:{mean:.1f}%"),
        tag("span", class_="whisker", style=f"left:{low:.1f}%;width:{high - low:.1f}%"),
        class_=f"bars {kind}{' gain' if how.improves(cost.mean) else ''}",
        aria_hidden="true",
    )


def _verdict(method: Method, spoilt: list[Cost], yardstick: list[Cost], how: Measure) -> str:
    """What the swapped reference or cube says here, in a sentence."""
    what = spoilt[0][0].part
    swapped = next((cost for one, cost in spoilt if one.spoilt == "swap"), None)
    if swapped is None:
        return f"The {what} of another place (swap) was not tried."
    if not swapped.high < 0 or how.show(swapped.mean) == how.show(0.0):
        return f"With the {what} of another place {method.label} does not lose measurably."
    lost = f"With the {what} of another place {how.with_unit(-swapped.mean)} are lost"
    if yardstick and yardstick[0][1].high < 0:
        return f"{lost}: {100 * swapped.mean / yardstick[0][1].mean:.0f} % of the gain over bicubic."
    return f"{lost}."


def describe_ablation(spoilt: str, part: str) -> str:
    """What was done to the reference or cube, in words."""
    kind, _, amount = spoilt.partition(":")
    return SPOILT.get(kind, "").format(part=part, amount=amount or "some")


def images_table(comparison: Comparison, protocol: str, anchors: Mapping[str, str], shown: frozenset[str]) -> Html:
    """Every image with the scores of baselines and runs, folded away."""
    how = comparison.measures.get(SCORED, Measure(SCORED))
    columns = [
        (method, values) for method in comparison.methods
        if (values := comparison.values(method, protocol, SCORED)) and method.kind != "ablation"
    ]  # fmt: skip
    body = []
    for image in comparison.images:
        name = tag("a", image, href=f"#{anchors[image]}") if image in shown else image
        cells = [tag("td", how.show(values[image]) if image in values else "") for _, values in columns]
        body.append(tag("tr", tag("th", name, scope="row"), *cells, id=None if image in shown else anchors[image]))
    heads = [tag("th", method.label, scope="col") for method, _ in columns]
    return tag(
        "details",
        tag("summary", f"All {count(len(comparison.images), 'image')}, one by one"),
        tag(
            "div",
            tag(
                "table",
                tag("caption", f"{how.label}, protocol ", tag("code", protocol)),
                tag("thead", tag("tr", tag("th", "Image", scope="col"), *heads)),
                tag("tbody", *body),
                class_="images",
            ),
            class_="scroll tall", tabindex="0", role="region", aria_label="All images",
        ),
    )  # fmt: skip


def _swatch(method: Method) -> Html:
    kind = "base" if method.kind == "baseline" else f"s{method.series % 6}"
    return tag("span", class_=f"swatch {kind}", aria_hidden="true")


def protocol_blocks(comparison: Comparison) -> Html:
    """The first protocol's table, the others' folded away below it."""
    first, *others = comparison.protocols
    folded = [
        tag("details", tag("summary", "Under ", tag("code", name), _about(comparison.protocols[name])),
            scores_table(comparison, name))
        for name in others
    ]  # fmt: skip
    return join([scores_table(comparison, first), *folded])


def _about(words: str) -> Html | None:
    return tag("span", f": {words}", class_="quiet") if words else None
