"""What a validation is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from refsr.data.spoiling import Spoil
from refsr.engine.validation.judges import Judges
from refsr.engine.validation.neighbours import Neighbour


@dataclass(frozen=True)
class Plan:
    """Protocols, measures and ablations."""

    protocols: Sequence[str]
    judges: Judges
    ablations: Sequence[Spoil] = ()
    pictures: bool = True
    limit: int | None = None
    neighbours: Mapping[str, Neighbour] = field(default_factory=dict)
    """Pretrained networks of others that stand beside the baselines."""
