"""The tables of docs/metrics.md: metrics and the weight files that they need."""

from __future__ import annotations

from result_files import word_table

from refsr.metrics.table import METRICS, Metric
from refsr.metrics.weight_files import WEIGHT_FILES

BANDS = {"any": "any", "several": "two or more", "rgb": "three"}


def metrics() -> str:
    """All metrics."""
    head = ("metric", "what it is", "better", "bands", "computed by", "needs")
    return word_table(head, (_row(metric) for metric in METRICS.values()))


def weight_files() -> str:
    """All weight files of metrics."""
    head = ("file", "what it is", "SHA-256 starts with", "included in")
    rows = []
    for wanted in WEIGHT_FILES.values():
        names = " or ".join(f"`{name}`" for name in wanted.names)
        digests = dict.fromkeys(f"`{digest}`" for digest in wanted.names.values())
        shipped = " or ".join(f"`{package_files.project.strip(chr(39))}`" for package_files in wanted.package_files)
        rows.append((names, wanted.about, " or ".join(digests), shipped or "none"))
    return word_table(head, rows)


def _row(metric: Metric) -> tuple[str, ...]:
    better = metric.better + (f", {metric.unit}" if metric.unit else "")
    about = metric.about + ("" if metric.needs_target else "; needs no target")
    about += "; one number for the whole set" if metric.whole_set else ""
    needs = [f"`{package}`" for package in metric.packages]
    needs += [f"`{next(iter(WEIGHT_FILES[key].names))}`" for key in metric.files]
    return f"`{metric.name}`", about, better, BANDS[metric.bands], metric.library, ", ".join(needs) or "nothing"
