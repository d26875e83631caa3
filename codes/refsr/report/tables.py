"""The table of methods and metrics, and every image's numbers."""

from __future__ import annotations

from collections.abc import Mapping

from refsr.evaluation.results import Summary
from refsr.report.colours import swatch
from refsr.report.comparison import SCORED, Comparison, Method
from refsr.report.html import Html, join, tag
from refsr.report.numbers import Metric, count, interval


def scores_table(comparison: Comparison, protocol: str) -> Html:
    """Methods by metrics under one protocol."""
    metrics = [
        how for key, how in comparison.metrics.items()
        if any(comparison.values(method, protocol, key) for method in comparison.methods)
    ]  # fmt: skip
    rows = [method for method in comparison.methods if method.kind != "ablation"]
    heads = [tag("th", how.label, tag("small", "higher is better" if how.higher_is_better else "lower is better"),
                 colspan=2, scope="colgroup") for how in metrics]  # fmt: skip
    below = [
        tag("th", word, scope="col", class_="first" if word.startswith("mean") else None)
        for _ in metrics for word in ("mean \N{PLUS-MINUS SIGN} s.d.", "to bicubic")
    ]  # fmt: skip
    best = {how.key: comparison.best(protocol, how.key) for how in metrics}
    body = []
    for method in rows:
        cells = [_cells(comparison, method, protocol, how, method.key in best[how.key]) for how in metrics]
        series = None if method.kind == "baseline" else method.series
        name = tag("th", swatch(series), method.label, scope="row")
        body.append(tag("tr", name, *cells, class_=method.kind))
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


def _cells(comparison: Comparison, method: Method, protocol: str, how: Metric, best: bool) -> Html:
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


def difference_text(found: Summary | None, how: Metric) -> Html:
    """A difference with its interval."""
    if found is None:
        return tag("span", "n/a", class_="quiet")
    edges = "" if found.count == 1 else interval(how.show_difference(found.low), how.show_difference(found.high))
    return join([tag("span", how.show_difference(found.mean), class_="value"), tag("span", edges, class_="edges")])


def images_table(comparison: Comparison, protocol: str, anchors: Mapping[str, str], shown: frozenset[str]) -> Html:
    """Every image with the scores of baselines and runs, folded away."""
    how = comparison.metrics.get(SCORED, Metric(SCORED))
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
