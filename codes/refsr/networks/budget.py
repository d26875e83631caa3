"""Networks whose size a file decides: built only where the file's tensors hold as much."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from refsr.core.errors import DataError
from refsr.networks.descriptor import NetworkSpec

FACTOR = 2
"""Times as much as the tensors hold may be made on the way to a network."""
FEW_TENSORS, FEW_NUMBERS = 256, 1 << 20
"""May be made in any case."""


@contextlib.contextmanager
def parameter_budget(held: Iterable[Tensor], source: object) -> Iterator[None]:
    """Within it, making more parameters than tensors hold is a DataError, as soon as there are too many."""
    tensors = list(held)
    most = FACTOR * len(tensors) + FEW_TENSORS
    numbers = _numbers(tensors)
    made, total = 0, 0

    def count(module: nn.Module, name: str, parameter: Tensor | None) -> None:
        nonlocal made, total
        made, total = made + 1, total + (0 if parameter is None else parameter.numel())
        if made > most or total > numbers:
            raise DataError(f"{source}: its network has more parameters than its {len(tensors)} tensors hold")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def require_held(spec: NetworkSpec, held: Iterable[Tensor], source: object) -> None:
    """A DataError where a network has more parameters than tensors hold; found out without memory for them.

    Nor is it built where one of its keywords is larger than all that they hold: a list or a loop of that length is no
    parameter.
    """
    tensors = list(held)
    numbers = _numbers(tensors)
    for name, value in _whole_numbers(spec.keywords):
        if value > numbers:
            raise DataError(
                f"{source}: its network cannot be built: {spec.network}: {name} is {value}, more than its "
                f"{len(tensors)} tensors hold"
            )
    try:
        with parameter_budget(tensors, source), torch.device("meta"), _WithoutDraws():
            spec.build()
    except DataError:
        raise
    except Exception:  # Networks that compute while they are built fail without numbers: the earnest build says why.
        return


class _WithoutDraws(TorchFunctionMode):
    """Draws no normal weights: on the device "meta" that imports torch's compiler, which takes four seconds."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return kwargs["tensor"] if function is nn.init.normal_ else function(*args, **(kwargs or {}))


def _numbers(tensors: Sequence[Tensor]) -> int:
    """How many numbers may be made on the way to a network that these belong to."""
    return FACTOR * sum(tensor.numel() for tensor in tensors) + FEW_NUMBERS


def _whole_numbers(keywords: Any, name: str = "") -> Iterator[tuple[str, int]]:
    """All that stand in keywords, those of parts too, each with the name of its keyword."""
    if isinstance(keywords, Mapping):
        for key, value in keywords.items():
            yield from _whole_numbers(value, str(key))
    elif isinstance(keywords, (list, tuple)):
        for value in keywords:
            yield from _whole_numbers(value, name)
    elif isinstance(keywords, int):
        yield name, abs(keywords)
