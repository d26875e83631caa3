"""The table of `refsr bench`: each system with its size, training, scores, and PSNR with perturbed references."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refsr.core.atomic import write_text
from refsr.core.errors import DataError
from refsr.core.progress import counted
from refsr.evaluation.results import ABLATION, Results, Summary
from refsr.report.numbers import Metric
from refsr.report.read_runs import read_run

FILES = ("table.md", "table.csv", "bench.json")
FORMAT = "refsr-bench-1"
UP, DOWN = "\N{UPWARDS ARROW}", "\N{DOWNWARDS ARROW}"
"""Higher is better, lower is better."""
LEFT_OUT = "nearest"
"""The baseline that the table leaves out."""


@dataclass
class SystemRow:
    """One row of the table: a baseline or a trained system."""

    name: str
    parameters: int | None = None
    iterations: int | None = None
    minutes: float | None = None
    """Training time on the machine it ran on."""
    seconds_an_image: float | None = None
    scores: dict[str, Summary] = field(default_factory=dict)
    """By metric."""
    perturbed: dict[str, Summary] = field(default_factory=dict)
    """PSNR by perturbation of the reference."""


@dataclass
class BenchTable:
    """The results of a bench."""

    name: str
    dataset: str
    scale: int
    protocol: str
    places: int
    metrics: dict[str, Metric]
    perturbations: list[str]
    device: str
    rows: list[SystemRow]
    notes: list[str]


def tabulate(name: str, dataset: str, runs: Sequence[Path]) -> BenchTable:
    """The table of runs evaluated on their data set `dataset`; baselines first."""
    tables = [_read(run, dataset) for run in runs]
    first = tables[0][1]
    protocol = next(iter(first.protocols))
    rows = [
        SystemRow(method, scores=_scores(first, method, protocol))
        for method in first.methods
        if method != first.run and not method.startswith(first.run + ABLATION) and method != LEFT_OUT
    ]
    perturbations: dict[str, None] = {}
    notes: dict[str, None] = {}
    for row, results in tables:
        row.scores = _scores(results, results.run, protocol)
        own = results.run + ABLATION
        for method in results.methods:
            if method.startswith(own):
                perturbations[method.removeprefix(own)] = None
                row.perturbed[method.removeprefix(own)] = _scores(results, method, protocol)["psnr"]
        notes |= dict.fromkeys(f"{row.name}: {note}" for note in results.about.get("notes", []))
        notes |= dict.fromkeys(f"not measured: {line}" for line in results.about.get("not_measured", []))
        _same_images(rows[0], _scores(results, rows[0].name, protocol)["psnr"], row.name)
        rows.append(row)
    metrics = {key: Metric.of(key, first.metrics[key]) for key in first.metrics}
    places = len({score.image for score in first.scores if score.image})
    device = str(first.about.get("device", ""))
    return BenchTable(
        name, first.dataset, first.scale, protocol, places, metrics, [*perturbations], device, rows, [*notes]
    )  # fmt: skip


def _read(folder: Path, dataset: str) -> tuple[SystemRow, Results]:
    run = read_run(folder)
    found = [one.results for one in run.results_folders if one.folder.name == dataset]
    if not found:
        raise DataError(f"{folder}: was not evaluated on {dataset}")
    results = found[0]
    row = SystemRow(run.name, parameters=results.about.get("weights", {}).get("parameters"))
    row.seconds_an_image = results.about.get("seconds_an_image")
    if run.log is not None:
        row.iterations, row.minutes = run.log.last_step, round(run.log.seconds / 60, 1)
    return row, results


def _scores(results: Results, method: str, protocol: str) -> dict[str, Summary]:
    return {one.metric: one for one in results.table() if (one.method, one.protocol) == (method, protocol)}


def _same_images(baseline: SystemRow, again: Summary, name: str) -> None:
    before = baseline.scores["psnr"].mean
    if abs(before - again.mean) > 1e-6 * abs(before):
        raise DataError(
            f"{name}: was evaluated on other images: {baseline.name} has PSNR {again.mean:.4f} there, and {before:.4f} "
            "for the systems before it"
        )


def write_table(table: BenchTable, folder: Path) -> list[Path]:
    """Markdown, CSV and JSON."""
    texts = (markdown(table), _csv(table), json.dumps(content(table), indent=1) + "\n")
    paths = [folder / name for name in FILES]
    for path, text in zip(paths, texts, strict=True):
        write_text(path, text)
    return paths


def head(table: BenchTable) -> list[str]:
    """The headings of the columns."""
    scores = [f"{one.label} {UP if one.higher_is_better else DOWN}" for one in table.metrics.values()]
    perturbed = [f"PSNR (dB), reference {perturbation}" for perturbation in table.perturbations]
    return ["System", "Params (M)", "Iterations", "Training (min)", "s/image", *scores, *perturbed]


def cells(table: BenchTable, row: SystemRow) -> list[str]:
    """One row as text; cells that do not apply are empty."""
    scores = [table.metrics[key].show(row.scores[key].mean) if key in row.scores else "" for key in table.metrics]
    perturbed = [f"{row.perturbed[one].mean:.2f}" if one in row.perturbed else "" for one in table.perturbations]
    counts = ["" if row.parameters is None else f"{row.parameters / 1e6:.3f}"]
    counts += ["" if row.iterations is None else f"{row.iterations:,}"]
    times = ["" if row.minutes is None else f"{row.minutes:.1f}"]
    times += ["" if row.seconds_an_image is None else f"{row.seconds_an_image:.2f}"]
    return [row.name, *counts, *times, *scores, *perturbed]


def markdown(table: BenchTable) -> str:
    """The table in Markdown, below a line with data set, scale and protocol."""
    lines = [head(table), ["---", *("--:" for _ in head(table)[1:])], *(cells(table, row) for row in table.rows)]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{title(table)}\n\n{text}" + "".join(f"\nNote: {note}\n" for note in table.notes)


def title(table: BenchTable) -> str:
    """Data set, number of places, scale, protocol and device in one line."""
    places = counted(table.places, "place")
    return (
        f"{table.name}: {table.dataset}, {places}, x{table.scale}, mean, protocol {table.protocol}, on {table.device}."
    )


def _csv(table: BenchTable) -> str:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    writer.writerow(head(table))
    writer.writerows(cells(table, row) for row in table.rows)
    return line.getvalue()


def content(table: BenchTable) -> dict[str, Any]:
    """The table as JSON: means with their intervals."""
    rows = {
        row.name: {
            "parameters": row.parameters,
            "iterations": row.iterations,
            "minutes": row.minutes,
            "seconds_an_image": row.seconds_an_image,
            "scores": {key: _numbers(one) for key, one in row.scores.items()},
            "perturbed": {perturbation: _numbers(one) for perturbation, one in row.perturbed.items()},
        }
        for row in table.rows
    }
    return {
        "format": FORMAT,
        "name": table.name,
        "dataset": table.dataset,
        "scale": table.scale,
        "protocol": table.protocol,
        "places": table.places,
        "device": table.device,
        "notes": table.notes,
        "systems": rows,
    }


def _numbers(one: Summary) -> list[float]:
    """Mean and the 95 % interval."""
    return [round(value, 4) for value in (one.mean, one.low, one.high)]
