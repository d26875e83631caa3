"""The results of an evaluation: every score with its image, method, protocol and metric, as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.atomic import write_text
from refsr.core.errors import DataError
from refsr.core.foreign_files import read_record
from refsr.core.seeding import numpy_generator

FOLDER = "results"
"""Of a run, with a folder for each data set."""
FILE = "results.json"
TABLE_FILE = "scores.csv"
CLASSES_FILE = "classes.csv"
FORMAT = "refsr-results-1"
RESAMPLES = 2000
ABLATION = " ref="
"""Between a run's name and the perturbation of its reference."""
PERTURBABLE = {"ref": "reference", "hsi": "cube"}
"""Inputs that an ablation perturbs, by the word before the equals sign."""


def split_method(method: str) -> tuple[str, str, str]:
    """A method's run, what was perturbed (`reference`, `cube`) and how; both empty where nothing was perturbed."""
    for word, what in PERTURBABLE.items():
        run, mark, perturbation = method.rpartition(f" {word}=")
        if mark:
            return run, what, perturbation
    return method, "", ""


def class_of(image: str) -> str:
    """The class of an image: the folder part of its name, `class/name`; empty where there is none."""
    return image.rpartition("/")[0]


def classes_of(images: Iterable[str]) -> list[str]:
    """The classes of these images in alphabetical order; none unless there are at least two."""
    found = sorted({class_of(image) for image in images} - {""})
    return found if len(found) > 1 else []


@dataclass(frozen=True)
class Score:
    """One number; `image` is empty for metrics of a whole set."""

    image: str
    method: str
    """A baseline (`nearest`, `bicubic`, `lr_up`), the run, or the run under an ablation (`NAME ref=swap`)."""
    protocol: str
    metric: str
    value: float


@dataclass(frozen=True)
class Summary:
    """One metric of one method over all images: mean, standard deviation, 95 % bootstrap interval of the mean."""

    method: str
    protocol: str
    metric: str
    mean: float
    std: float
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
    """What each protocol compares, in words; the first one is quoted by default."""
    metrics: dict[str, dict[str, str]]
    """Each metric's unit, whether higher or lower is better, and the library that computed it."""
    scores: list[Score] = field(default_factory=list)
    pictures: dict[str, dict[str, str]] = field(default_factory=dict)
    """By image, then `lr`, `ref`, `hr` or a method: PNG files, relative to the results' folder."""
    about: dict[str, Any] = field(default_factory=dict)
    """`weights` (file, digest, step), `provenance` of the members, `notes`, `not_measured`, `options`, versions."""

    def values(self, method: str, protocol: str, metric: str) -> dict[str, float]:
        """A metric by image."""
        wanted = (method, protocol, metric)
        return {score.image: score.value for score in self.scores if _where(score) == wanted}

    @property
    def classes(self) -> list[str]:
        """The classes of the images, two or more; none where images do not lie in class folders."""
        return classes_of(score.image for score in self.scores)

    def table(self, of_class: str | None = None) -> list[Summary]:
        """The summaries of all methods, protocols and metrics, in that order; over one class if it is named."""
        groups: dict[tuple[str, str, str], list[float]] = {}
        for score in self.scores:
            if of_class is None or class_of(score.image) == of_class:
                groups.setdefault(_where(score), []).append(score.value)
        order = {method: place for place, method in enumerate(self.methods)}
        return sorted((summarise(*key, values) for key, values in groups.items()), key=lambda one: order[one.method])

    def write(self, folder: Path) -> None:
        """`results.json` and `scores.csv` in `folder`, and `classes.csv` where images have classes."""
        by_class = {name: self.table(name) for name in self.classes}
        content = {
            "format": FORMAT,
            **{name: getattr(self, name) for name in ("run", "dataset", "scale", "methods", "protocols", "metrics")},
            "table": [_plain(asdict(one)) for one in self.table()],
            "classes": {name: [_plain(asdict(one)) for one in table] for name, table in by_class.items()},
            "scores": [_plain(asdict(score)) for score in self.scores],
            "pictures": self.pictures,
            "about": self.about,
        }
        write_text(folder / FILE, json.dumps(content, indent=1, allow_nan=False) + "\n")
        values = ((score.image, score.method, score.protocol, score.metric, score.value) for score in self.scores)
        write_text(folder / TABLE_FILE, self._rows("image", values))
        if by_class:
            means = (
                (name, one.method, one.protocol, one.metric, one.mean) for name, of in by_class.items() for one in of
            )
            write_text(folder / CLASSES_FILE, self._rows("class", means))

    def _rows(self, first: str, values: Iterable[tuple[str, str, str, str, float]]) -> str:
        """CSV with a row for each image or class, method and protocol, and a column a metric."""
        line = io.StringIO()
        writer = csv.writer(line, lineterminator="\n")
        rows: dict[tuple[str, str, str], dict[str, float]] = {}
        for *key, metric, value in values:
            rows.setdefault((key[0], key[1], key[2]), {})[metric] = value
        writer.writerow([first, "method", "protocol", *self.metrics])
        for names, row in rows.items():
            writer.writerow([*names, *(f"{row[name]:.6f}" if name in row else "" for name in self.metrics)])
        return line.getvalue()

    @staticmethod
    def read(folder: Path) -> Results:
        """The results that a folder holds."""
        file = folder / FILE
        if not file.exists():
            raise DataError(f"{folder}: holds no {FILE}; refsr val writes it")
        content = read_record(file, "results file")
        try:
            if content.pop("format") != FORMAT:
                raise DataError(f"{file}: is of another version of refsr; run refsr val again")
            content.pop("table")
            content.pop("classes", None)
            scores = [Score(**{**one, "value": float(one["value"])}) for one in content.pop("scores")]
            results = Results(**content, scores=scores)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{file}: is no results file, or a damaged one") from error
        problem = _problem(results)
        if problem:
            raise DataError(f"{file}: is damaged: {problem}")
        return results


