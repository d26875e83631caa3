"""Networks whose size a file decides: built only where the file's tensors hold as much."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

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
    numbers = FACTOR * sum(tensor.numel() for tensor in tensors) + FEW_NUMBERS
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
    """A DataError where a network has more parameters than tensors hold; found out without memory for them."""
    try:
        with parameter_budget(held, source), torch.device("meta"):
            spec.build()
    except DataError:
        raise
    except Exception:  # Networks that compute while they are built fail without numbers: the earnest build says why.
        return
