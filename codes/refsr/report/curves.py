"""Training curves: validation, losses, learning rates, speed; all runs in each chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from refsr.report.chart import ChartStyle, Line, line_chart
from refsr.report.html import Html, tag
from refsr.report.log import Log, Series
from refsr.report.numbers import Metric, compact
from refsr.report.read_runs import RunRecord

Key = TypeVar("Key", str, tuple[str, str, str])

LOSS = ChartStyle(smooth=True, log_from=8)
RATE = ChartStyle(log_from=8)
VALIDATION = ChartStyle()
SPEED = ChartStyle(smooth=True, include=0.0)


def curve_charts(runs: Sequence[RunRecord], metrics: Mapping[str, Metric]) -> Html | None:
    """A grid of charts; None where no run has a log with anything to draw."""
    logs = [(place, run, run.log) for place, run in enumerate(runs) if run.log is not None]
    charts: list[Html | None] = []
    for dataset, protocol, key in _keys(log.validations for _, _, log in logs):
        metric = metrics.get(key) or Metric(key, "dB" if key == "psnr" else "")
        lines = _networks(logs, [log.validations.get((dataset, protocol, key), {}) for _, _, log in logs])
        about = f"{dataset}, protocol {protocol}" + _best(lines, metric)
        charts.append(line_chart(f"Validation {metric.label}", about, lines, VALIDATION, metric.unit))
    for name in _keys(log.losses for _, _, log in logs):
        lines = _lines(logs, [log.losses.get(name) for _, _, log in logs])
        charts.append(line_chart(f"Loss {name}", "", lines, LOSS))
    rates = [
        Line(f"{run.name}, {name}" if len(log.rates) > 1 else run.name, series.sorted(), place, number)
        for place, run, log in logs for number, (name, series) in enumerate(log.rates.items())
    ]  # fmt: skip
    charts.append(line_chart("Learning rate", "", rates, RATE))
    charts.append(
        line_chart("Speed (images/s)", "", _lines(logs, [log.speed for _, _, log in logs]), SPEED, "images/s")
    )
    drawn = [chart for chart in charts if chart is not None]
    return tag("div", *drawn, class_="charts") if drawn else None


def _keys(groups: Iterable[Mapping[Key, object]]) -> list[Key]:
    """The keys of all logs, in order of first appearance."""
    return list(dict.fromkeys(key for group in groups for key in group))


def _lines(logs: Iterable[tuple[int, RunRecord, Log]], found: Iterable[Series | None]) -> list[Line]:
    """A line for each run that has the series."""
    pairs = zip(logs, found, strict=True)
    return [Line(run.name, series.sorted(), place) for (place, run, _), series in pairs if series is not None]


def _networks(logs: Iterable[tuple[int, RunRecord, Log]], found: Iterable[Mapping[str, Series]]) -> list[Line]:
    """A line for each network that a run validated (raw and averaged weights), named where there are several."""
    return [
        Line(f"{run.name}, {network}" if len(series) > 1 and network else run.name, one.sorted(), place, number)
        for (place, run, _), series in zip(logs, found, strict=True)
        for number, (network, one) in enumerate(series.items())
    ]


def _best(lines: Sequence[Line], metric: Metric) -> str:
    """The best value of a single run and its iteration; empty for several runs."""
    if len({line.series for line in lines}) != 1 or len(lines[0].points) < 2:
        return ""
    step, value = (max if metric.higher_is_better else min)(lines[0].points, key=lambda point: point[1])
    return f"; best {metric.with_unit(value)} at iteration {compact(step)}"
