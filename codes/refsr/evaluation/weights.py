"""Which weights a validation takes, and what there is to say of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from refsr.core.digests import file_digest
from refsr.core.errors import DataError
from refsr.core.options.schema import Options
from refsr.runs.model_file import ModelCard, model_file_at, read_model
from refsr.runs.run_folder import RunFolder, checkpoint_steps


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
    learnt = bool(checkpoint_steps(run.checkpoints))
    start = options.path.pretrain_model_G
    if start is not None and (options.train is None or not learnt):
        return model_file_at(start, averaged=options.val.use_ema)
    if not learnt:
        raise DataError(
            f"{run.path}: has no checkpoint; train first, name weights by path.pretrain_model_G=FILE, "
            "or metric the baselines alone with --baselines"
        )
    return model_file_at(run.path, averaged=options.val.use_ema)


def load_weights(file: Path) -> Weights:
    """The network of a model file, with its card."""
    network, card = read_model(file)
    return Weights(file, network, card)