def results_folders(run: Path) -> list[Path]:
    """Folders with results: below `results` in a run's folder, or directly below a `results` folder."""
    below = run / FOLDER
    return sorted(file.parent for file in (below if below.is_dir() else run).glob(f"*/{FILE}"))


def picture_file(folder: Path, name: str) -> Path:
    """A picture of the results in a folder; a DataError for one that lies elsewhere."""
    file = folder / name
    if not file.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{name}: leads out of its folder, {folder}")
    return file


def _problem(results: Results) -> str:
    """What is wrong with a results file; empty if nothing."""
    kinds = (results.protocols, results.metrics, results.pictures, results.about)
    if not all(isinstance(one, dict) for one in kinds) or not isinstance(results.methods, list):
        return "an entry has the wrong type"
    texts = [results.run, results.dataset, *results.methods, *results.protocols, *results.metrics]
    if not all(isinstance(one, str) for one in texts):
        return "a name is not text"
    if not isinstance(results.scale, int):
        return "its scale is not a whole number"
    if not all(isinstance(one, dict) for one in (*results.metrics.values(), *results.pictures.values())):
        return "an entry has the wrong type"
    if not all(isinstance(name, str) for named in results.pictures.values() for name in named.values()):
        return "a picture is not a file name"
    for score in results.scores:
        if not all(isinstance(one, str) for one in (score.image, score.method, score.protocol, score.metric)):
            return "a name is not text"
        if score.method not in results.methods:
            return f"a score of {score.method!r}, which is not among its methods"
    return ""


def summarise(method: str, protocol: str, metric: str, values: list[float]) -> Summary:
    """Mean, standard deviation and interval; the same values always give the same interval."""
    array = np.array(values, dtype=np.float64)
    mean = float(array.mean())
    std = float(array.std(ddof=1)) if len(array) > 1 and math.isfinite(mean) else 0.0
    low = high = mean
    if std:
        draws = numpy_generator(0, "bootstrap").integers(len(array), size=(RESAMPLES, len(array)))
        low, high = (float(edge) for edge in np.percentile(array[draws].mean(axis=1), (2.5, 97.5)))
    return Summary(method, protocol, metric, mean, std, low, high, len(array))


def _where(score: Score) -> tuple[str, str, str]:
    return score.method, score.protocol, score.metric


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Infinite values as text, since JSON has none."""
    return {
        key: repr(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }
