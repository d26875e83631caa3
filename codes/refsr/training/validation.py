"""Validation inside a run: scores of every validation set, restored images, and a few panels to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from refsr.core.options.schema import Options
from refsr.core.progress import ProgressFactory, no_progress
from refsr.evaluation.measuring import Restored, quick_scores
from refsr.evaluation.pictures import file_name, panel, save
from refsr.inference.tiling import restore_tiled
from refsr.metrics.protocols import DEFAULT_PROTOCOL
from refsr.runs.run_folder import RunFolder
from refsr.training.journal import Journal
from refsr.training.setup import Setup

PANELS = 4


def validate(
    setup: Setup, step: int, folder: RunFolder, journal: Journal | None, progress: ProgressFactory = no_progress
) -> dict[str, dict[str, float]]:
    """Mean scores by validation set and metric, equal on all processes; the main process's journal tells of them.

    Where two networks are measured, these are the scores of the first, as are the images that are kept; the journal
    tells of both.
    """
    networks = setup.validated_networks()
    scores: dict[str, dict[str, float]] = {}
    for which, network in networks.items():
        training = network.training
        network.eval()
        for name in setup.validation_sets:
            seen = _keeper(setup, name, step, folder, journal) if name not in scores else None
            found = _measured(setup, name, network, seen, progress)
            scores.setdefault(name, found)
            if journal is not None:
                _tell(setup, name, step, journal, which, len(networks) > 1, found)
        network.train(training)
    return scores


def _measured(
    setup: Setup, name: str, network: nn.Module, seen: Callable[[Restored], None] | None, progress: ProgressFactory
) -> dict[str, float]:
    """A network's mean scores over a validation set."""
    wishes = setup.options.val

    def restore(batch: Mapping[str, object]) -> Tensor:
        with setup.precision.autocast():
            return restore_tiled(setup.restore, network, batch, wishes.tile, wishes.tile_overlap, wishes.tiling)

    dataset, limit = setup.validation_sets[name], wishes.max_images
    return quick_scores(dataset, restore, setup.judges, setup.group, setup.options.scale, limit, seen, progress)


def _keeper(
    setup: Setup, name: str, step: int, folder: RunFolder, journal: Journal | None
) -> Callable[[Restored], None]:
    """Writes restored images, and gives the journal a few panels."""
    label = _label(setup, name)

    def seen(one: Restored) -> None:
        if setup.options.val.save_images:
            save(folder.images / file_name(one.name) / f"{file_name(one.name)}_{step}.png", one.image)
        if journal is not None and one.index < PANELS * setup.group.world:
            journal.picture(step, f"{label}/{one.name}", panel(one.sample, one.image))

    return seen


def _tell(
    setup: Setup, name: str, step: int, journal: Journal, which: str, several: bool, found: Mapping[str, float]
) -> None:
    """A line, an event and curves; lines and curves name the network where there are several."""
    label, limit, count = _label(setup, name), setup.options.val.max_images, len(setup.validation_sets[name])
    count = count if limit is None else min(limit, count)
    words = ", ".join(f"{metric} {value:.4f}" for metric, value in found.items())
    of = f" by {which}" if several else ""
    journal.say(f"iteration {step}: {label}{of} ({count} images, {DEFAULT_PROTOCOL}): {words}")
    journal.event(
        "validation", step=step, dataset=label, network=which, protocol=DEFAULT_PROTOCOL, images=count, **found
    )
    ending = f"/{which}" if several else ""
    journal.curve(step, {f"{label}/{metric}{ending}": value for metric, value in found.items()})


def _label(setup: Setup, name: str) -> str:
    """What people call a validation set."""
    return setup.options.datasets[name].name or name


def primary(options: Options) -> str | None:
    """The validation set by which checkpoints are compared: `val`, or else the first."""
    names = [name for name in options.datasets if name.startswith("val")]
    return "val" if "val" in names else next(iter(names), None)
