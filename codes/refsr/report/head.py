"""The top of the page: title, main numbers, notes, and data set, protocols, weights and training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from refsr.core.progress import duration
from refsr.report.colours import swatch
from refsr.report.comparison import SCORED, Comparison, Method
from refsr.report.html import Html, join, tag
from refsr.report.log import Log
from refsr.report.numbers import Metric, count, interval
from refsr.report.read_runs import RunRecord

DIGEST_SHOWN = 12
MOST_INLINE = 8
"""Entries of a mapping inside a mapping that stand in one line."""
Item = TypeVar("Item", str, tuple[str, Html])


def title_of(runs: Sequence[RunRecord]) -> str:
    return runs[0].name if len(runs) == 1 else f"{len(runs)} runs compared"


def opening(runs: Sequence[RunRecord], comparisons: Sequence[Comparison]) -> Html:
    """Heading, one sentence, main numbers, notes, and the facts that hold for every number below."""
    parts: list[object] = [tag("p", "Report", class_="eyebrow"), tag("h1", title_of(runs))]
    if len(runs) > 1:
        parts.append(tag("ul", *[tag("li", swatch(place), run.name)
                                 for place, run in enumerate(runs)], class_="run-list"))  # fmt: skip
    parts.append(tag("p", _sentence(runs, comparisons), class_="standfirst"))
    if comparisons:
        parts.append(_figures(comparisons[0]))
    parts.append(_notes(runs, comparisons))
    parts.append(_facts(runs, comparisons))
    return tag("header", *parts, class_="opening")


def _sentence(runs: Sequence[RunRecord], comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        steps = max((run.log.last_step for run in runs if run.log), default=0)
        return f"Training up to iteration {steps:,}; not validated yet.".replace(",", "\N{THIN SPACE}")
    first = comparisons[0]
    sets = _in_words([one.dataset for one in comparisons])
    pictures = count(len(first.images), "image") if len(comparisons) == 1 else count(len(comparisons), "data set")
    times = f"scale \N{MULTIPLICATION SIGN}{first.scale}"
    if not first.of_kind("run"):
        return f"Only baselines were evaluated on {sets} ({pictures}, {times}); no trained network yet."
    return f"Reference-based super-resolution, {times}, evaluated on {sets} ({pictures}) beside interpolation."


def _in_words(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _figures(comparison: Comparison) -> Html | None:
    """The main numbers: PSNR, its gain over bicubic, SSIM, and PSNR with a swapped reference."""
    protocol = next(iter(comparison.protocols), "")
    method = comparison.shown
    metric = comparison.metrics.get(SCORED)
    if method is None or metric is None or (found := comparison.summary(method, protocol, SCORED)) is None:
        return None
    spread = "" if found.count == 1 else interval(metric.show(found.low), metric.show(found.high))
    items: list[Html | None] = [
        _figure(f"{metric.name} of {method.label}", metric.show(found.mean), metric.unit, spread, protocol)
    ]
    base = comparison.base_of(method)
    if base is not None and base is not method:
        items.append(_difference_figure("Gain over bicubic", comparison, method, base, protocol, metric))
    if "ssim" in comparison.metrics and (other := comparison.summary(method, protocol, "ssim")) is not None:
        ssim = comparison.metrics["ssim"]
        edges = "" if other.count == 1 else interval(ssim.show(other.low), ssim.show(other.high))
        items.append(_figure(ssim.name, ssim.show(other.mean), ssim.unit, edges, protocol))
    swapped = next((one for one in comparison.ablations_of(method) if one.perturbed == "swap"), None)
    if swapped is not None:
        items.append(
            _difference_figure(f"Another place's {swapped.part}", comparison, swapped, method, protocol, metric)
        )
    return tag("dl", *items, class_="figures")


def _difference_figure(
    name: str, comparison: Comparison, method: Method, base: Method, protocol: str, metric: Metric
) -> Html | None:
    found = comparison.difference(method, base, protocol, SCORED)
    if found is None:
        return None
    edges = interval(metric.show_difference(found.low), metric.show_difference(found.high))
    return _figure(name, metric.show_difference(found.mean), metric.unit, "" if found.count == 1 else edges, protocol)


def _figure(name: str, value: str, unit: str, edges: str, protocol: str) -> Html:
    return tag(
        "div",
        tag("dt", name),
        tag("dd", value, tag("span", f" {unit}", class_="unit") if unit else None, class_="big"),
        tag("dd", f"95 %: {edges}" if edges else None, class_="quiet"),
        tag("dd", tag("code", protocol), class_="quiet"),
    )


def _notes(runs: Sequence[RunRecord], comparisons: Sequence[Comparison]) -> Html | None:
    """Warnings, notes and problems; always shown."""
    items: list[str] = [warning for one in comparisons for warning in one.warnings]
    said: list[tuple[str, str]] = []
    for run in runs:
        texts = [text for entry in run.results_folders for text in _texts(entry.results.about.get("notes"))]
        said += [
            (text, run.name) for text in dict.fromkeys([*texts, *(run.log.notes if run.log else []), *run.problems])
        ]
    for text, names in _shared(said):
        items.append(text if len(names) == len(runs) else f"{', '.join(names)}: {text}")
    missing: list[str] = []
    for run in runs:
        for entry in run.results_folders:
            missing += _texts(entry.results.about.get("not_measured"))
    parts = []
    if items:
        parts.append(tag("div", tag("h2", "Notes"), tag("ul", *[tag("li", one) for one in dict.fromkeys(items)])))
    if missing:
        lines = [tag("li", one) for one in dict.fromkeys(missing)]
        parts.append(tag("div", tag("h2", "Not measured"), tag("ul", *lines)))
    return tag("section", *parts, class_="notes", aria_label="Notes") if parts else None


def _facts(runs: Sequence[RunRecord], comparisons: Sequence[Comparison]) -> Html:
    """Data sets, protocols, weights and training; with the names of the runs where these differ."""
    rows: list[Html] = []
    for one in comparisons:
        quoted = [tag("li", tag("code", name), f": {about}" if about else "") for name, about in one.protocols.items()]
        rows.append(_fact("Data set", f"{one.dataset}, {count(len(one.images), 'image')}, scale {one.scale}"))
        rows.append(_fact("Protocols" if len(quoted) > 1 else "Protocol", tag("ul", *quoted)))
    recorded = [
        ((name, plain(value)), run.name)
        for key, name in (("weights", "Weights"), ("provenance", "Source of each input"))
        for run in runs for entry in run.results_folders if (value := entry.results.about.get(key))
    ]  # fmt: skip
    recorded += [(("Training", join([_training(run.log)])), run.name) for run in runs if run.log is not None]
    for (name, value), names in _shared(recorded):
        # What holds for all runs needs no names.
        rows.append(_fact(name if len(names) == len(runs) else f"{name}, {' and '.join(names)}", value))
    return tag("dl", *rows, class_="facts")


def _shared(said: Sequence[tuple[Item, str]]) -> list[tuple[Item, list[str]]]:
    """Equal items once, each with the names of its runs."""
    found: dict[Item, list[str]] = {}
    for thing, run in said:
        names = found.setdefault(thing, [])
        if run not in names:
            names.append(run)
    return list(found.items())


def _fact(name: str, value: object) -> Html:
    return tag("div", tag("dt", name), tag("dd", value))


def _training(log: Log) -> str:
    wanted = log.start.get("niter")
    steps = f"{log.last_step:,}".replace(",", "\N{THIN SPACE}")
    of_all = f" of {wanted:,}".replace(",", "\N{THIN SPACE}") if isinstance(wanted, int) else ""
    resumed = f", {count(log.starts - 1, 'resume')}" if log.starts > 1 else ""
    spent = f", {duration(log.seconds)}" if log.seconds else ""
    return f"{steps}{of_all} iterations{spent}{resumed}"


def _texts(value: object) -> list[str]:
    """Lines from a text, a list, or a mapping of name to reason."""
    if not value:
        return []
    if isinstance(value, Mapping):
        return [f"{key}: {one}" for key, one in value.items()]
    if isinstance(value, list | tuple):
        return [line for one in value for line in _texts(one)]
    return [str(value)]


def plain(value: object) -> Html:
    """Any plain data as readable markup: mappings as pairs, lists as lists, digests shortened."""
    if isinstance(value, Mapping):
        pairs = [
            tag("li", tag("span", f"{key}: ", class_="quiet"), _short(one) if _digest(key, one) else _nested(one))
            for key, one in value.items()
        ]
        return tag("ul", *pairs)
    if isinstance(value, list | tuple):
        return tag("ul", *[tag("li", plain(one)) for one in value])
    if isinstance(value, bool):
        return join(["yes" if value else "no"])
    return join(["none" if value is None else value])


def _nested(value: object) -> Html:
    """A value inside a mapping: small mappings in one line, large ones collapsed."""
    if not isinstance(value, Mapping):
        return plain(value)
    if len(value) > MOST_INLINE or any(isinstance(one, Mapping | list | tuple) for one in value.values()):
        return tag("details", tag("summary", f"{len(value)} entries"), plain(value))
    return join([", ".join(f"{key}={one}" for key, one in value.items())])


def _digest(key: object, value: object) -> bool:
    return isinstance(value, str) and len(value) >= 32 and any(word in str(key).lower() for word in ("digest", "sha"))


def _short(value: object) -> Html:
    return tag("code", f"{str(value)[:DIGEST_SHOWN]}\N{HORIZONTAL ELLIPSIS}", title=str(value))
