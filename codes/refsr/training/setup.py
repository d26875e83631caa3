"""From options to everything that training needs: data sets, task, start weights, wrapped networks; writes nothing."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
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
from refsr.metrics.base import ImageMetric
from refsr.networks.descriptor import Descriptor, descriptor_of
from refsr.runs.model_file import AVERAGE, fit_weights, model_file_at, read_card, read_tensors
from refsr.runs.process_group import Group
from refsr.tasks.base import HasSubNetworks, Restore, SubNetwork, Task
from refsr.tasks.regression import required_train
from refsr.tasks.restore import require_base, require_fit, restore_function
from refsr.training.ema import ema_copy
from refsr.training.precision import Precision
from refsr.training.sharding import is_sharded, require_shardable, shard
from refsr.training.trackers import require_trackers


@dataclass
class TrainingSetup:
    """Everything that a training run works with."""

    options: Options
    train: TrainOptions
    group: Group
    precision: Precision
    task: Task
    wrapped: Mapping[str, nn.Module]
    """The networks as phases get them: compiled, distributed."""
    ema: AveragedModel | None
    """The averaged copy of G."""
    training_set: PairedSet
    validation_sets: Mapping[str, PairedSet]
    metrics: Mapping[str, ImageMetric]
    """Metrics of validation: PSNR, SSIM, and the one by which the best checkpoint is chosen."""

    @property
    def share(self) -> int:
        """Samples of a batch for this process."""
        return self.options.datasets["train"].batch_size // self.group.world

    @property
    def restore(self) -> Restore:
        """The restore function under the run's options."""
        return restore_function(self.options.model, self.options.sampling, self.options.run_seed)

    def validated_networks(self) -> dict[str, nn.Module]:
        """The networks that validation measures, by the names of their model files; the first one's scores count."""
        networks = {"G": self.task.networks["G"]}
        if self.ema is None:
            return networks
        networks[AVERAGE] = self.ema.module
        first, second = (AVERAGE, "G") if self.options.val.use_ema else ("G", AVERAGE)
        names = (first, second) if self.options.val.compare_ema else (first,)
        return {name: networks[name] for name in names}


def set_up_training(options: Options, group: Group, check_base: bool = True) -> TrainingSetup:
    """Builds data sets, and networks with fresh or given start weights, wrapped for training.

    Without `check_base`, the base of samples need not be what a network with these weights makes.
    """
    train = required_train(options)
    if "train" not in options.datasets:
        raise UsageError("the options have no datasets.train, so there is nothing to train on")
    require_trackers(options)
    if group.device.type == "cpu":
        keep_freed_memory()
    if train.deterministic:
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    training_set, validation_sets = data_sets(options)
    task = build_task(options)
    precision = Precision(train.precision, group.device)
    descriptor = descriptor_of(task.networks["G"])
    precision.require_safe(descriptor, task.specs["G"].network)
    for name, dataset in {"train": training_set, **validation_sets}.items():
        dataset.serve(descriptor.inputs)
        sample = dataset[0]
        require_fit(descriptor, sample, f"datasets.{name}")
        if check_base:
            require_base(task.networks["G"], sample, f"datasets.{name}")
    _require_multiple(descriptor, options)
    for frozen in task.frozen:
        frozen.to(group.device)
    for network in task.networks.values():
        network.to(group.device)
        if train.channels_last:
            network.to(memory_format=torch.channels_last)
    ema = ema_copy(task.networks["G"], train, options.datasets["train"].batch_size)
    if is_sharded(train, group):
        require_shardable(task, train)
    wrapped = {
        key: wrap_for_training(network, train, group, task.optimisers[key]) for key, network in task.networks.items()
    }
    if ema is not None and is_sharded(train, group):
        shard(ema.module, None, group)
    metrics = validation_metrics(options, group)
    return TrainingSetup(options, train, group, precision, task, wrapped, ema, training_set, validation_sets, metrics)


