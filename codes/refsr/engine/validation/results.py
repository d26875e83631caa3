"""What a validation found: every number with its image, method, protocol and measure, as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.atomic import write_text
from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator

FILE = "results.json"
TABLE_FILE = "scores.csv"
FORMAT = "refsr-results-1"
RESAMPLES = 2000


@dataclass(frozen=True)
class Score:
    """One number; `image` is empty for measures of a whole set."""

    image: str
    method: str
    """A baseline (`nearest`, `bicubic`, `lr_up`), the run, or the run under an ablation (`NAME ref=swap`)."""
    protocol: str
    measure: str
    value: float


@dataclass(frozen=True)
class Summary:
    """One measure of one method over all images: mean, standard deviation, 95 % bootstrap interval of the mean."""

    method: str
    protocol: str
    measure: str
    mean: float
    deviation: float
    low: float
    high: float
    count: int


@dataclass
class Results:
    """All scores of one data set, and what is needed to quote them."""

    run: str
    dataset: str
    scale: int
    methods: list[str]
    """In the order of the table; baselines first."""
    protocols: dict[str, str]
    """What each protocol compares, in words; the first is the one that is quoted by default."""
    measures: dict[str, dict[str, str]]
    """Each measure's unit, whether higher or lower is better, and the library that computed it."""
    scores: list[Score] = field(default_factory=list)
    pictures: dict[str, dict[str, str]] = field(default_factory=dict)
    """By image, then `lr`, `ref`, `hr` or a method: PNG files, relative to the results' folder."""
    about: dict[str, Any] = field(default_factory=dict)
    """`weights` (file, digest, step), `provenance` of the members, `notes`, `not_measured`, `options`, versions."""

    def values(self, method: str, protocol: str, measure: str) -> dict[str, float]:
        """A measure by image."""
        wanted = (method, protocol, measure)
        return {score.image: score.value for score in self.scores if _where(score) == wanted}

    def table(self) -> list[Summary]:
        """The summaries of all methods, protocols and measures, in that order."""
        groups: dict[tuple[str, str, str], list[float]] = {}
        for score in self.scores:
            groups.setdefault(_where(score), []).append(score.value)
        order = {method: place for place, method in enumerate(self.methods)}
        return sorted((summarise(*key, values) for key, values in groups.items()), key=lambda one: order[one.method])

    def write(self, folder: Path) -> None:
        """`results.json` and `scores.csv` in `folder`."""
        content = {
            "format": FORMAT,
            **{name: getattr(self, name) for name in ("run", "dataset", "scale", "methods", "protocols", "measures")},
            "table": [_plain(asdict(one)) for one in self.table()],
            "scores": [_plain(asdict(score)) for score in self.scores],
            "pictures": self.pictures,
            "about": self.about,
        }
        write_text(folder / FILE, json.dumps(content, indent=1, allow_nan=False) + "\n")
        write_text(folder / TABLE_FILE, "".join(self._rows()))

    def _rows(self) -> Iterator[str]:
        """A row an image, method and protocol, a column a measure."""
        line = io.StringIO()
        writer = csv.writer(line, lineterminator="\n")
        rows: dict[tuple[str, str, str], dict[str, float]] = {}
        for score in self.scores:
            rows.setdefault((score.image, score.method, score.protocol), {})[score.measure] = score.value
        writer.writerow(["image", "method", "protocol", *self.measures])
        for key, values in rows.items():
            writer.writerow([*key, *(f"{values[name]:.6f}" if name in values else "" for name in self.measures)])
        yield line.getvalue()

    @staticmethod
    def read(folder: Path) -> Results:
        """The results that a folder holds."""
        file = folder / FILE
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise DataError(f"{file}: is of another version of refsr; run refsr val again")
            content.pop("table")
            scores = [Score(**{**one, "value": float(one["value"])}) for one in content.pop("scores")]
            return Results(**content, scores=scores)
        except FileNotFoundError:
            raise DataError(f"{folder}: holds no {FILE}; refsr val writes it") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{file}: is no results file, or a damaged one") from error


def summarise(method: str, protocol: str, measure: str, values: list[float]) -> Summary:
    """Mean, deviation and interval; the same values always give the same interval."""
    array = np.array(values, dtype=np.float64)
    mean = float(array.mean())
    deviation = float(array.std(ddof=1)) if len(array) > 1 and math.isfinite(mean) else 0.0
    low = high = mean
    if deviation:
        draws = numpy_generator(0, "bootstrap").integers(len(array), size=(RESAMPLES, len(array)))
        low, high = (float(edge) for edge in np.percentile(array[draws].mean(axis=1), (2.5, 97.5)))
    return Summary(method, protocol, measure, mean, deviation, low, high, len(array))


def _where(score: Score) -> tuple[str, str, str]:
    return score.method, score.protocol, score.measure


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Infinite values as text, since JSON has none."""
    return {
        key: repr(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }
