"""Sharded training, `train.shard: fsdp`: each process holds a part of the weights, gradients, moments and averages.

By torch's FSDP2 (`fully_shard`), which divides all four; ZeroRedundancyOptimizer would divide the moments alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeGuard

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from refsr.core.errors import UsageError
from refsr.core.options.train import TrainOptions
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.process_group import Group
from refsr.tasks.base import Task

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor


def is_sharded(train: TrainOptions, group: Group) -> bool:
    """Whether a run is sharded; one process has nobody to share with."""
    return train.shard != "none" and group.world > 1


def require_shardable(task: Task, train: TrainOptions) -> None:
    """A UsageError that names what cannot be combined with sharding."""
    if len(task.networks) > 1:
        raise UsageError(f"train.shard: a sharded run trains one network, this one {', '.join(task.networks)}")
    refused = {
        "precision: fp16; bf16 needs no loss scaling": train.precision == "fp16",
        "compile; set it to false": train.compile,
        "channels_last; set it to false": train.channels_last,
    }
    for name, wanted in refused.items():
        if wanted:
            raise UsageError(f"train.shard: cannot be combined with train.{name}")


def shard(network: nn.Module, optimiser: Optimizer | None, group: Group) -> None:
    """Divides the network's parameters among the processes, in place; the optimiser gets the parts.

    The blocks of a network are gathered one after the other, everything else for the whole pass.
    """
    # Here and below imported late: hundreds of modules, which most runs do not need.
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    names = {parameter: name for name, parameter in network.named_parameters()}
    mesh = init_device_mesh(group.device.type, (group.world,))
    for block in _blocks(network):
        fully_shard(block, mesh=mesh)
    fully_shard(network, mesh=mesh)
    parts = dict(network.named_parameters())
    for params in [] if optimiser is None else optimiser.param_groups:
        params["params"] = [parts[names[parameter]] for parameter in params["params"]]


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The members of the outermost lists of modules, but no single layers: their weights may be used without a call."""
    lists = (nn.ModuleList, nn.ModuleDict)
    for child in module.children():
        if not isinstance(module, lists) or isinstance(child, lists):
            yield from _blocks(child)
        elif any(True for _ in child.children()):
            yield child


def whole(tensors: Mapping[str, Tensor], kept: bool = True) -> dict[str, Tensor]:
    """The tensors gathered from all processes, which call this together; where not `kept`, nothing stays in memory."""
    found = {}
    # Tensors of a file come in another order in each process.
    for key, tensor in sorted(tensors.items()):
        gathered = whole_tensor(tensor)
        if kept:
            found[key] = gathered
    return found


def whole_tensor(tensor: Tensor) -> Tensor:
    """A sharded tensor gathered from all processes; any other one as it is."""
    return tensor.full_tensor() if _is_part(tensor) else tensor


def part_of(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole tensor, sharded as another one of its shape is; asks no other process."""
    if not _is_part(like):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def whole_network(network: nn.Module, spec: NetworkSpec, group: Group) -> nn.Module:
    """A whole copy of a sharded network, for processes that restore different images; any other network as it is."""
    weights = network.state_dict()
    if not any(map(_is_part, weights.values())):
        return network
    with torch.random.fork_rng(devices=[]):
        copy = spec.build().to(group.device)
    copy.load_state_dict(whole(weights))
    return copy


def _is_part(tensor: Tensor) -> TypeGuard[DTensor]:
    return hasattr(tensor, "full_tensor")
