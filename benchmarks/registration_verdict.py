"""What tells a right Ref from another place's: the figures of many right and wrong pairs, for the limits of a verdict.

python benchmarks/registration_verdict.py [--worlds FOLDER] writes benchmarks/results/registration-verdict.json: a row
for each pair, and how many the limits of confidence.py refuse. Places are others than those of registration.py, which
judges. Wrong pairs: worlds of three kinds at x4, x8 and x16, real sets, and ground that repeats. Verdicts are switched
off while pairs are registered, so that the error under a refused transform is known, too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_text
from refsr.core.seeding import numpy_generator
from refsr.core.window import Window
from refsr.ops.resize import imresize
from refsr.registration import Registration, register
from refsr.registration.confidence import reasons_against
from registration import KINDS, REPOSITORY, SCALES, SETS, SIZE, gradient_likeness, pair, real

Array = npt.NDArray[Any]
RESULTS = REPOSITORY / "benchmarks" / "results" / "registration-verdict.json"
FIRST = 1000
"""Place of the first world here."""
WRONG = {4: 200, 8: 300, 16: 300}
"""Wrong pairs of worlds at each scale."""
REPEATING = 45
COLUMNS = ("group", "right", "side", "likeness", "lead", "sides", "local", "matched", "off")


def unjudged(lr: Array, ref: Array, scale: int) -> Registration:
    """A registration that no verdict has emptied."""
    with patch("refsr.registration.pair.reasons_against", return_value=()):
        return register(lr, ref, scale)


def row(group: str, right: bool, lr: Array, scale: int, found: Registration, off: float | None) -> list[Any]:
    """`off` is the median error in LR pixels in worlds; in real sets the gradient correlation of HR and Ref."""
    figures = found.figures
    side = (figures.coverage * 4 * lr.shape[0] * lr.shape[1]) ** 0.5
    numbers = (figures.likeness, figures.lead, figures.sides, figures.likeness_local, figures.matched)
    return [group, right, round(side, 1), *(round(one, 3) for one in numbers), None if off is None else round(off, 3)]


def of_worlds(folder: Path, places: int, scale: int) -> Iterator[list[Any]]:
    """Right pairs of every place, and wrong ones."""
    cases = [pair(folder, FIRST + index, scale) for index in range(places)]
    for case in cases:
        found = unjudged(case.lr, case.ref, scale)
        x, y = found.coordinates(Window(0, 0, SIZE, SIZE))
        off = float(np.median(np.hypot(x - case.x, y - case.y)[case.valid])) / scale
        yield row(f"{case.kind} x{scale}", True, case.lr, scale, found, off)
    both = [(one, (one + step) % places) for step in range(1, places) for one in range(places)]
    for one, other in both[: WRONG[scale]]:
        found = unjudged(cases[one].lr, cases[other].ref, scale)
        yield row(f"{cases[one].kind} x{scale}", False, cases[one].lr, scale, found, None)


def of_real(name: str, likeness: Any) -> Iterator[list[Any]]:
    """Right pairs of a set, and the Refs of the next two places."""
    members = [(lr.astype(np.float32) / 255, ref.astype(np.float32) / 255, hr) for lr, ref, hr in real(name)]
    for index, (lr, ref, hr) in enumerate(members):
        found = unjudged(lr, ref, 4)
        yield row(name, True, lr, 4, found, likeness(hr, found.warp(ref * 255)[0].clip(0, 255)))
        for step in (1, 2):
            yield row(name, False, lr, 4, unjudged(lr, members[(index + step) % len(members)][1], 4), None)


def of_repeating() -> Iterator[list[Any]]:
    """Furrows and rows of cars of one period and direction against others; noise on both."""
    for index in range(REPEATING):
        draw = numpy_generator(SEED, "repeating", index)
        scale = SCALES[index % len(SCALES)]
        lr, ref = (_repeating(draw, draw.uniform(2, 9) * scale, bool(index % 2)) for _ in range(2))
        small = imresize(lr, f"1/{scale}")
        yield row(f"repeating x{scale}", False, small, scale, unjudged(small, ref, scale), None)


SEED = 91


def _repeating(draw: np.random.Generator, period: float, rows_of_cars: bool) -> Array:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    angle = draw.uniform(0, np.pi)
    along, across = columns * np.cos(angle) + rows * np.sin(angle), rows * np.cos(angle) - columns * np.sin(angle)
    image = 0.5 + 0.3 * np.sin(2 * np.pi * along / period)
    if rows_of_cars:
        image = image * (0.6 + 0.4 * (across // (2 * period) % 2))
    noise = cv2.GaussianBlur(draw.normal(0, 0.05, image.shape), (0, 0), 1.5)
    return np.asarray(image + noise, np.float32)[:, :, None].repeat(3, axis=2)


def refused(rows: list[list[Any]]) -> dict[str, Any]:
    """How many of each group and of all the limits refuse."""
    from types import SimpleNamespace

    counts: dict[str, dict[str, list[int]]] = {"wrong": {}, "right": {}}
    for one in rows:
        values = dict(zip(COLUMNS, one, strict=True))
        figures: Any = SimpleNamespace(
            **values, evidence=values["likeness"] + values["lead"] + values["sides"], coverage=1.0
        )
        against = bool(reasons_against(figures, round(values["side"] ** 2)))
        for group in (values["group"], "all"):
            count = counts["right" if values["right"] else "wrong"].setdefault(group, [0, 0])
            count[0] += against
            count[1] += 1
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, default=30, help=f"of {len(KINDS)} kinds of worlds")
    parser.add_argument("--worlds", type=Path, help="where wide scenes are or shall be kept")
    parser.add_argument("--judge", action="store_true", help="judge the stored rows again, with the limits of today")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.judge:
        rows = json.loads(RESULTS.read_text())["rows"]
    else:
        rows = list(of_repeating())
        with tempfile.TemporaryDirectory() as temporary:
            folder = arguments.worlds or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            for scale in reversed(SCALES):
                rows += of_worlds(folder, arguments.places, scale)
                print(f"worlds x{scale}", flush=True)
        likeness = gradient_likeness()
        for name in SETS if likeness is not None else ():
            rows += of_real(name, likeness)
    found = {"refused_of": refused(rows), "columns": COLUMNS, "rows": rows}
    lines = ",\n".join("  " + json.dumps(one) for one in rows)
    head = json.dumps({**found, "rows": []}, indent=1).removesuffix("[]\n}")
    write_text(RESULTS, f"{head}[\n{lines}\n ]\n}}\n")
    print(json.dumps(found["refused_of"]))


if __name__ == "__main__":
    main()
