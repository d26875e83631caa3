"""What perturbed references, or cubes, cost each run."""

from __future__ import annotations

from refsr.evaluation.results import Summary
from refsr.report.colours import colour, swatch
from refsr.report.comparison import SCORED, Comparison, Method
from refsr.report.html import Html, join, tag
from refsr.report.numbers import Metric
from refsr.report.tables import difference_text

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
    "The same network on the same images, only its {what} is perturbed: a loss shows what the network drew from the "
    "{what}, and an interval that holds zero shows nothing drawn."
)

Cost = tuple[Method, Summary]
"""A method, and how its numbers differ from those that it is held against."""


def ablation_block(comparison: Comparison, protocol: str) -> Html | None:
    """What each perturbed reference costs every run; None where nobody measured it."""
    measured = [
        (method, perturbed)
        for method in comparison.of_kind("run")
        if (perturbed := _spoilt(comparison, method, protocol))
    ]
    if not measured:
        return None
    costs = [
        cost for method, perturbed in measured for _, cost in [*perturbed, *_without(comparison, method, protocol)]
    ]
    longest = max(max(abs(cost.low), abs(cost.high)) for cost in costs) or 1.0
    blocks = [_ablations(comparison, method, perturbed, protocol, longest) for method, perturbed in measured]
    what = " or ".join(dict.fromkeys(one.part for one in comparison.of_kind("ablation")))
    return join([tag("p", READING.format(what=what), class_="lead"), *blocks])


def _spoilt(comparison: Comparison, method: Method, protocol: str) -> list[Cost]:
    """A run's ablations with the mean difference to its true reference."""
    found = ((one, comparison.difference(one, method, protocol, SCORED)) for one in comparison.ablations_of(method))
    return [(one, cost) for one, cost in found if cost is not None]


def _without(comparison: Comparison, method: Method, protocol: str) -> list[Cost]:
    """Bicubic as a yardstick: what is lost without any network."""
    base = comparison.base_of(method)
    cost = comparison.difference(base, method, protocol, SCORED) if base is not None else None
    return [(base, cost)] if base is not None and cost is not None else []


def _ablations(comparison: Comparison, method: Method, perturbed: list[Cost], protocol: str, longest: float) -> Html:
    """One run's table of perturbed references."""
    yardstick = _without(comparison, method, protocol)
    others = [
        how for key, how in comparison.metrics.items()
        if key != SCORED and comparison.difference(perturbed[0][0], method, protocol, key) is not None
    ]  # fmt: skip
    how, what = comparison.metrics[SCORED], perturbed[0][0].part
    rows = []
    for one, cost in [*perturbed, *yardstick]:
        name, words = (
            (one.perturbed, describe_ablation(one.perturbed, one.part))
            if one.perturbed
            else (one.label, "no network at all")
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
                tag("td", _bar(cost, how, longest, method.series if one.perturbed else None), class_="bar-cell"),
                *cells,
                class_=None if one.perturbed else "baseline",
            )
        )
    heads = [tag("th", other.label, scope="col") for other in others]
    return tag(
        "div",
        tag("h4", swatch(method.series), method.label),
        tag("p", _verdict(method, perturbed, yardstick, how), class_="verdict"),
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


def _bar(cost: Summary, how: Metric, longest: float, series: int | None) -> Html:
    """A loss as a bar with its interval; a gain, which is rare, is hollow."""
    mean, *edges = (100 * abs(value) / longest for value in (cost.mean, cost.low, cost.high))
    low, high = sorted(edges) if (cost.low < 0) == (cost.high < 0) else (0.0, max(edges))
    return tag(
        "div",
        tag("span", class_="length", style=f"width:{mean:.1f}%"),
        tag("span", class_="whisker", style=f"left:{low:.1f}%;width:{high - low:.1f}%"),
        class_=f"bars {colour(series)}{' gain' if how.improves(cost.mean) else ''}",
        aria_hidden="true",
    )


def _verdict(method: Method, perturbed: list[Cost], yardstick: list[Cost], how: Metric) -> str:
    """What the swapped reference or cube says here, in a sentence."""
    what = perturbed[0][0].part
    swapped = next((cost for one, cost in perturbed if one.perturbed == "swap"), None)
    if swapped is None:
        return f"The {what} of another place (swap) was not tried."
    if not swapped.high < 0 or how.show(swapped.mean) == how.show(0.0):
        return f"With the {what} of another place {method.label} does not lose measurably."
    lost = f"With the {what} of another place {how.with_unit(-swapped.mean)} are lost"
    if yardstick and yardstick[0][1].high < 0:
        return f"{lost}: {100 * swapped.mean / yardstick[0][1].mean:.0f} % of the gain over bicubic."
    return f"{lost}."


def describe_ablation(perturbed: str, part: str) -> str:
    """What was done to the reference or cube, in words."""
    kind, _, amount = perturbed.partition(":")
    return SPOILT.get(kind, "").format(part=part, amount=amount or "some")
