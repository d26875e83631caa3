"""The table of methods and measures, what spoilt references cost, and every image's numbers."""

from __future__ import annotations

from collections.abc import Mapping

from refsr.engine.validation.results import Summary
from refsr.report.comparison import SCORED, Comparison, Method
from refsr.report.html import Html, join, raw, tag
from refsr.report.numbers import Measure, count, interval

SPOILT = {
    "swap": "the reference of another place",
    "blank": "no content at all",
    "shift": "moved by {} pixels",
    "rotate": "turned by {} degrees",
    "down": "{} times coarser",
    "recolour": "with other colours",
}


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
    blocks = [
        block for method in comparison.of_kind("run") if (block := _ablations(comparison, method, protocol)) is not None
    ]
    return join(blocks) if blocks else None


def _ablations(comparison: Comparison, method: Method, protocol: str) -> Html | None:
    spoilt = [
        (one, cost) for one in comparison.ablations_of(method)
        if (cost := comparison.difference(one, method, protocol, SCORED)) is not None
    ]  # fmt: skip
    if not spoilt:
        return None
    how = comparison.measures[SCORED]
    base = comparison.base_of(method)
    whole = comparison.difference(base, method, protocol, SCORED) if base is not None else None
    edges = [abs(edge) for _, cost in spoilt for edge in (cost.low, cost.high)]
    longest = max([*edges, abs(whole.low) if whole else 0.0, 1e-9])
    rows = [
        _ablation_row(one.spoilt, describe_ablation(one.spoilt), cost, how, longest, method.series)
        for one, cost in spoilt
    ]
    if base is not None and whole is not None:
        rows.append(_ablation_row(base.label, "no network at all", whole, how, longest, None))
    return tag(
        "div",
        tag("h4", _swatch(method), method.label),
        tag("p", _reading(method, spoilt, whole, how, protocol), class_="reading"),
        tag(
            "div",
            tag(
                "table",
                tag("caption", "Difference to the true reference, image by image, mean with 95 % interval, protocol ",
                    tag("code", protocol)),
                tag("thead", tag("tr", tag("th", "Reference", scope="col"), tag("th", how.label, scope="col"),
                                 tag("th", tag("span", "as a bar", class_="hidden"), scope="col"))),
                tag("tbody", *rows),
                class_="ablations",
            ),
            class_="scroll", tabindex="0", role="region", aria_label=f"References of {method.label}",
        ),
        class_="ablation",
    )  # fmt: skip


def _ablation_row(name: str, words: str, cost: Summary, how: Measure, longest: float, series: int | None) -> Html:
    share = [100 * min(abs(value) / longest, 1.0) for value in (cost.mean, cost.low, cost.high)]
    # Bars grow from the same edge for losses; a gain, which is rare, is hollow.
    gain = how.improves(cost.mean)
    low, high = sorted(share[1:]) if (cost.low < 0) == (cost.high < 0) else (0.0, max(share[1:]))
    bar = tag(
        "div",
        tag("span", class_="length", style=f"width:{share[0]:.1f}%"),
        tag("span", class_="whisker", style=f"left:{low:.1f}%;width:{high - low:.1f}%"),
        class_=f"bars {'base' if series is None else f's{series % 6}'}{' gain' if gain else ''}",
        aria_hidden="true",
    )
    return tag(
        "tr",
        tag("th", name, tag("small", words), scope="row"),
        tag("td", difference_text(cost, how)),
        tag("td", bar, class_="bar-cell"),
        class_="baseline" if series is None else None,
    )


def _reading(
    method: Method, spoilt: list[tuple[Method, Summary]], whole: Summary | None, how: Measure, protocol: str
) -> Html:
    """One sentence on how to read the block, and one on what it says here."""
    text = (
        "The same network on the same images, only its reference is spoilt: a loss shows what the network drew from "
        "the reference, and an interval that holds zero shows nothing drawn."
    )
    swapped = next((cost for one, cost in spoilt if one.spoilt == "swap"), None)
    if swapped is None:
        return raw(tag("span", text))
    lost = how.with_unit(abs(swapped.mean))
    if not swapped.high < 0:
        said = f" With the reference of another place, {method.label} does not lose measurably."
    elif whole is not None and whole.high < 0:
        part = min(round(100 * swapped.mean / whole.mean), 999)
        said = f" With the reference of another place, {lost} are lost: {part} % of the gain over bicubic."
    else:
        said = f" With the reference of another place, {lost} are lost."
    return tag("span", text, tag("strong", said))


def describe_ablation(spoilt: str) -> str:
    """What was done to the reference, in words."""
    kind, _, amount = spoilt.partition(":")
    return SPOILT.get(kind, "").format(amount or "some")


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
