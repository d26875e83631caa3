"""The table of methods and metrics, and the table of all images."""

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
        metric for key, metric in comparison.metrics.items()
        if any(comparison.values(method, protocol, key) for method in comparison.methods)
    ]  # fmt: skip
    rows = [method for method in comparison.methods if method.kind != "ablation"]
    heads = [tag("th", metric.label, tag("small", "higher is better" if metric.higher_is_better else "lower is better"),
                 colspan=2, scope="colgroup") for metric in metrics]  # fmt: skip
    below = [
        tag("th", word, scope="col", class_="first" if word.startswith("mean") else None)
        for _ in metrics for word in ("mean \N{PLUS-MINUS SIGN} std", "vs bicubic")
    ]  # fmt: skip
    best = {metric.key: comparison.best(protocol, metric.key) for metric in metrics}
    body = []
    for method in rows:
        cells = [_cells(comparison, method, protocol, metric, method.key in best[metric.key]) for metric in metrics]
        series = None if method.kind == "baseline" else method.series
        name = tag("th", swatch(series), method.label, scope="row")
        body.append(tag("tr", name, *cells, class_=method.kind))
    return tag(
        "div",
        tag(
            "table",
            tag("caption", f"{comparison.dataset}, ", count(len(comparison.images), "image"), ", protocol ",
                tag("code", protocol), "; small: 95 % bootstrap interval of the mean; differences are paired by image"),
            tag("thead", tag("tr", tag("th", "Method", rowspan=2, scope="col"), *heads), tag("tr", *below)),
            tag("tbody", *body),
            class_="scores",
        ),
        class_="scroll", tabindex="0", role="region", aria_label=f"Scores under {protocol}",
    )  # fmt: skip


def _cells(comparison: Comparison, method: Method, protocol: str, metric: Metric, best: bool) -> Html:
    found = comparison.summary(method, protocol, metric.key)
    if found is None:
        return tag("td", "not measured", colspan=2, class_="first missing")
    alone = found.count == 1
    values = comparison.values(method, protocol, metric.key)
    fewer = len(values) < len(comparison.images) and "" not in values
    mean = tag(
        "td",
        tag("span", metric.show(found.mean), class_="value"),
        None if alone else tag("span", f" \N{PLUS-MINUS SIGN} {metric.show(found.std)}", class_="quiet"),
        tag("span", "best", class_="best-mark") if best else None,
        None if alone else tag("span", interval(metric.show(found.low), metric.show(found.high)), class_="edges"),
        tag("span", f"over {count(len(values), 'image')}", class_="edges") if fewer else None,
        class_="first best" if best else "first",
    )
    base = comparison.base_of(method)
    if base is None or base is method:
        return join([mean, tag("td", tag("span", "\N{EN DASH}", class_="quiet"))])
    return join([mean, tag("td", difference_text(comparison.difference(method, base, protocol, metric.key), metric))])


def difference_text(found: Summary | None, metric: Metric) -> Html:
    """A mean difference with its interval."""
    if found is None:
        return tag("span", "n/a", class_="quiet")
    edges = "" if found.count == 1 else interval(metric.show_difference(found.low), metric.show_difference(found.high))
    return join([tag("span", metric.show_difference(found.mean), class_="value"), tag("span", edges, class_="edges")])


def images_table(comparison: Comparison, protocol: str, anchors: Mapping[str, str], shown: frozenset[str]) -> Html:
    """Every image with the scores of baselines and runs, collapsed."""
    metric = comparison.metrics.get(SCORED, Metric(SCORED))
    columns = [
        (method, values) for method in comparison.methods
        if (values := comparison.values(method, protocol, SCORED)) and method.kind != "ablation"
    ]  # fmt: skip
    body = []
    for image in comparison.images:
        name = tag("a", image, href=f"#{anchors[image]}") if image in shown else image
        cells = [tag("td", metric.show(values[image]) if image in values else "") for _, values in columns]
        body.append(tag("tr", tag("th", name, scope="row"), *cells, id=None if image in shown else anchors[image]))
    heads = [tag("th", method.label, scope="col") for method, _ in columns]
    return tag(
        "details",
        tag("summary", f"Table of all {count(len(comparison.images), 'image')}"),
        tag(
            "div",
            tag(
                "table",
                tag("caption", f"{metric.label}, protocol ", tag("code", protocol)),
                tag("thead", tag("tr", tag("th", "Image", scope="col"), *heads)),
                tag("tbody", *body),
                class_="images",
            ),
            class_="scroll tall", tabindex="0", role="region", aria_label="All images",
        ),
    )  # fmt: skip


def protocol_blocks(comparison: Comparison) -> Html:
    """The table under the first protocol, and collapsed below it those under the others."""
    first, *others = comparison.protocols
    folded = [
        tag("details", tag("summary", "Protocol ", tag("code", name), _about(comparison.protocols[name])),
            scores_table(comparison, name))
        for name in others
    ]  # fmt: skip
    return join([scores_table(comparison, first), *folded])


def _about(words: str) -> Html | None:
    return tag("span", f": {words}", class_="quiet") if words else None
