"""Rates of found change, against the same computed from all pixels at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refsr.metrics.change_detection import FALSE_ALARMS, area_under_roc, best_f1, counted, recall


@pytest.fixture
def found():
    """Amounts, larger where something changed, and where that is."""
    draw = np.random.default_rng(2)
    changed = draw.random(5000) < 0.2
    return np.exp(draw.normal(-4 + changed, 0.7)).astype(np.float32), changed


def test_rates_are_those_of_all_thresholds(found):
    amount, changed = found
    table = counted(amount, changed)
    assert table.sum() == len(amount)
    f1 = []
    for threshold in np.unique(amount):
        above = amount >= threshold
        f1.append(2 * (above & changed).sum() / (above.sum() + changed.sum()))
    assert best_f1(table) == pytest.approx(max(f1), abs=2e-3)
    pairs = amount[changed][:, None] > amount[~changed][None]
    assert area_under_roc(table) == pytest.approx(pairs.mean(), abs=1e-3)
    threshold = np.quantile(amount[~changed], 1 - FALSE_ALARMS)
    assert recall(table) == pytest.approx((amount[changed] > threshold).mean(), abs=5e-3)


def test_images_are_counted_one_by_one(found):
    amount, changed = found
    halves = counted(amount[:2000], changed[:2000]) + counted(amount[2000:], changed[2000:])
    assert (halves == counted(amount, changed)).all()


def test_amounts_without_meaning_find_nothing(found):
    _, changed = found
    table = counted(np.full(len(changed), 0.1), changed)
    assert area_under_roc(table) == pytest.approx(0.5)
    assert recall(table) == pytest.approx(FALSE_ALARMS)
    assert best_f1(table) == pytest.approx(2 * changed.mean() / (1 + changed.mean()))


def test_amounts_beyond_the_range_count():
    table = counted(np.array([0.0, 5.0]), np.array([False, True]))
    assert table.sum() == 2
    assert area_under_roc(table) == best_f1(table) == 1


def test_without_changed_ground_there_is_no_rate():
    table = counted(np.array([0.1, 0.2]), np.array([False, False]))
    assert all(math.isnan(rate(table)) for rate in (best_f1, area_under_roc, recall))