def _require_multiple(descriptor: Descriptor, options: Options) -> None:
    """A UsageError unless crop sides are multiples of the network's size multiple: crops are not padded."""
    crop, step = options.datasets["train"].GT_size, descriptor.multiple * descriptor.scale
    if crop is not None and crop % step:
        near = max(step, round(crop / step) * step)
        raise UsageError(
            f"datasets.train.GT_size: {crop} is no multiple of {step}, which the network needs at x{descriptor.scale}; "
            f"{near} would be"
        )


def validation_metrics(options: Options, group: Group) -> Mapping[str, ImageMetric]:
    """Validation's metrics; a UsageError if the weights of the metric that chooses the best checkpoint are missing."""
    chosen = options.logger.best_by
    metrics = find_metrics([chosen] if chosen is not None else [], None, options.scale, group.device)
    if metrics.missing:
        raise UsageError(f"logger.best_by: {metrics.missing[0]}")
    return metrics.images


def data_sets(options: Options) -> tuple[PairedSet, dict[str, PairedSet]]:
    """The training set, and the validation sets by their names in the options."""
    made = {
        name: build_dataset(dataset, options.scale, options.run_seed)
        for name, dataset in options.datasets.items()
        if name == "train" or name.startswith("val")
    }
    return made.pop("train"), made


def build_task(options: Options) -> Task:
    """The task that the options name; fresh weights are a function of the seed, start weights are loaded."""
    torch.manual_seed(derive(options.run_seed, "weights") & (2**63 - 1))
    task: Task = resolve("task", options.model)(options)
    for key in task.networks:
        start: Path | None = getattr(options.path, f"pretrain_model_{key}", None)
        if start is not None:
            load_start_weights(task.networks[key], model_file_at(start, key), options.path.strict_load)
    subnetworks = task.subnetworks if isinstance(task, HasSubNetworks) else {}
    for key, start in options.path.subnetworks().items():
        if key not in subnetworks:
            raise UsageError(
                f"path.{key}: {options.model} has no sub-network that starts from another network's weights"
            )
        load_subnetwork(subnetworks[key], model_file_at(start))
    return task


def load_subnetwork(subnetwork: SubNetwork, path: Path) -> None:
    """A sub-network's start weights out of another network's model file; whatever does not fit is an error."""
    weights, header = read_tensors(path)
    card = read_card(header, path)
    try:
        own = subnetwork.select_weights(card.spec, weights)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    fit_weights(subnetwork.module, own, path)


def load_start_weights(network: nn.Module, path: Path, strict: bool) -> None:
    """Loads start weights from a model file."""
    weights, header = read_tensors(path)
    read_card(header, path)
    fit_weights(network, weights, path, strict)


def checkpointed_modules(network: nn.Module) -> list[nn.Module]:
    """The modules for activation checkpointing, whose activations are recomputed in the backward pass.

    Each member of a list is one; a network with a single child is replaced by that child's modules. Inside a module,
    those with `checkpoint_separately` are checkpointed too, so that recomputed activations are not kept all at once.
    """
    found: list[nn.Module] = []
    children = list(network.children())
    for child in children:
        opened = isinstance(child, (nn.ModuleList, nn.ModuleDict)) or (len(children) == 1 and any(child.children()))
        if opened:
            found += checkpointed_modules(child)
        else:
            found += [child, *(inner for inner in child.modules() if inner is not child and _separate(inner))]
    return found


def _separate(module: nn.Module) -> bool:
    return bool(getattr(module, "checkpoint_separately", False))


def wrap_for_training(
    network: nn.Module, train: TrainOptions, group: Group, optimiser: Optimizer | None = None
) -> nn.Module:
    """The network with activation checkpointing, compiled and distributed, as the options say."""
    if train.activation_checkpointing:
        for module in checkpointed_modules(network):
            module.forward = functools.partial(checkpoint, module.forward, use_reentrant=False)
    if train.compile:
        compiled: nn.Module = torch.compile(network)  # type: ignore[assignment]
        network = compiled
    if is_sharded(train, group):
        shard(network, optimiser, group)
        return network
    if group.world > 1:
        devices = [group.device.index] if group.device.type == "cuda" else None
        # Buffers are constants or each process's own statistics, and no parameter is ever left without a gradient.
        return DistributedDataParallel(network, device_ids=devices, broadcast_buffers=False)
    return network
