"""Validation during training: scores of every validation set, restored images, and panels for trackers."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from refsr.core.errors import OutputError
from refsr.core.options.schema import Options
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.sample import Sample
from refsr.evaluation.images import ImageArray, file_name, one_batch, save_png, to_hwc, to_rgb8
from refsr.inference.tiling import restore_tiled
from refsr.metrics.protocols import DEFAULT_PROTOCOL, protocol
from refsr.runs.run_folder import RunFolder
from refsr.training.run_log import RunLog
from refsr.training.setup import TrainingSetup
from refsr.training.sharding import whole_network

logger = logging.getLogger("refsr.run")
PANELS = 4
"""Images of a validation set that trackers show."""
GAP = 4
"""White columns between the images of a panel."""


@dataclass(frozen=True)
class RestoredSample:
    """A sample and its restored image (H, W, C) in [0, 1]."""

    index: int
    sample: Sample
    image: ImageArray


OnRestored = Callable[[RestoredSample], None]


def validate(
    setup: TrainingSetup, step: int, folder: RunFolder, log: RunLog | None, progress: ProgressFactory = no_progress
) -> dict[str, dict[str, float]]:
    """Mean scores by validation set and metric, equal on all processes and logged by the main process.

    Where two networks are measured, the returned scores and the saved images are those of the first; both are logged.
    """
    networks = setup.validated_networks()
    scores: dict[str, dict[str, float]] = {}
    for which, held in networks.items():
        network = whole_network(held, setup.task.specs["G"], setup.group)
        training = network.training
        network.eval()
        for name in setup.validation_sets:
            on_restored = _image_saver(setup, name, step, folder, log) if name not in scores else None
            found = mean_scores(setup, name, network, on_restored, progress)
            scores.setdefault(name, found)
            if log is not None:
                _log_scores(setup, name, step, log, which, len(networks) > 1, found)
        network.train(training)
    return scores


def mean_scores(
    setup: TrainingSetup,
    name: str,
    network: nn.Module,
    on_restored: OnRestored | None,
    progress: ProgressFactory = no_progress,
) -> dict[str, float]:
    """A network's mean scores over a validation set under the default protocol; each process restores its share.

    Where it gives nothing of use, an OutputError, or scores that are no number, as `train.on_nonfinite` says.
    """
    group, dataset, val = setup.group, setup.validation_sets[name], setup.options.val
    count = _image_count(setup, name)
    table = torch.zeros(count, len(setup.metrics), dtype=torch.float64)
    useless = torch.zeros(count, dtype=torch.float64)
    indices = range(group.rank, count, group.world)
    with progress("validating", len(indices)) as bar:
        for index in indices:
            sample = dataset[index]
            batch = one_batch(sample, group.device)
            bar.advance()
            try:
                with torch.inference_mode(), setup.precision.autocast():
                    restored = restore_tiled(setup.restore, network, batch, val.tile, val.tile_overlap, val.tiling)
            except OutputError:
                # Told below, by all processes alike: one that ends alone leaves the others waiting.
                table[index], useless[index] = math.nan, 1
                continue
            image = to_hwc(restored[0])
            pair = protocol(DEFAULT_PROTOCOL).compared(image, to_hwc(sample["hr"]), setup.options.scale)
            table[index] = torch.tensor([metric(*pair) for metric in setup.metrics.values()], dtype=torch.float64)
            if on_restored is not None:
                on_restored(RestoredSample(index, sample, image))
    means = group.total(table).mean(dim=0).tolist()
    if found := int(group.total(useless).sum()):
        settings = setup.options.train
        said = f"{name}: the network gives values that are not finite, or one value, for {found} of {count} images"
        if settings is not None and settings.on_nonfinite == "stop":
            raise OutputError(
                f"validation of {said}; its training diverged, or it needs a wider type (train.precision); "
                "train.on_nonfinite: skip goes on without these scores"
            )
        logger.warning("validation of %s; it has no score", said)
    return dict(zip(setup.metrics, means, strict=True))


def _image_saver(setup: TrainingSetup, name: str, step: int, folder: RunFolder, log: RunLog | None) -> OnRestored:
    """A callback that saves restored images and gives a few panels to the trackers."""
    label = _label(setup, name)

    def on_restored(one: RestoredSample) -> None:
        key = one.sample["name"]
        if setup.options.val.save_images:
            save_png(folder.images / file_name(key) / f"{file_name(key)}_{step}.png", one.image)
        if log is not None and one.index < PANELS * setup.group.world:
            log.image("validation", step, f"{label}/{key}", panel(one.sample, one.image))

    return on_restored


def panel(sample: Sample, restored: ImageArray) -> npt.NDArray[np.uint8]:
    """LR (nearest neighbour), Ref where there is one, the restored image and HR side by side, as 8-bit RGB."""
    lr = to_hwc(sample["lr"])
    times = restored.shape[0] // lr.shape[0]
    images = [lr.repeat(times, axis=0).repeat(times, axis=1)]
    images += [to_hwc(sample["ref"])] if "ref" in sample else []
    images += [restored, to_hwc(sample["hr"])]
    height = max(image.shape[0] for image in images)
    padded = [
        np.pad(to_rgb8(image), ((0, height - image.shape[0]), (0, GAP), (0, 0)), constant_values=255)
        for image in images
    ]
    return np.concatenate(padded, axis=1)[:, :-GAP]


def _log_scores(
    setup: TrainingSetup, name: str, step: int, log: RunLog, which: str, several: bool, found: Mapping[str, float]
) -> None:
    """A log line, an event and curves; lines and curves name the network where there are several."""
    label, count = _label(setup, name), _image_count(setup, name)
    score_text = ", ".join(f"{metric} {value:.4f}" for metric, value in found.items())
    of = f" by {which}" if several else ""
    log.line(f"iteration {step}: {label}{of} ({count} images, {DEFAULT_PROTOCOL}): {score_text}")
    # JSON has no other numbers. PSNR is infinite where an image is restored exactly, such as a black one.
    found = {metric: value for metric, value in found.items() if math.isfinite(value)}
    log.event("validation", step=step, dataset=label, network=which, protocol=DEFAULT_PROTOCOL, images=count, **found)
    ending = f"/{which}" if several else ""
    log.scalars("validation", step, {f"{label}/{metric}{ending}": value for metric, value in found.items()})


def _image_count(setup: TrainingSetup, name: str) -> int:
    """The number of images of a validation set that are measured."""
    limit, count = setup.options.val.max_images, len(setup.validation_sets[name])
    return count if limit is None else min(limit, count)


def _label(setup: TrainingSetup, name: str) -> str:
    """The name of a validation set in logs."""
    return setup.options.datasets[name].name or name


def primary_validation_set(options: Options) -> str | None:
    """The validation set by which checkpoints are compared: `val`, or else the first."""
    names = [name for name in options.datasets if name.startswith("val")]
    return "val" if "val" in names else next(iter(names), None)
