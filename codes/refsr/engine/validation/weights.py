"""Which weights a validation takes, and what there is to say of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from refsr.core.digests import file_digest
from refsr.core.errors import DataError
from refsr.core.options.schema import Options
from refsr.core.shipped import located
from refsr.engine.best import best_step
from refsr.engine.checkpoint import AVERAGE, WEIGHTS, steps
from refsr.engine.model_file import ModelCard, read_model
from refsr.engine.run_folder import RunFolder


@dataclass(frozen=True)
class Weights:
    """A network from a file."""

    file: Path
    network: nn.Module
    card: ModelCard

    @property
    def record(self) -> dict[str, Any]:
        """What a quoted number says of its weights."""
        return {
            "file": str(self.file),
            "sha256": file_digest(self.file),
            "network": self.card.blueprint.network,
            "keywords": dict(self.card.blueprint.keywords),
            "parameters": sum(parameter.numel() for parameter in self.network.parameters()),
            **self.card.origin,
        }


def weights_file(options: Options) -> Path:
    """What the run has learnt, or `path.pretrain_model_G` where it has learnt nothing; averages where there are any.

    Options that do not train name by that key what they measure, so there it comes first.
    """
    run = RunFolder.of(options)
    start = options.path.pretrain_model_G
    if start is not None and (options.train is None or not steps(run.checkpoints)):
        return model_file_at(start, options.val.use_ema)
    return newest_weights(run.path, options.val.use_ema)


def model_file_at(given: Path, averaged: bool = True) -> Path:
    """`given` if it is a file, the file of weights that come along by that name, or the newest in that run's folder."""
    given = located(given)
    return newest_weights(given, averaged) if given.is_dir() else given


def newest_weights(run: Path, averaged: bool = True) -> Path:
    """The file of the network that restores in a run's best checkpoint, else in its newest."""
    checkpoints = RunFolder(run).checkpoints
    found = steps(checkpoints)
    if not found:
        raise DataError(
            f"{run}: has no checkpoint; train first, name weights by path.pretrain_model_G=FILE, "
            "or measure the baselines alone with --baselines"
        )
    best = best_step(checkpoints)
    folder = checkpoints / str(found[-1] if best is None else best)
    average = folder / f"{AVERAGE}{WEIGHTS}"
    return average if averaged and average.exists() else folder / f"G{WEIGHTS}"


def load_weights(file: Path) -> Weights:
    """The network of a model file, with its card."""
    network, card = read_model(file)
    return Weights(file, network, card)
