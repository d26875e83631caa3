"""Answers for learning-rate schedules of every system, and for the ramps of Ref-Diff's training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.case import Case
from harness.run import Answers
from refsr.core.options.train import TrainOptions
from refsr.training.ema import ema_decay
from refsr.training.lr_schedule import LRSchedule

KIMG = 1000
"""Images of Ref-Diff's unit of training."""


def iterations(case: Case) -> Answers:
    """RRSGAN's and RGTGAN's rate of each iteration, times 1e4, and where the moments are forgotten."""
    answers: dict[str, npt.ArrayLike] = {}
    for name, run in case.config["runs"].items():
        options = {key: value for key, value in run.items() if key not in ("scheme", "lr")}
        schedule = LRSchedule.of(TrainOptions(lr_scheme=run["scheme"], **options))
        steps = range(1, run["niter"] + 1)
        answers[name] = np.array([schedule.lr(step, run["lr"]) for step in steps]) * 1e4
        answers[f"{name}_cleared"] = np.array([step for step in steps if schedule.clears_moments(step)])
    return answers


def cosine(case: Case) -> Answers:
    """SpecGAN's rate of both networks at each iteration, counted from zero."""
    config = case.config
    train = TrainOptions(niter=config["total_iters"], lr_scheme="cosine", eta_min=config["min_lr"], lr_from_start=True)
    schedule = LRSchedule.of(train)
    return {"lr": [[schedule.lr(at + 1, config["base_lr"])] * 2 for at in config["iterations"]]}


def epochs(case: Case) -> Answers:
    """TSFNet's rate of each epoch: a milestone is the last one before the rate falls."""
    config = case.config
    milestones = tuple(milestone + 1 for milestone in config.get("milestones", ()))
    schedule = LRSchedule("MultiStepLR", config["epochs"], steps=milestones, gamma=config.get("gamma", 0.5))
    # The published loop leaves out the last epoch of its option.
    run = range(1, config["epochs"])
    return {"lr_per_epoch": np.array([schedule.lr(epoch, config["lr"]) for epoch in run]), "epochs_run": len(run)}


def ramps(case: Case) -> Answers:
    """Ref-Diff's learning rates and EMA decays after so many images."""
    seen = case.config["cur_nimg"]
    answers: dict[str, npt.ArrayLike] = {}
    for name, of in case.config.get("lr", {}).items():
        schedule = LRSchedule("constant", 1, ramp_images=max(of["lr_rampup_kimg"] * KIMG, 1e-8))
        answers[f"lr_{name}"] = [schedule.lr(images + 1, of["lr"]) for images in seen]
    for name, of in case.config.get("ema", {}).items():
        answers[f"beta_{name}"] = [ema_decay(averaging(of), images, of["batch_size"]) for images in seen]
    return answers


def averaging(config: Mapping[str, Any], **others: Any) -> TrainOptions:
    """The train section with a case's half-life and ramp of the averaged copy."""
    # A half-life of zero has no average of ours; the smallest one has no memory either.
    halflife = max(config["ema_halflife_kimg"] * KIMG, 1e-8)
    return TrainOptions(
        niter=1, ema_halflife_images=halflife, ema_ramp=config.get("ema_rampup_ratio"), val_freq=0, **others
    )
