"""Calibration of a model on places with ground truth: how far to hold it to LR, and how large its errors are.

Predictor and intervals are of different places, so that the intervals are split conformal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from refsr.core.errors import DataError
from refsr.core.options.sampling import sampling_with
from refsr.core.options.schema import Options
from refsr.core.progress import ProgressFactory, no_progress
from refsr.core.seeding import numpy_generator
from refsr.data.build import build_dataset
from refsr.evaluation.images import one_batch, to_hwc
from refsr.evaluation.stress import chosen_dataset, run_options
from refsr.evaluation.weights import LoadedNetwork, load_network
from refsr.inference.error_model import CLASSES, FAINT, FEATURES, KNOTS, LEVEL, Restored, features, hinges
from refsr.inference.loaded_model import chosen_device
from refsr.inference.passes import Passes, both_passes, upsampled_lr
from refsr.inference.spread import SAMPLES, Spread, log_deviation
from refsr.inference.trust_options import Consistent, Trust, decide
from refsr.inference.trusted import combined, held_to_lr, trusted
from refsr.networks.descriptor import descriptor_of
from refsr.runs.model_file import model_file_at, write_model
from refsr.tasks.base import Batch, Restore, TiledRestore
from refsr.tasks.restore import restore_function

MOST_FALL = 0.02
"""dB of PSNR that holding results to LR, or guarding them, may cost on any set."""
SOFTNESSES = (1.0, 3.0, 10.0)
FLOORS = tuple(levels / 255 for levels in (1.5, 2.0, 3.0, 4.0, 6.0, 8.0))
FEWEST = 4
"""Places that a calibration needs: both halves have two."""
PIXELS = 20_000
"""Of each place that are looked at."""
RIDGE = 1e-3
SAME = 1e-4
"""A feature whose standard deviation is below this is the same everywhere."""
LEAST_SQUARE = 1 / 12
"""The mean square that rounding to 8 bits makes: a result that is nearer than this is exact, and its PSNR finite."""
BORDER = 4
"""Pixels that PSNR leaves out, as the default protocol does."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """What a model makes of one place, and what is there: images (1, C, s*h, s*w) and LR (1, C, h, w)."""

    set_name: str
    passes: Passes
    lr: Tensor
    lr_up: Tensor
    hr: Tensor

    def on_cpu(self) -> Place:
        """The same in the machine's own memory."""
        passes = Passes(*(image.cpu() for image in self.passes))
        return Place(self.set_name, passes, self.lr.cpu(), self.lr_up.cpu(), self.hr.cpu())

    def psnr(self, trust: Trust) -> float:
        """Of the result that `trust` says, rounded to 8 bits."""
        inner = slice(BORDER, -BORDER)
        pair = ((255 * image.clamp(0, 1)).round()[..., inner, inner] for image in (self.restored(trust)[0], self.hr))
        first, second = pair
        return float(10 * torch.log10(255**2 / (first - second).double().square().mean().clamp(min=LEAST_SQUARE)))

    def restored(self, trust: Trust) -> tuple[Tensor, Tensor]:
        """The result, and what it was before it was held to LR."""
        mixed = combined(self.passes, self.lr, trust)
        return held_to_lr(mixed, self.lr, trust), mixed


def place(restore: Restore, network: nn.Module, batch: Batch, set_name: str) -> Place:
    """The place of a batch with one image, whose `hr` is known."""
    with torch.inference_mode():
        passes = both_passes(restore, network, batch)
    up = upsampled_lr(batch, descriptor_of(network).scale)
    return Place(set_name, passes, batch["lr"], up, batch["hr"])


def calibrated(places: Sequence[Place], response: str = "bicubic", guard: bool = True) -> dict[str, Any]:
    """The section `trust` of a card, from the model's results on places; `guard`: whether those are guarded unasked."""
    if len(places) < FEWEST:
        raise DataError(f"{len(places)} places are too few to calibrate on; expected {FEWEST} or more")
    free = Trust(response=response, guard=False)
    floor = guard_floor(places, free)
    usual = replace(free, guard=guard, guard_floor=floor)
    consistent, softness = least_change(places, usual)
    trust = replace(usual, consistent=consistent, softness=softness)
    pairs = [_sampled(one, trust, number) for number, one in enumerate(places)]
    # Halves of each set: sorted by set, every other place.
    order = sorted(range(len(places)), key=lambda number: (places[number].set_name, number))
    fitted, left = ([pairs[number] for number in order[first::2]] for first in (0, 1))
    counts: dict[str, int] = {}
    for one in places:
        counts[one.set_name] = counts.get(one.set_name, 0) + 1
    return {
        "consistent": consistent,
        "response": response,
        "softness": softness,
        "guard_floor": round(floor, 6),
        "errors": error_model(fitted, left),
        "calibrated_on": counts,
    }


