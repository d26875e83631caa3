"""Validation inside a run: scores of every validation set, restored images, and a few panels to look at."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from refsr.core.options.schema import Options
from refsr.core.progress import Begin, silent
from refsr.engine.journal import Journal
from refsr.engine.restoring.tiling import restore_tiled
from refsr.engine.run_folder import RunFolder
from refsr.engine.setup import Setup
from refsr.engine.validation.measuring import Restored, quick_scores
from refsr.engine.validation.pictures import file_name, panel, save
from refsr.metrics.protocols import DEFAULT_PROTOCOL

PANELS = 4


def validate(
    setup: Setup, step: int, folder: RunFolder, journal: Journal | None, begin: Begin = silent
) -> dict[str, dict[str, float]]:
    """Mean scores by validation set and measure, equal on all processes; the chief's journal tells of them."""
    network = setup.shown_network()
    training = network.training
    network.eval()
    wishes = setup.options.val
    scores = {}
    for name, dataset in setup.validation_sets.items():
        label = setup.options.datasets[name].name or name

        def seen(one: Restored, label: str = label) -> None:
            if wishes.save_images:
                save(folder.images / file_name(one.name) / f"{file_name(one.name)}_{step}.png", one.image)
            if journal is not None and one.index < PANELS * setup.group.world:
                journal.picture(step, f"{label}/{one.name}", panel(one.sample, one.image))

        def restore(batch: Mapping[str, object]) -> Tensor:
            with setup.precision.autocast():
                return restore_tiled(setup.restore, network, batch, wishes.tile, wishes.tile_overlap, wishes.tiling)

        limit = wishes.max_images
        found = quick_scores(dataset, restore, setup.judges, setup.group, setup.options.scale, limit, seen, begin)
        scores[name] = found
        if journal is not None:
            count = len(dataset) if limit is None else min(limit, len(dataset))
            words = ", ".join(f"{measure} {value:.4f}" for measure, value in found.items())
            journal.say(f"iteration {step}: {label} ({count} images, {DEFAULT_PROTOCOL}): {words}")
            journal.event("validation", step=step, dataset=label, protocol=DEFAULT_PROTOCOL, images=count, **found)
            journal.curve(step, {f"{label}/{measure}": value for measure, value in found.items()})
    network.train(training)
    return scores


def primary(options: Options) -> str | None:
    """The validation set by which checkpoints are compared: `val`, or else the first."""
    names = [name for name in options.datasets if name.startswith("val")]
    return "val" if "val" in names else next(iter(names), None)
