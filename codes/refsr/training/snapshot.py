"""A run's state as a checkpoint and back: weights, EMA, optimiser state, and what must agree when a run resumes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from refsr.core.errors import DataError
from refsr.core.options.schema import Options
from refsr.core.options.show import plain
from refsr.runs.checkpoint import Checkpoint
from refsr.runs.model_file import AVERAGE, ModelCard, fit_weights
from refsr.training.setup import TrainingSetup
from refsr.training.sharding import part_of, whole


def take_snapshot(setup: TrainingSetup, step: int, facts: Mapping[str, Any]) -> Checkpoint:
    """Everything that determines what follows `step`; where the run is sharded, all processes call this together."""
    task, options = setup.task, setup.options
    kept = setup.group.is_main
    weights = {key: whole(network.state_dict(), kept) for key, network in task.networks.items()}

    def card(key: str, averaged: bool) -> ModelCard:
        origin = {"run": options.name, "step": step, "averaged": averaged}
        sampling = options.sampling.model_dump(exclude_unset=True)
        return ModelCard(task.specs[key], options.model, origin, sampling, mask_record(options), cube_record(options))

    cards = {key: card(key, False) for key in task.networks}
    all_facts = {**facts, "loss_scale": setup.precision.scaler.state_dict(), "agreed": agreed(options)}
    if setup.ema is not None:
        weights[AVERAGE] = whole(setup.ema.module.state_dict(), kept)
        cards[AVERAGE] = card("G", True)
        all_facts["averaged"] = int(setup.ema.n_averaged)
    optimisers = {key: whole(optimiser_tensors(one, task.networks[key]), kept) for key, one in task.optimisers.items()}
    return Checkpoint(step, weights, cards, optimisers, all_facts)


def apply_snapshot(setup: TrainingSetup, checkpoint: Checkpoint, source: object) -> list[str]:
    """Restores the checkpoint's state; returns the differences that make this another run than the interrupted one."""
    task = setup.task
    for key, network in task.networks.items():
        if key not in checkpoint.weights:
            raise DataError(f"{source}: holds no weights of network {key}")
        if checkpoint.cards[key].spec != task.specs[key]:
            found = checkpoint.cards[key].spec
            wanted = task.specs[key]
            raise DataError(
                f"{source}: network {key} is {found.network} {json.dumps(dict(found.keywords))} there, "
                f"{wanted.network} {json.dumps(dict(wanted.keywords))} in the options"
            )
        fit_weights(network, checkpoint.weights[key], source, part=part_of)
        load_optimiser(task.optimisers[key], network, checkpoint.optimisers.get(key, {}), source)
    differences = []
    if setup.ema is not None:
        if AVERAGE in checkpoint.weights:
            fit_weights(setup.ema.module, checkpoint.weights[AVERAGE], source, part=part_of)
            setup.ema.n_averaged.fill_(checkpoint.facts["averaged"])
        else:
            differences.append("the averaged copy starts now, the checkpoint has none")
    if setup.precision.kind == "fp16" and checkpoint.facts.get("loss_scale"):
        setup.precision.scaler.load_state_dict(checkpoint.facts["loss_scale"])
    before, now = checkpoint.facts.get("agreed", {}), agreed(setup.options)
    differences += [f"{key} was {before.get(key)}, is {now[key]}" for key in now if before.get(key) != now[key]]
    return differences


def optimiser_tensors(optimiser: Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """Moments and step counts as `kind:parameter`; learning rates come from the schedule and are no state."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
    return {
        f"{kind}:{names[parameter]}": torch.as_tensor(value)
        for parameter, kinds in optimiser.state.items()
        for kind, value in kinds.items()
    }


def load_optimiser(optimiser: Optimizer, network: nn.Module, tensors: Mapping[str, Tensor], source: object) -> None:
    """Restores an optimiser's state, each tensor on its parameter's device."""
    parameters = dict(network.named_parameters())
    optimiser.state.clear()
    for key, tensor in tensors.items():
        kind, _, name = key.partition(":")
        parameter = parameters.get(name)
        if parameter is None or tensor.shape not in (parameter.shape, torch.Size(())):
            raise DataError(f"{source}: the optimiser's {key!r} fits no parameter of the network")
        # Adam counts its steps on the CPU, wherever the parameter is.
        device = torch.device("cpu") if tensor.dim() == 0 else parameter.device
        part = part_of(tensor, parameter) if tensor.dim() else tensor
        optimiser.state[parameter][kind] = part.clone().to(device, memory_format=torch.preserve_format)


def mask_record(options: Options) -> dict[str, Any]:
    """How the training set's masks are encoded, for the model card; empty without masks."""
    section = options.datasets.get("train")
    if section is None or section.kind != "change":
        return {}
    return {"encoding": section.mask_encoding, "values": section.mask_values}


def cube_record(options: Options) -> dict[str, Any]:
    """How the training set's cubes are read, for the model card, without how they are paired; empty without cubes."""
    section = options.datasets.get("train")
    if section is None or section.kind != "hyperspectral":
        return {}
    hsi = section.hsi and section.hsi.model_dump(exclude={"pairing", "ratio"}, exclude_unset=True)
    found = {"range_hsi": section.range_hsi, "bands_hsi": section.bands_hsi, "hsi": hsi}
    return {key: value for key, value in found.items() if value}


def agreed(options: Options) -> dict[str, Any]:
    """The options that must be equal for a resumed run to be the same run; workers, paths and logging may change."""
    everything = plain(options)
    irrelevant = ("n_workers", "verify_reads", "dataroot_cover", "register_cache")
    dataset = {key: value for key, value in everything["datasets"].get("train", {}).items() if key not in irrelevant}
    free = {
        "val_freq",
        "manual_seed",
        "gradient_accumulation",
        "activation_checkpointing",
        "compile",
        "channels_last",
        "shard",
    }
    train = {key: value for key, value in (everything["train"] or {}).items() if key not in free}
    rows = {f"datasets.train.{key}": value for key, value in dataset.items()}
    rows |= {f"train.{key}": value for key, value in train.items()}
    rows |= {"seed": options.run_seed, "model": options.model, "scale": options.scale}
    return rows
