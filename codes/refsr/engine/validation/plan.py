"""What a validation is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refsr.data.spoiling import Spoil
from refsr.engine.validation.judges import Judges


@dataclass(frozen=True)
class Plan:
    """Protocols, measures and ablations."""

    protocols: Sequence[str]
    judges: Judges
    ablations: Sequence[Spoil] = ()
    pictures: bool = True
    limit: int | None = None
