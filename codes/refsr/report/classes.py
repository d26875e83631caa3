"""The table of classes: mean scores of each method on the images of each class, and its gain over bicubic."""

from __future__ import annotations

import math
from functools import partial

from refsr.evaluation.results import class_of, classes_of
from refsr.report.comparison import Comparison, Method
from refsr.report.html import Html, tag
from refsr.report.numbers import Metric

SHOWN = ("psnr", "ssim")


def classes_table(comparison: Comparison, protocol: str) -> Html | None:
    """Classes by methods: PSNR, SSIM, and the gain in PSNR over bicubic; None if images have no classes."""
    classes = classes_of(comparison.images)
    metrics = [comparison.metrics[key] for key in SHOWN if key in comparison.metrics]
    methods = [
        method for method in comparison.methods
        if method.kind != "ablation" and any(comparison.values(method, protocol, metric.key) for metric in metrics)
    ]  # fmt: skip
    if not classes or not methods or not metrics:
        return None
    body = [_row(comparison, methods, metrics, protocol, name) for name in classes]
    heads = [
        tag("th", method.label, tag("small", _what(comparison, method, metrics)), scope="col") for method in methods
    ]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", f"{comparison.dataset}, means over the images of each of {len(classes)} classes, protocol ",
                tag("code", protocol)),
            tag("thead", tag("tr", tag("th", "Class", scope="col"), tag("th", "Images", scope="col"), *heads)),
            tag("tbody", *body),
            class_="images classes",
        ),
        class_="scroll tall", tabindex="0", role="region", aria_label="Scores by class",
    )  # fmt: skip


def _what(comparison: Comparison, method: Method, metrics: list[Metric]) -> str:
    words = " / ".join(metric.label for metric in metrics)
    return f"{words}, gain over bicubic" if _base(comparison, method) is not None else words


def _base(comparison: Comparison, method: Method) -> Method | None:
    """What a run is compared to."""
    return comparison.base_of(method) if method.kind == "run" else None


def _row(comparison: Comparison, methods: list[Method], metrics: list[Metric], protocol: str, name: str) -> Html:
    images = {image for image in comparison.images if class_of(image) == name}
    cells = [_cell(comparison, method, metrics, protocol, images) for method in methods]
    return tag("tr", tag("th", name, scope="row"), tag("td", len(images)), *cells)


def _cell(comparison: Comparison, method: Method, metrics: list[Metric], protocol: str, images: set[str]) -> Html:
    mean = partial(_mean, images=images)
    values = [mean(comparison.values(method, protocol, metric.key)) for metric in metrics]
    if all(value is None for value in values):
        return tag("td", "not measured", class_="missing")
    shown = " / ".join(
        "n/a" if value is None else metric.show(value) for metric, value in zip(metrics, values, strict=True)
    )
    base = _base(comparison, method)
    gain = mean(comparison.differences(method, base, protocol, metrics[0].key)) if base is not None else None
    return tag("td", shown, tag("span", metrics[0].show_difference(gain), class_="edges") if gain is not None else None)


def _mean(values: dict[str, float], images: set[str]) -> float | None:
    there = [value for image, value in values.items() if image in images]
    return math.fsum(there) / len(there) if there else None
