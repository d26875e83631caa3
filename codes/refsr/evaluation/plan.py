"""What a validation is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from refsr.data.perturbation import Perturbation
from refsr.evaluation.metrics import Metrics
from refsr.evaluation.pretrained import PretrainedNetwork


@dataclass(frozen=True)
class Plan:
    """Protocols, metrics and ablations."""

    protocols: Sequence[str]
    judges: Metrics
    ablations: Sequence[Perturbation] = ()
    pictures: bool = True
    limit: int | None = None
    neighbours: Mapping[str, PretrainedNetwork] = field(default_factory=dict)
    """Pretrained networks of others that stand beside the baselines."""
