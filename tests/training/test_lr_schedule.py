"""Learning rates against the published recursions, step by step, and what is done better than there."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsr.core.errors import UsageError
from refsr.core.options.train import TrainOptions
from refsr.training.lr_schedule import SCHEMES, LRSchedule

NITER = 40


def multi_step(steps, gamma, restarts, weights, initial):
    rates, rate = [], initial
    for k in range(1, NITER + 1):
        if k - 1 in restarts:
            rate = initial * weights[restarts.index(k - 1)]
        else:
            rate *= gamma ** steps.count(k)
        rates.append(rate)
    return rates


def cosine(periods, eta, restarts, weights, initial):
    rates, rate, last, period = [], initial, 0, periods[0]
    for k in range(1, NITER + 1):
        since = k - last
        if k - 1 in restarts:
            restart = restarts.index(k - 1)
            last, period, rate = k, periods[restart + 1], initial * weights[restart]
        elif (since - 1 - period) % (2 * period) == 0:
            rate += (initial - eta) * (1 - math.cos(math.pi / period)) / 2
        else:
            now, before = (1 + math.cos(math.pi * one / period) for one in (since, since - 1))
            rate = now / before * (rate - eta) + eta
        rates.append(rate)
    return rates


restarts_and_weights = st.lists(st.integers(1, NITER - 1), unique=True, max_size=3).flatmap(
    lambda restarts: st.tuples(
        st.just(sorted(restarts)),
        st.lists(st.floats(0.1, 2), min_size=len(restarts), max_size=len(restarts)),
    )
)


@given(st.lists(st.integers(1, NITER), max_size=6), st.floats(0.1, 1), restarts_and_weights)
def test_multi_step_equals_the_recursion(steps, gamma, both):
    restarts, weights = both
    schedule = LRSchedule(
        "MultiStepLR", NITER, tuple(steps), gamma, restarts=tuple(restarts), restart_weights=tuple(weights)
    )
    found = [schedule.lr(k, 2e-4) for k in range(1, NITER + 1)]
    assert found == pytest.approx(multi_step(steps, gamma, restarts, weights, 2e-4), rel=1e-9)


# A period of one makes the recursion divide by zero at its second step.
@given(st.lists(st.integers(2, 15), min_size=4, max_size=4), restarts_and_weights)
def test_cosine_equals_the_recursion_beyond_its_period_too(periods, both):
    restarts, weights = both
    schedule = LRSchedule(
        "CosineAnnealingLR_Restart",
        NITER,
        periods=tuple(periods),
        eta_min=1e-7,
        restarts=tuple(restarts),
        restart_weights=tuple(weights),
    )
    found = [schedule.lr(k, 2e-4) for k in range(1, NITER + 1)]
    # The recursion divides by nearly nothing around each lowest point, and keeps the error.
    assert found == pytest.approx(cosine(periods, 1e-7, restarts, weights, 2e-4), rel=1e-4, abs=1e-11)


@pytest.mark.parametrize("scheme", ["linear", "cosine"])
def test_falling_schemes_end_at_the_lowest_rate(scheme):
    schedule = LRSchedule(scheme, NITER, eta_min=1e-6)
    rates = [schedule.lr(k, 1e-3) for k in range(1, NITER + 1)]
    assert rates == sorted(rates, reverse=True)
    assert rates[NITER // 2 - 1] == pytest.approx((1e-3 + 1e-6) / 2)
    assert rates[-1] == pytest.approx(1e-6)
    assert schedule.lr(NITER + 10, 1e-3) == rates[-1]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_warm_up_rises_to_the_scheme_and_leaves_no_trace(scheme):
    plain = LRSchedule(scheme, NITER, steps=(20,), periods=(NITER,))
    warm = LRSchedule(scheme, NITER, steps=(20,), periods=(NITER,), warmup=5)
    for k in range(1, NITER + 1):
        assert warm.lr(k, 1e-4) == pytest.approx(plain.lr(k, 1e-4) * min(1, k / 5))


def test_no_restart_is_no_restart():
    """The published default restarts at the first iteration, which loses a step there."""
    assert LRSchedule("MultiStepLR", NITER, steps=(1,)).lr(1, 1.0) == 0.5


def test_moments_are_forgotten_at_restarts_only_and_only_if_asked():
    asked = LRSchedule("MultiStepLR", NITER, steps=(5,), restarts=(7, 20), clear_state=True)
    assert [k for k in range(1, NITER + 1) if asked.clears_moments(k)] == [8, 21]
    quiet = LRSchedule("MultiStepLR", NITER, steps=(5,), restarts=(7, 20))
    assert not any(quiet.clears_moments(k) for k in range(1, NITER + 1))


def test_the_published_rrsnet_run():
    train = TrainOptions(
        niter=250000,
        lr_G=2e-4,
        lr_scheme="CosineAnnealingLR_Restart",
        T_period=[250000],
        restarts=[250000],
        restart_weights=[1],
        eta_min=1e-7,
        warmup_iter=-1,
    )
    schedule = LRSchedule.of(train)
    assert schedule.lr(125000, train.lr_G) == pytest.approx((2e-4 + 1e-7) / 2)
    assert schedule.lr(250000, train.lr_G) == pytest.approx(1e-7)


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"scheme": "MultiStep"}, "did you mean 'MultiStepLR'"),
        ({"scheme": "CosineAnnealingLR_Restart"}, "T_period has length 0; 0 restarts within niter need 1"),
        ({"scheme": "MultiStepLR", "restarts": (3,), "restart_weights": (1, 2)}, "has length 2, but restarts"),
    ],
)
def test_schedules_that_cannot_be_are_refused(options, answer):
    with pytest.raises(UsageError, match=answer):
        LRSchedule(niter=NITER, **options)
