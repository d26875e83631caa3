"""The table of a bench: every system with its size, its budget, its scores, and what its reference is worth."""

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
from refsr.evaluation.results import ABLATION, Results, Summary
from refsr.report.numbers import Metric
from refsr.report.reading import read_run

FILES = ("table.md", "table.csv", "bench.json")
FORMAT = "refsr-bench-1"
LEFT_OUT = "nearest"
"""A baseline that nobody asks for beside bicubic."""


@dataclass
class Row:
    """One line of the table."""

    name: str
    parameters: int | None = None
    iterations: int | None = None
    minutes: float | None = None
    """Of training, on the machine that it ran on."""
    seconds_an_image: float | None = None
    scores: dict[str, Summary] = field(default_factory=dict)
    """By metric."""
    perturbed: dict[str, Summary] = field(default_factory=dict)
    """PSNR by what was done to the reference."""


@dataclass
class Table:
    """What a bench came to."""

    name: str
    dataset: str
    scale: int
    protocol: str
    places: int
    metrics: dict[str, Metric]
    perturbations: list[str]
    device: str
    rows: list[Row]
    notes: list[str]


def tabulated(name: str, dataset: str, runs: Sequence[Path]) -> Table:
    """The table of runs that were measured on their set `dataset`; baselines first."""
    tables = [_read(run, dataset) for run in runs]
    first = tables[0][1]
    protocol = next(iter(first.protocols))
    rows = [
        Row(method, scores=_scores(first, method, protocol))
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
    return Table(
        name, first.dataset, first.scale, protocol, places, metrics, [*perturbations], device, rows, [*notes]
    )  # fmt: skip


def _read(folder: Path, dataset: str) -> tuple[Row, Results]:
    run = read_run(folder)
    found = [one.results for one in run.measured if one.folder.name == dataset]
    if not found:
        raise DataError(f"{folder}: was not measured on {dataset}")
    results = found[0]
    row = Row(run.name, parameters=results.about.get("weights", {}).get("parameters"))
    row.seconds_an_image = results.about.get("seconds_an_image")
    if run.log is not None:
        row.iterations, row.minutes = run.log.last_step, round(run.log.seconds / 60, 1)
    return row, results


def _scores(results: Results, method: str, protocol: str) -> dict[str, Summary]:
    return {one.metric: one for one in results.table() if (one.method, one.protocol) == (method, protocol)}


def _same_images(baseline: Row, again: Summary, name: str) -> None:
    before = baseline.scores["psnr"].mean
    if abs(before - again.mean) > 1e-6 * abs(before):
        raise DataError(
            f"{name}: was measured on other images, {baseline.name} gives {again.mean:.4f} there and {before:.4f} "
            "for the systems above it"
        )


def write_table(table: Table, folder: Path) -> list[Path]:
    """Markdown, CSV and JSON."""
    texts = (markdown(table), _csv(table), json.dumps(content(table), indent=1) + "\n")
    paths = [folder / name for name in FILES]
    for path, text in zip(paths, texts, strict=True):
        write_text(path, text)
    return paths


def head(table: Table) -> list[str]:
    """The names of the columns."""
    scores = [f"{how.label} {'up' if how.higher_is_better else 'down'}" for how in table.metrics.values()]
    perturbed = [f"PSNR, reference {how}" for how in table.perturbations]
    return ["system", "parameters", "iterations", "minutes", "s/image", *scores, *perturbed]


def cells(table: Table, row: Row) -> list[str]:
    """One row as text; what does not apply is empty."""
    scores = [table.metrics[key].show(row.scores[key].mean) if key in row.scores else "" for key in table.metrics]
    perturbed = [f"{row.perturbed[how].mean:.2f}" if how in row.perturbed else "" for how in table.perturbations]
    counts = ["" if value is None else f"{value:,}" for value in (row.parameters, row.iterations)]
    times = ["" if row.minutes is None else f"{row.minutes:.1f}"]
    times += ["" if row.seconds_an_image is None else f"{row.seconds_an_image:.2f}"]
    return [row.name, *counts, *times, *scores, *perturbed]


def markdown(table: Table) -> str:
    """The table for a page, under a line that says what was measured."""
    lines = [head(table), ["---", *("--:" for _ in head(table)[1:])], *(cells(table, row) for row in table.rows)]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{said(table)}\n\n{text}" + "".join(f"\nNote: {note}\n" for note in table.notes)


def said(table: Table) -> str:
    """What the numbers are of."""
    places = f"{table.places} place{'' if table.places == 1 else 's'}"
    return (
        f"{table.name}: {table.dataset}, {places}, x{table.scale}, mean, protocol {table.protocol}, on {table.device}."
    )


def _csv(table: Table) -> str:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    writer.writerow(head(table))
    writer.writerows(cells(table, row) for row in table.rows)
    return line.getvalue()


def content(table: Table) -> dict[str, Any]:
    """The table for machines: means with their intervals."""
    rows = {
        row.name: {
            "parameters": row.parameters,
            "iterations": row.iterations,
            "minutes": row.minutes,
            "seconds_an_image": row.seconds_an_image,
            "scores": {key: _numbers(one) for key, one in row.scores.items()},
            "perturbed": {how: _numbers(one) for how, one in row.perturbed.items()},
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
