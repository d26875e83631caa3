"""How well changed ground is found where an amount exceeds a threshold: rates over all thresholds.

Amounts are counted in classes of their logarithm, so that a whole set needs no more memory than one image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]

CLASSES = 2000
LEAST = 1e-5
"""Amounts of [0, 1] below this are of the first class."""
FALSE_ALARMS = 0.05
"""The share of the unchanged ground at which recall is quoted."""


def counted(amount: Array, changed: Array) -> Counts:
    """Amounts in [0, 1] and where the ground changed -> (2, CLASSES): unchanged and changed pixels by amount."""
    share = 1 - np.log(np.clip(amount, LEAST, 1)) / np.log(LEAST)
    classes = np.minimum((share * CLASSES).astype(np.int64), CLASSES - 1)
    both = np.bincount(changed.ravel() * CLASSES + classes.ravel(), minlength=2 * CLASSES)
    return both.reshape(2, CLASSES)


def best_f1(table: Array) -> float:
    """F1 at the threshold that is best for all pixels counted; NaN where nothing changed."""
    false, right = _found(table)
    if right[-1] == 0:
        return float("nan")
    return float((2 * right / (false + right + right[-1])).max())


def area_under_roc(table: Array) -> float:
    """The share of pairs of a changed and an unchanged pixel in which the changed one differs more."""
    false, right = _found(table)
    if right[-1] == 0 or false[-1] == 0:
        return float("nan")
    return float((np.diff(false) * (right[1:] + right[:-1])).sum() / (2 * false[-1] * right[-1]))


def recall(table: Array) -> float:
    """The share of changed pixels found at the threshold that FALSE_ALARMS of the unchanged ones exceed."""
    false, right = _found(table)
    if right[-1] == 0 or false[-1] == 0:
        return float("nan")
    return float(np.interp(FALSE_ALARMS, false / false[-1], right / right[-1]))


def _found(table: Array) -> tuple[Array, Array]:
    """Unchanged and changed pixels above each threshold, from the highest, above which there is none, to the lowest."""
    above = np.pad(table[:, ::-1].astype(np.float64).cumsum(axis=1), ((0, 0), (1, 0)))
    return above[0], above[1]
