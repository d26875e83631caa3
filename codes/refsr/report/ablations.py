"""Ablations: what a perturbed reference or cube costs each run."""

from __future__ import annotations

from refsr.evaluation.results import Summary
from refsr.report.colours import colour, swatch
from refsr.report.comparison import SCORED, Comparison, Method
from refsr.report.html import Html, join, tag
from refsr.report.numbers import Metric
from refsr.report.tables import difference_text

PERTURBATIONS = {
    "swap": "the {part} of another place",
    "blank": "no content",
    "shift": "shifted by {amount} pixels",
    "rotate": "rotated by {amount} degrees",
    "scale": "scaled up by {amount} percent",
    "down": "resolution reduced {amount} times",
    "recolour": "colours changed",
    "haze": "haze of {amount} percent",
    "clouds": "clouds on {amount} percent",
    "change": "another place on {amount} percent",
}

LEAD = (
    "The same network on the same images; only its {what} is perturbed. The loss in PSNR is the gain that comes "
    "from the {what}. An interval that contains zero means that no such gain was found."
)

Cost = tuple[Method, Summary]
"""A method, and how its scores differ from those it is compared to."""


def ablation_block(comparison: Comparison, protocol: str) -> Html | None:
    """What each perturbed reference costs each run; None if no perturbation was evaluated."""
    measured = [
        (method, perturbed)
        for method in comparison.of_kind("run")
        if (perturbed := _costs(comparison, method, protocol))
    ]
    if not measured:
        return None
    costs = [
        cost for method, perturbed in measured for _, cost in [*perturbed, *_bicubic(comparison, method, protocol)]
    ]
    longest = max(max(abs(cost.low), abs(cost.high)) for cost in costs) or 1.0
    blocks = [_ablations(comparison, method, perturbed, protocol, longest) for method, perturbed in measured]
    what = " or ".join(dict.fromkeys(one.part for one in comparison.of_kind("ablation")))
    return join([tag("p", LEAD.format(what=what), class_="lead"), *blocks])


def _costs(comparison: Comparison, method: Method, protocol: str) -> list[Cost]:
    """A run's ablations with the mean difference to its unperturbed reference."""
    found = ((one, comparison.difference(one, method, protocol, SCORED)) for one in comparison.ablations_of(method))
    return [(one, cost) for one, cost in found if cost is not None]


def _bicubic(comparison: Comparison, method: Method, protocol: str) -> list[Cost]:
    """Bicubic for comparison: what is lost without any network."""
    base = comparison.base_of(method)
    cost = comparison.difference(base, method, protocol, SCORED) if base is not None else None
    return [(base, cost)] if base is not None and cost is not None else []


def _ablations(comparison: Comparison, method: Method, perturbed: list[Cost], protocol: str, longest: float) -> Html:
    """One run's table of perturbed references."""
    bicubic = _bicubic(comparison, method, protocol)
    others = [
        metric for key, metric in comparison.metrics.items()
        if key != SCORED and comparison.difference(perturbed[0][0], method, protocol, key) is not None
    ]  # fmt: skip
    metric, what = comparison.metrics[SCORED], perturbed[0][0].part
    rows = []
    for one, cost in [*perturbed, *bicubic]:
        name, words = (
            (one.perturbed, describe_ablation(one.perturbed, one.part)) if one.perturbed else (one.label, "no network")
        )
        cells = [
            tag("td", difference_text(comparison.difference(one, method, protocol, other.key), other))
            for other in others
        ]
        rows.append(
            tag(
                "tr",
                tag("th", name, tag("small", words), scope="row"),
                tag("td", difference_text(cost, metric)),
                tag("td", _bar(cost, metric, longest, method.series if one.perturbed else None), class_="bar-cell"),
                *cells,
                class_=None if one.perturbed else "baseline",
            )
        )
    heads = [tag("th", other.label, scope="col") for other in others]
    return tag(
        "div",
        tag("h4", swatch(method.series), method.label),
        tag("p", _effect_of_swap(method, perturbed, bicubic, metric), class_="ablation-summary"),
        tag(
            "div",
            tag(
                "table",
                tag("caption", f"Difference to the unperturbed {what}, paired by image; small: 95 % interval; ",
                    "protocol ", tag("code", protocol)),
                tag("thead", tag("tr", tag("th", what.capitalize(), scope="col"),
                                 tag("th", metric.label, scope="col", colspan=2), *heads)),
                tag("tbody", *rows),
                class_="ablations",
            ),
            class_="scroll", tabindex="0", role="region", aria_label=f"Each perturbed {what} of {method.label}",
        ),
        class_="ablation",
    )  # fmt: skip


def _bar(cost: Summary, metric: Metric, longest: float, series: int | None) -> Html:
    """A loss as a filled bar with its interval; a gain, which is rare, as a hollow bar."""
    mean, *edges = (100 * abs(value) / longest for value in (cost.mean, cost.low, cost.high))
    low, high = sorted(edges) if (cost.low < 0) == (cost.high < 0) else (0.0, max(edges))
    return tag(
        "div",
        tag("span", class_="length", style=f"width:{mean:.1f}%"),
        tag("span", class_="whisker", style=f"left:{low:.1f}%;width:{high - low:.1f}%"),
        class_=f"bars {colour(series)}{' gain' if metric.improves(cost.mean) else ''}",
        aria_hidden="true",
    )


def _effect_of_swap(method: Method, perturbed: list[Cost], bicubic: list[Cost], metric: Metric) -> str:
    """The effect of the swapped reference or cube in a sentence."""
    what = perturbed[0][0].part
    swapped = next((cost for one, cost in perturbed if one.perturbed == "swap"), None)
    if swapped is None:
        return f"The {what} of another place (swap) was not evaluated."
    if not swapped.high < 0 or metric.show(swapped.mean) == metric.show(0.0):
        return f"With the {what} of another place, PSNR of {method.label} does not fall measurably."
    lost = f"With the {what} of another place, PSNR falls by {metric.with_unit(-swapped.mean)}"
    if bicubic and bicubic[0][1].high < 0:
        return f"{lost}, which is {100 * swapped.mean / bicubic[0][1].mean:.0f} % of the gain over bicubic."
    return f"{lost}."


def describe_ablation(perturbed: str, part: str) -> str:
    """The perturbation in words."""
    kind, _, amount = perturbed.partition(":")
    return PERTURBATIONS.get(kind, "").format(part=part, amount=amount or "some")
