"""Which weights an evaluation uses, and the record of them in the results."""

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
class LoadedNetwork:
    """A network from a model file, with its card."""

    file: Path
    module: nn.Module
    card: ModelCard

    @property
    def record(self) -> dict[str, Any]:
        """What results say about the weights."""
        return {
            "file": str(self.file),
            "sha256": file_digest(self.file),
            "network": self.card.spec.network,
            "keywords": dict(self.card.spec.keywords),
            "parameters": sum(parameter.numel() for parameter in self.module.parameters()),
            **self.card.origin,
        }


def weights_file(options: Options) -> Path:
    """The run's trained weights, or `path.pretrain_model_G` if it has none; the averaged copy where there is one.

    In options without a section `train`, `path.pretrain_model_G` names the weights to measure and comes first.
    """
    run = RunFolder.of(options)
    trained = bool(checkpoint_steps(run.checkpoints))
    start = options.path.pretrain_model_G
    if start is not None and (options.train is None or not trained):
        return model_file_at(start, averaged=options.val.use_ema)
    if not trained:
        raise DataError(
            f"{run.path}: has no checkpoint; train first, name weights by --weights or path.pretrain_model_G=FILE, "
            "or measure the baselines alone with --baselines"
        )
    return model_file_at(run.path, averaged=options.val.use_ema)


def load_network(file: Path) -> LoadedNetwork:
    """The network of a model file, with its card."""
    network, card = read_model(file)
    return LoadedNetwork(file, network, card)
