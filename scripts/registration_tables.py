"""The tables of docs/registration.md: errors, refusals, and other ways beside it."""

from __future__ import annotations

from typing import Any

from result_files import stored, table

KINDS = {
    "all": "all",
    "default": "default worlds",
    "kagglesrd": "worlds like KaggleSRD",
    "rrssrd": "worlds like RRSSRD",
    "weight_above_half": "where the weight is above one half",
}


def errors() -> str:
    """Median and 90th percentile of the error in HR pixels, by scale."""
    worlds = stored("registration")["worlds"]
    rows = [
        [label, *(f"{one[name]['median']:.2f} / {one[name]['p90']:.2f}" for one in worlds.values())]
        for name, label in KINDS.items()
    ]
    rows.append(["CPU seconds a pair", *(f"{one['cpu_seconds_a_pair']:.2f}" for one in worlds.values())])
    return table(["median / 90th percentile, HR px", *worlds], rows)


def real_sets() -> str:
    """Correlation of the gradients of HR and Ref on real sets."""
    rows = [
        [name, f"{one['as_shipped']:.3f}", f"{one['registered']:.3f}", f"{one['accepted']} of {one['of']}"]
        for name, one in stored("registration")["real"].items()
    ]
    return table(["set", "as it lies", "registered", "used"], rows)


def scene() -> str:
    """A large scene at x4, Ref beside its georeference."""
    found = stored("registration")["scene"]["x4"]
    rows = [
        ["median / 90th percentile, HR px", f"{found['all']['median']:.2f} / {found['all']['p90']:.2f}"],
        ["CPU seconds a megapixel of HR", f"{found['cpu_seconds_a_megapixel']:.2f}"],
    ]
    return table([f"scene of {found['megapixels']} megapixels", "x4"], rows)


def others() -> str:
    """Error or correlation, failures and CPU seconds of each way, by group of ten pairs."""
    found: dict[str, dict[str, dict[str, Any]]] = stored("registration-others")
    groups = list(next(iter(found.values())))
    rows = []
    for name, by_group in found.items():
        cells = []
        for one in by_group.values():
            value = one.get("gradient_correlation", one.get("median_error_of_found"))
            cells.append(f"{'none' if value is None else f'{value:.2f}'} / {one['failed']}")
        seconds = [one["cpu_seconds_a_pair"] for one in by_group.values()]
        rows.append([name, *cells, f"{min(seconds):.2f} to {max(seconds):.2f}"])
    return table(["", *groups, "CPU seconds a pair"], rows)
