"""Learning-rate schedules as pure functions of the iteration, so that a resumed run has no state to restore."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from refsr.core.errors import UsageError, suggestion
from refsr.core.options.train import TrainOptions


@dataclass(frozen=True)
class LRSchedule:
    """A learning-rate schedule; its fields are the published options of the same meaning.

    Iterations count from one, and iteration k has the rate that the published schedulers give after k steps.
    """

    scheme: str
    niter: int
    steps: tuple[int, ...] = ()
    gamma: float = 0.5
    periods: tuple[int, ...] = ()
    eta_min: float = 0.0
    restarts: tuple[int, ...] = ()
    restart_weights: tuple[float, ...] = ()
    clear_state: bool = False
    warmup: int = -1
    from_start: bool = False
    """Iteration k has the rate after k - 1 steps."""
    ramp_images: float = 0
    batch: int = 1
    """Images of an iteration, for the ramp, which counts images."""

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            known = ", ".join(SCHEMES)
            raise UsageError(
                f"lr_scheme {self.scheme!r} is not known{suggestion(self.scheme, SCHEMES)} (known: {known})"
            )
        if self.restart_weights and len(self.restart_weights) != len(self.restarts):
            raise UsageError(
                f"restart_weights has length {len(self.restart_weights)}, but restarts has length {len(self.restarts)}"
            )
        reached = sum(restart < self.niter for restart in self.restarts)
        if self.scheme == "CosineAnnealingLR_Restart" and len(self.periods) <= reached:
            raise UsageError(
                f"T_period has length {len(self.periods)}; {reached} restarts within niter need {reached + 1}"
            )

    @staticmethod
    def of(train: TrainOptions, batch: int = 1) -> LRSchedule:
        """The schedule that the train section asks for."""
        return LRSchedule(
            train.lr_scheme,
            train.niter,
            steps=tuple(train.lr_steps),
            gamma=train.lr_gamma,
            periods=tuple(train.T_period),
            eta_min=train.eta_min,
            restarts=tuple(train.restarts or ()),
            restart_weights=tuple(train.restart_weights or ()),
            clear_state=train.clear_state,
            warmup=train.warmup_iter,
            from_start=train.lr_from_start,
            ramp_images=train.lr_ramp_images,
            batch=batch,
        )

    def lr(self, iteration: int, initial: float) -> float:
        """The rate of an iteration for an optimiser that starts at `initial`.

        A warm-up scales what the scheme gives. The published one overwrote it instead, and as the schedulers build on
        the rate they find, it never reached its initial value afterwards.
        """
        rate = SCHEMES[self.scheme](self, iteration - self.from_start, initial)
        if self.ramp_images:
            rate *= min((iteration - 1) * self.batch / self.ramp_images, 1.0)
        return rate * iteration / self.warmup if iteration < self.warmup else rate

    def clears_moments(self, iteration: int) -> bool:
        """Whether the optimiser's moments are cleared before this iteration."""
        return self.clear_state and self.scheme == "MultiStepLR" and iteration - 1 in self.restarts

    def last_restart(self, iteration: int) -> tuple[int, int | None]:
        """The iteration after the last restart and that restart's number; 0 and None before the first."""
        reached = [restart for restart in self.restarts if restart < iteration]
        return (reached[-1] + 1, len(reached) - 1) if reached else (0, None)

    def restarted(self, initial: float, restart: int | None) -> float:
        """The learning rate at the start of that restart."""
        if restart is None or not self.restart_weights:
            return initial
        return initial * self.restart_weights[restart]


def _constant(schedule: LRSchedule, iteration: int, initial: float) -> float:
    return initial


def _multi_step(schedule: LRSchedule, iteration: int, initial: float) -> float:
    """A step at the iteration of a restart has no effect, as published; one listed twice counts twice."""
    start, restart = schedule.last_restart(iteration)
    passed = sum(start < step <= iteration for step in schedule.steps)
    return schedule.restarted(initial, restart) * schedule.gamma**passed


def _cosine_restart(schedule: LRSchedule, iteration: int, initial: float) -> float:
    """The published recursion in closed form: beyond its period it rises again, then towards the unweighted rate."""
    start, restart = schedule.last_restart(iteration)
    period = schedule.periods[0 if restart is None else restart + 1]
    since = iteration - start
    top = schedule.restarted(initial, restart) if since <= period else initial
    return _between(schedule.eta_min, top, (1 + math.cos(math.pi * since / period)) / 2)


def _linear(schedule: LRSchedule, iteration: int, initial: float) -> float:
    return _between(schedule.eta_min, initial, 1 - min(1.0, iteration / schedule.niter))


def _cosine(schedule: LRSchedule, iteration: int, initial: float) -> float:
    share = min(1.0, iteration / schedule.niter)
    return _between(schedule.eta_min, initial, (1 + math.cos(math.pi * share)) / 2)


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share


SCHEMES: dict[str, Callable[[LRSchedule, int, float], float]] = {
    "constant": _constant,
    "MultiStepLR": _multi_step,
    "CosineAnnealingLR_Restart": _cosine_restart,
    "linear": _linear,
    "cosine": _cosine,
}
