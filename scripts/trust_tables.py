"""Tables of how far results can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from result_files import stored, table

Row = dict[str, Any]


def held() -> str:
    """Held to LR: what it does to PSNR and to the difference from LR."""

    def cells(row: Row) -> list[str]:
        psnr = [
            f"{row['psnr off']:.2f}",
            *(f"{row[f'psnr {kind}'] - row['psnr off']:+.3f}" for kind in ("soft", "hard")),
        ]
        distances = [row.get(f"st-lpips-alex {kind}") for kind in ("off", "soft", "hard")]
        apart = ["" if one is None else f"{one:.3f}" for one in distances]
        return [*psnr, *apart, *(f"{row[f'residual {kind}']:.2f}" for kind in ("off", "soft", "hard", "of HR"))]

    head = ["", "set", "PSNR, off", "soft", "hard", "ST-LPIPS, off", "soft", "hard"]
    return table([*head, "difference, off", "soft", "hard", "of HR"], _rows(cells))


def guarded() -> str:
    """References right and wrong, with and without the guard, and parts of their strength."""

    def cells(row: Row) -> list[str]:
        names = (
            "none",
            "strength 0.25",
            "strength 0.5",
            "strength 0.75",
            "right",
            "right guarded",
            "wrong",
            "wrong guarded",
        )
        return [f"{row[name]:.2f}" for name in names]

    head = ["PSNR", "set", "none", "0.25", "0.5", "0.75", "right", "right, guarded", "another place's", "it, guarded"]
    return table(head, _rows(cells))


def intervals() -> str:
    """How many errors lie inside the intervals, and how well large and small ones are told apart."""

    def cells(row: Row) -> list[str]:
        parts = ("inside", "inside, unchanged", "inside, changed")
        parts += tuple(f"inside, {name} contrast" for name in ("low", "middle", "high"))
        shares = ["" if row.get(name) is None else f"{100 * row[name]:.1f}" for name in parts]
        names = ("rank correlation", "rank correlation of neighbours", "rank correlation, LR pixels")
        return [*shares, *("" if name not in row else f"{row[name]:.2f}" for name in names)]

    head = [
        "% inside",
        "set",
        "all",
        "unchanged",
        "changed",
        "low contrast",
        "middle",
        "high",
        "rank, pixels",
        "neighbours' errors",
        "rank, LR pixels",
    ]
    return table(head, _rows(cells))


def areas() -> str:
    """Changed areas of worlds, each by itself."""

    def cells(row: Row) -> list[str]:
        names = ("borrow less", "are likelier changed", "are less sure", "err more", "less sure where they err more")
        shares = (row.get(name) for name in names)
        return [str(row["changed areas"]), *("" if share is None else f"{100 * share:.0f} %" for share in shares)]

    head = ["", "set", "changed areas", "borrow less", "likelier changed", "wider interval", "larger errors", "agree"]
    return table(head, _rows(cells, lambda row: bool(row.get("changed areas"))))


def invented() -> str:
    """What is improved, omitted and made up without a reference, with the right one, and with another place's."""

    def cells(row: Row) -> list[str]:
        ends = ("none", "right", "wrong")
        return [
            " / ".join(f"{100 * row[f'{kind}, {end}']:.1f}" for kind in ("improvement", "omission", "hallucination"))
            for end in ends
        ]

    head = ["% improved / omitted / made up", "set", "no reference", "right", "another place's"]
    return table(head, _rows(cells, lambda row: "hallucination, none" in row))


def change_detection() -> str:
    """Change found since the reference, by method: F1, area under the ROC curve, recall, and that of small areas."""
    sets = stored("change_detection")["sets"]
    methods = next(iter(sets.values()))["methods"]
    rows = [
        [method, *(" / ".join(f"{one['methods'][method][rate]:.2f}" for rate in RATES) for one in sets.values())]
        for method in methods
    ]
    return table(["F1 / AUC / recall / of small areas", *sets], rows)


RATES = ("f1", "auc", "recall", "small")


def _rows(cells: Callable[[Row], list[str]], wanted: Callable[[Row], bool] = lambda row: True) -> Iterator[list[str]]:
    for model, sets in stored("trust")["models"].items():
        for name, row in sets.items():
            if wanted(row):
                yield [model, name, *cells(row)]