def calibrate_run(
    run: Path,
    dataset: str,
    output: Path,
    response: str = "bicubic",
    limit: int | None = None,
    device: str | None = None,
    progress: ProgressFactory = no_progress,
    samples: int = SAMPLES,
) -> dict[str, Any]:
    """Writes the weights of a run at `output` with a card that was calibrated on one of its data sets.

    A model that samples also gets intervals by the spread over so many seeds.
    """
    options = run_options(run)
    decide({}, response=response)
    network = load_network(model_file_at(run, averaged=options.val.use_ema))
    chosen = options.datasets[chosen_dataset(options, dataset, run)]
    places_of = build_dataset(chosen, options.scale, options.run_seed)
    places_of.serve(descriptor_of(network.module).inputs)
    where = chosen_device(device)
    network.module.to(where)
    restore = restore_function(network.card.model, options.sampling, options.run_seed)
    count = len(places_of) if limit is None else min(limit, len(places_of))
    seen = []
    with progress("calibrating", count) as bar:
        for index in range(count):
            seen.append(place(restore, network.module, one_batch(places_of[index], where), dataset).on_cpu())
            bar.advance()
    stochastic = isinstance(restore, TiledRestore)
    # As LoadedModel.trust has it: the errors are those of results that nobody asked to be guarded.
    trust = calibrated(seen, response, guard=not stochastic)
    if stochastic:
        spreads = []
        with progress("spreads", count) as bar:
            for index in range(count):
                batch = one_batch(places_of[index], where)
                spreads.append(_spread(network, batch, options, decide(trust, guard=False), samples, index))
                bar.advance()
        trust["spread"] = spread_model(spreads, samples)
    weights = {name: tensor.cpu() for name, tensor in network.module.state_dict().items()}
    write_model(output, weights, replace(network.card, trust=trust))
    return trust


def guard_floor(places: Sequence[Place], free: Trust) -> float:
    """The lowest floor at which the guard costs right references no more than MOST_FALL on any set."""
    for floor in FLOORS[:-1]:
        if not _falls(places, replace(free, guard=True, guard_floor=floor), free):
            return floor
    return FLOORS[-1]


def least_change(places: Sequence[Place], free: Trust) -> tuple[Consistent, float]:
    """Hard where that costs no more than MOST_FALL on any set; else as soft as that takes, else off."""
    tried: list[tuple[Consistent, float]] = [("hard", SOFTNESSES[-1]), *(("soft", softness) for softness in SOFTNESSES)]
    for consistent, softness in tried:
        if not _falls(places, replace(free, consistent=consistent, softness=softness), free):
            return consistent, softness
    return "off", SOFTNESSES[-1]


def _falls(places: Sequence[Place], changed: Trust, free: Trust) -> bool:
    """Whether the mean PSNR of any set falls by more than MOST_FALL."""
    found: dict[str, list[float]] = {}
    for one in places:
        found.setdefault(one.set_name, []).append(one.psnr(changed) - one.psnr(free))
    return min(float(np.mean(gains)) for gains in found.values()) < -MOST_FALL


def _sampled(one: Place, trust: Trust, number: int) -> tuple[Values, Values]:
    """Features (N, F) and errors (N, C) of pixels of a place that are drawn."""
    image, mixed = one.restored(trust)
    with torch.inference_mode():
        planes = features(Restored(image, mixed, one.passes.alone, one.lr, one.lr_up))
    apart = (image - one.hr).abs()
    drawn = _drawn(number, image.shape[-2] * image.shape[-1])
    found = (tensor[0].flatten(1)[:, drawn].T.double().numpy() for tensor in (planes, apart))
    known, errors = found
    return known, errors


Sampled = Sequence[tuple[Values, Values]]


