"""A network on disk: its weights, how it is built, which task restores with it, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from refsr.core.errors import DataError, RefsrError
from refsr.core.version import __version__
from refsr.runs.tensor_file import read_tensors, write_tensors
from refsr.tasks.blueprint import NetworkSpec

FORMAT = "refsr-model-1"


@dataclass(frozen=True)
class ModelCard:
    """What a model file says beside its weights."""

    blueprint: NetworkSpec
    model: str
    """The task, by its name in option files, whose way of restoring the network is for."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Where the weights came from: run, step and options, or a published file and its digest."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """How its task samples where nobody asks for anything else: what the run's section `sampling` said."""
    masks: Mapping[str, Any] = field(default_factory=dict)
    """How change masks became numbers while it learnt, as MaskOptions has it: `encoding` and `values`."""
    cubes: Mapping[str, Any] = field(default_factory=dict)
    """How cubes were read while it learnt, as a data set's options have it: `range_hsi`, `bands_hsi` and `hsi`."""


def write_model(path: str | Path, weights: Mapping[str, Tensor], card: ModelCard) -> None:
    """A network's state dict and card at `path`, whole or not at all."""
    header = {
        "format": FORMAT,
        "refsr": __version__,
        "network": card.blueprint.network,
        "keywords": json.dumps(dict(card.blueprint.keywords), sort_keys=True),
        "model": card.model,
        "origin": json.dumps(dict(card.origin), sort_keys=True),
        "sampling": json.dumps(dict(card.sampling), sort_keys=True),
        "masks": json.dumps(dict(card.masks), sort_keys=True),
        "cubes": json.dumps(dict(card.cubes), sort_keys=True),
    }
    write_tensors(path, weights, header)


def read_card(header: Mapping[str, str], path: str | Path) -> ModelCard:
    """The card in a file's header."""
    if header.get("format") != FORMAT:
        raise DataError(
            f"{path}: is no model file of refsr (its format is {header.get('format', 'not named')!r}); "
            "refsr import makes one from published weights"
        )
    blueprint = NetworkSpec(header["network"], json.loads(header["keywords"]))
    sampling, masks, cubes = (json.loads(header.get(name, "{}")) for name in ("sampling", "masks", "cubes"))
    return ModelCard(blueprint, header["model"], json.loads(header["origin"]), sampling, masks, cubes)


def read_model(path: str | Path) -> tuple[nn.Module, ModelCard]:
    """The network in evaluation mode on the CPU, and its card."""
    weights, header = read_tensors(path)
    card = read_card(header, path)
    try:
        network = card.blueprint.build()
    except (TypeError, RefsrError) as error:
        raise DataError(f"{path}: its network {card.blueprint.network} cannot be built: {error}") from error
    fit_weights(network, weights, path)
    return network.eval(), card


def fit_weights(network: nn.Module, weights: Mapping[str, Tensor], source: object, strict: bool = True) -> list[str]:
    """Loads the weights; keys that do not fit are a DataError, or are returned as lines where `strict` is off."""
    wanted = network.state_dict()
    problems = [f"{key}: is missing" for key in wanted if key not in weights]
    problems += [f"{key}: is not known" for key in weights if key not in wanted]
    problems += [
        f"{key}: has shape {tuple(weights[key].shape)}, expected {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in weights and weights[key].shape != tensor.shape
    ]
    fitting = {key: one for key, one in weights.items() if key in wanted and wanted[key].shape == one.shape}
    if problems and (strict or not fitting):
        shown = "".join(f"\n  {problem}" for problem in problems[:6])
        more = f"\n  and {len(problems) - 6} more" if len(problems) > 6 else ""
        raise DataError(f"{source}: {len(problems)} keys do not fit the network{shown}{more}")
    network.load_state_dict(fitting, strict=False)
    return problems
