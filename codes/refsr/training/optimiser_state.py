"""An optimiser's state as named tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from refsr.core.errors import DataError


def state_tensors(optimiser: Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """Moments and step counts as `kind:parameter`; learning rates are not state, the schedule knows them."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
    return {
        f"{kind}:{names[parameter]}": torch.as_tensor(value)
        for parameter, kinds in optimiser.state.items()
        for kind, value in kinds.items()
    }


def restore_state(optimiser: Optimizer, network: nn.Module, tensors: Mapping[str, Tensor], source: object) -> None:
    """Puts the tensors back, each where its parameter is."""
    parameters = dict(network.named_parameters())
    optimiser.state.clear()
    for key, tensor in tensors.items():
        kind, _, name = key.partition(":")
        parameter = parameters.get(name)
        if parameter is None or tensor.shape not in (parameter.shape, torch.Size(())):
            raise DataError(f"{source}: the optimiser's {key!r} fits no parameter of the network")
        # Adam counts its steps on the CPU, wherever the parameter is.
        place = torch.device("cpu") if tensor.dim() == 0 else parameter.device
        optimiser.state[parameter][kind] = tensor.clone().to(place, memory_format=torch.preserve_format)