def error_model(fitted: Sampled, left: Sampled) -> dict[str, Any]:
    """The section `errors` of a card: the predictor from one half of the places, the half-widths from the other."""
    known, errors = (np.concatenate([pair[part] for pair in fitted]) for part in (0, 1))
    means, stds = known.mean(0), known.std(0)
    constant = stds < SAME
    stds = np.where(constant, 1.0, stds)
    parts = _design(known, means, stds)
    # A feature that says nothing here, such as what a reference brought to a network that takes none, says nothing.
    parts[:, np.append(np.repeat(constant, 1 + len(KNOTS)), False)] = 0
    wanted = np.log(errors + FAINT).mean(1)
    ridge = RIDGE * len(parts) * np.eye(parts.shape[1])
    solved = np.linalg.solve(parts.T @ parts + ridge, parts.T @ wanted)
    known, errors = (np.concatenate([pair[part] for pair in left]) for part in (0, 1))
    predicted = _design(known, means, stds) @ solved
    positions, widths = half_widths(predicted, errors)
    slopes = solved[:-1].reshape(len(FEATURES), -1)

    return {
        "means": _rounded(means),
        "stds": _rounded(stds),
        "slopes": [_rounded(one) for one in slopes],
        "bias": round(float(solved[-1]), 5),
        "predicted": _rounded(positions),
        "half_widths": _rounded(widths),
    }


def half_widths(predicted: Values, errors: Values) -> tuple[Values, Values]:
    """Logarithms of predicted errors (N,) and errors (N, C) -> for each class its mean prediction and its half-width.

    The half-width of a class is the conformal quantile of its errors, and no smaller than that of the class before.
    """
    order = np.argsort(predicted, kind="stable")
    positions, widths = [], []
    for part in np.array_split(order, CLASSES):
        own = np.sort(errors[part].ravel())
        rank = min(len(own) - 1, int(np.ceil((len(own) + 1) * LEVEL)) - 1)
        positions.append(float(predicted[part].mean()))
        widths.append(float(np.log(own[rank] + 1e-6)))
    apart = np.arange(CLASSES) * 1e-4
    return np.maximum.accumulate(np.array(positions)) + apart, np.maximum.accumulate(np.array(widths))


def spread_model(spreads: Sampled, samples: int) -> dict[str, Any]:
    """The section `spread` of a card: half-widths by the logarithm of the deviation over so many seeds."""
    known, errors = (np.concatenate([pair[part] for pair in spreads]) for part in (0, 1))
    positions, widths = half_widths(known, errors)
    return {"samples": samples, "predicted": _rounded(positions), "half_widths": _rounded(widths)}


def _spread(
    network: LoadedNetwork, batch: Batch, options: Options, trust: Trust, samples: int, number: int
) -> tuple[Values, Values]:
    """Logarithms of deviations (N,) as `restore --spread` has them, and errors (N, C), of pixels that are drawn."""
    spread, first = Spread(), options.sampling.seed or 0
    for seed in range(first, first + samples):
        sampling = sampling_with(options.sampling, {"seed": seed})
        restore = trusted(restore_function(network.card.model, sampling, options.run_seed), trust)
        with torch.inference_mode():
            spread.add(to_hwc(restore(network.module, batch)[0]))
    errors = np.abs(spread.first - to_hwc(batch["hr"][0])).reshape(-1, spread.first.shape[2])
    drawn = _drawn(number, len(errors))
    return log_deviation(spread.deviation).ravel()[drawn].astype(np.float64), errors[drawn].astype(np.float64)


def _drawn(number: int, count: int) -> npt.NDArray[np.int64]:
    """Which pixels of a place are looked at."""
    drawn: npt.NDArray[np.int64] = numpy_generator(0, "calibration", number).choice(
        count, min(PIXELS, count), replace=False
    )
    return drawn


def _rounded(values: Values) -> list[float]:
    return [round(float(value), 5) for value in values]


def _design(known: Values, means: Values, stds: Values) -> Values:
    """(N, F) -> (N, F * parts + 1): the parts that the predictor sums, feature by feature, and 1 for the bias."""
    columns: list[Tensor] = []
    for index in range(known.shape[1]):
        columns += hinges(torch.from_numpy(known[:, index]), float(means[index]), float(stds[index]))
    columns.append(torch.ones(len(known), dtype=torch.float64))
    found: Values = torch.stack(columns, 1).numpy()
    return found
