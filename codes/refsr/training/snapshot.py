"""A run's state as a checkpoint, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from refsr.core.errors import DataError
from refsr.core.options.schema import Options
from refsr.core.options.show import plain
from refsr.runs.checkpoint import Checkpoint
from refsr.runs.model_file import AVERAGE, ModelCard, fit_weights
from refsr.training.optimiser_state import restore_state, state_tensors
from refsr.training.setup import Setup


def take_snapshot(setup: Setup, step: int, facts: Mapping[str, Any]) -> Checkpoint:
    """Everything that decides what comes after `step`."""
    task, options = setup.task, setup.options
    weights = {key: network.state_dict() for key, network in task.networks.items()}

    def card(key: str, averaged: bool) -> ModelCard:
        origin = {"run": options.name, "step": step, "averaged": averaged}
        sampling = options.sampling.model_dump(exclude_unset=True)
        return ModelCard(task.blueprints[key], options.model, origin, sampling, masks(options), cubes(options))

    cards = {key: card(key, False) for key in task.networks}
    all_facts = {**facts, "loss_scale": setup.precision.scaler.state_dict(), "agreed": agreed(options)}
    if setup.average is not None:
        weights[AVERAGE] = setup.average.module.state_dict()
        cards[AVERAGE] = card("G", True)
        all_facts["averaged"] = int(setup.average.n_averaged)
    optimisers = {key: state_tensors(one, task.networks[key]) for key, one in task.optimisers.items()}
    return Checkpoint(step, weights, cards, optimisers, all_facts)


def apply_snapshot(setup: Setup, checkpoint: Checkpoint, source: object) -> list[str]:
    """Puts the run where the checkpoint was; returns what makes it another run than the one that was interrupted."""
    task = setup.task
    for key, network in task.networks.items():
        if key not in checkpoint.weights:
            raise DataError(f"{source}: holds no weights of network {key}")
        if checkpoint.cards[key].blueprint != task.blueprints[key]:
            found = checkpoint.cards[key].blueprint
            wanted = task.blueprints[key]
            raise DataError(
                f"{source}: network {key} is {found.network} {json.dumps(dict(found.keywords))} there, "
                f"{wanted.network} {json.dumps(dict(wanted.keywords))} in the options"
            )
        fit_weights(network, checkpoint.weights[key], source)
        restore_state(task.optimisers[key], network, checkpoint.optimisers.get(key, {}), source)
    differences = []
    if setup.average is not None:
        if AVERAGE in checkpoint.weights:
            fit_weights(setup.average.module, checkpoint.weights[AVERAGE], source)
            setup.average.n_averaged.fill_(checkpoint.facts["averaged"])
        else:
            differences.append("the averaged copy begins now, the checkpoint has none")
    if setup.precision.kind == "fp16" and checkpoint.facts.get("loss_scale"):
        setup.precision.scaler.load_state_dict(checkpoint.facts["loss_scale"])
    before, now = checkpoint.facts.get("agreed", {}), agreed(setup.options)
    differences += [f"{key} was {before.get(key)}, is {now[key]}" for key in now if before.get(key) != now[key]]
    return differences


def masks(options: Options) -> dict[str, Any]:
    """How masks of the training set become numbers, where it has them."""
    learnt = options.datasets.get("train")
    if learnt is None or learnt.kind != "change":
        return {}
    return {"encoding": learnt.mask_encoding, "values": learnt.mask_values}


def cubes(options: Options) -> dict[str, Any]:
    """How cubes of the training set are read, where it has them; how they find their images is no part of it."""
    learnt = options.datasets.get("train")
    if learnt is None or learnt.kind != "hyperspectral":
        return {}
    section = learnt.hsi and learnt.hsi.model_dump(exclude={"pairing", "ratio"}, exclude_unset=True)
    found = {"range_hsi": learnt.range_hsi, "bands_hsi": learnt.bands_hsi, "hsi": section}
    return {key: value for key, value in found.items() if value}


def agreed(options: Options) -> dict[str, Any]:
    """What must be equal for a resumed run to be the same run; workers, processes, paths and logging may change."""
    everything = plain(options)
    unfelt = ("n_workers", "dataroot_cover")
    dataset = {key: value for key, value in everything["datasets"].get("train", {}).items() if key not in unfelt}
    free = {"val_freq", "manual_seed", "gradient_accumulation", "activation_checkpointing", "compile", "channels_last"}
    train = {key: value for key, value in (everything["train"] or {}).items() if key not in free}
    rows = {f"datasets.train.{key}": value for key, value in dataset.items()}
    rows |= {f"train.{key}": value for key, value in train.items()}
    rows |= {"seed": options.run_seed, "model": options.model, "scale": options.scale}
    return rows
