"""From options to everything that training needs, on its device and wrapped; nothing is written yet."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint

from refsr.core.errors import DataError, UsageError
from refsr.core.memory import keep_freed_memory
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.core.registry import resolve
from refsr.core.seeding import derive
from refsr.data.build import build_dataset
from refsr.data.sets.paired import PairedSet
from refsr.evaluation.metrics import find_metrics
from refsr.metrics.pair import ImageMetric
from refsr.networks.descriptor import Descriptor
from refsr.runs.model_file import AVERAGE, fit_weights, model_file_at, read_card, read_tensors
from refsr.runs.process_group import Group
from refsr.tasks.base import HasParts, Part, Restore, Task
from refsr.tasks.inference import descriptor_of, require_fit, restore_function
from refsr.tasks.regression import required_train
from refsr.training.ema import averaged
from refsr.training.precision import Precision


@dataclass
class Setup:
    """A run, ready to go."""

    options: Options
    train: TrainOptions
    group: Group
    precision: Precision
    task: Task
    wrapped: Mapping[str, nn.Module]
    """The networks as phases get them: compiled, distributed."""
    average: AveragedModel | None
    """The averaged copy of G."""
    training_set: PairedSet
    validation_sets: Mapping[str, PairedSet]
    judges: Mapping[str, ImageMetric]
    """What validation metrics: PSNR, SSIM, and what the best checkpoint is chosen by."""

    @property
    def share(self) -> int:
        """Samples of a batch that this process takes."""
        return self.options.datasets["train"].batch_size // self.group.world

    @property
    def restore(self) -> Restore:
        """How images are restored under the run's options."""
        return restore_function(self.options.model, self.options.sampling, self.options.run_seed)

    def validated_networks(self) -> dict[str, nn.Module]:
        """What validation metrics, by the names of model files: the network that counts, then the one beside it."""
        networks = {"G": self.task.networks["G"]}
        if self.average is None:
            return networks
        networks[AVERAGE] = self.average.module
        first, second = (AVERAGE, "G") if self.options.val.use_ema else ("G", AVERAGE)
        names = (first, second) if self.options.val.compare_ema else (first,)
        return {name: networks[name] for name in names}


def set_up(options: Options, group: Group) -> Setup:
    """Data sets, networks with fresh or given start weights, and their wrappings."""
    train = required_train(options)
    if "train" not in options.datasets:
        raise UsageError("the options have no datasets.train, so there is nothing to learn from")
    if group.device.type == "cpu":
        keep_freed_memory()
    if train.deterministic:
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    training_set, validation_sets = data_sets(options)
    task = build_task(options)
    precision = Precision(train.precision, group.device)
    descriptor = descriptor_of(task.networks["G"])
    precision.require_safe(descriptor, task.blueprints["G"].network)
    for name, dataset in {"train": training_set, **validation_sets}.items():
        require_fit(descriptor, dataset[0], f"datasets.{name}")
    _require_multiple(descriptor, options)
    for helper in task.frozen:
        helper.to(group.device)
    for network in task.networks.values():
        network.to(group.device)
        if train.channels_last:
            network.to(memory_format=torch.channels_last)
    average = averaged(task.networks["G"], train, options.datasets["train"].batch_size)
    wrapped = {key: wrap(network, train, group) for key, network in task.networks.items()}
    judges = validation_metrics(options, group)
    return Setup(options, train, group, precision, task, wrapped, average, training_set, validation_sets, judges)


def _require_multiple(descriptor: Descriptor, options: Options) -> None:
    """A UsageError unless the network takes sides of crops as they are: unlike whole images, they are not mirrored."""
    crop, step = options.datasets["train"].GT_size, descriptor.multiple * descriptor.scale
    if crop is not None and crop % step:
        near = max(step, round(crop / step) * step)
        raise UsageError(
            f"datasets.train.GT_size: {crop} is no multiple of {step}, which the network wants at x{descriptor.scale}; "
            f"{near} would be"
        )


def validation_metrics(options: Options, group: Group) -> Mapping[str, ImageMetric]:
    """A UsageError where the weights of the metric that chooses the best checkpoint are not there."""
    chosen = options.logger.best_by
    judges = find_metrics([chosen] if chosen is not None else [], None, options.scale, group.device)
    if judges.missing:
        raise UsageError(f"logger.best_by: {judges.missing[0]}")
    return judges.images


def data_sets(options: Options) -> tuple[PairedSet, dict[str, PairedSet]]:
    """The training set, and the validation sets by their names in the options."""
    made = {
        name: build_dataset(dataset, options.scale, options.run_seed)
        for name, dataset in options.datasets.items()
        if name == "train" or name.startswith("val")
    }
    return made.pop("train"), made


def build_task(options: Options) -> Task:
    """The task that the options name, its fresh weights a function of the seed, start weights loaded."""
    torch.manual_seed(derive(options.run_seed, "weights") & (2**63 - 1))
    task: Task = resolve("task", options.model)(options)
    for key in task.networks:
        start: Path | None = getattr(options.path, f"pretrain_model_{key}", None)
        if start is not None:
            load_start(task.networks[key], model_file_at(start, key), options.path.strict_load)
    parts = task.parts if isinstance(task, HasParts) else {}
    for key, start in options.path.parts().items():
        if key not in parts:
            raise UsageError(f"path.{key}: {options.model} has no part that begins with another network's weights")
        load_part(parts[key], model_file_at(start))
    return task


def load_part(part: Part, path: Path) -> None:
    """A part's start weights out of another network's model file; whatever does not fit is an error."""
    weights, header = read_tensors(path)
    card = read_card(header, path)
    try:
        own = part.taken(card.blueprint, weights)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    fit_weights(part.module, own, path)


def load_start(network: nn.Module, path: Path, strict: bool) -> None:
    """Start weights from a model file."""
    weights, header = read_tensors(path)
    read_card(header, path)
    fit_weights(network, weights, path, strict)


def recomputed_parts(network: nn.Module) -> list[nn.Module]:
    """The parts whose activations are made again in the backward pass.

    Each member of a list is one, and where a network holds a single other, that one's parts are. Inside of a part,
    those that say `recomputed_apart` are parts too, so that what is made again is not kept all at once.
    """
    parts: list[nn.Module] = []
    children = list(network.children())
    for part in children:
        opened = isinstance(part, (nn.ModuleList, nn.ModuleDict)) or (len(children) == 1 and any(part.children()))
        if opened:
            parts += recomputed_parts(part)
        else:
            parts += [part, *(inner for inner in part.modules() if inner is not part and _apart(inner))]
    return parts


def _apart(part: nn.Module) -> bool:
    return bool(getattr(part, "recomputed_apart", False))


def wrap(network: nn.Module, train: TrainOptions, group: Group) -> nn.Module:
    """The network with the options' ways to save memory and time, shared among the processes."""
    if train.activation_checkpointing:
        for part in recomputed_parts(network):
            part.forward = functools.partial(checkpoint, part.forward, use_reentrant=False)
    if train.compile:
        compiled: nn.Module = torch.compile(network)  # type: ignore[assignment]
        network = compiled
    if group.world > 1:
        devices = [group.device.index] if group.device.type == "cuda" else None
        # Buffers are constants or each process's own statistics, and no parameter is ever left without a gradient.
        return DistributedDataParallel(network, device_ids=devices, broadcast_buffers=False)
    return network
