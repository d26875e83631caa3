"""What a validation is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy.typing as npt

from refsr.data.spoiling import Spoil

Array = npt.NDArray[Any]
ImageJudge = Callable[[Array, Array], float]
"""Image and target (H, W, C) from 0 to 255, as the protocol cut and rounded them -> a number."""


class SetJudge(Protocol):
    """A measure of a whole set of images."""

    def update(self, image: Array, target: Array) -> None: ...

    def result(self) -> float: ...


@dataclass(frozen=True)
class Plan:
    """Protocols, measures and ablations."""

    protocols: Sequence[str]
    measures: Mapping[str, dict[str, str]]
    """All measures by name: unit, better (higher or lower), library."""
    image_judges: Mapping[str, ImageJudge]
    set_judges: Mapping[str, Callable[[], SetJudge]] = field(default_factory=dict)
    """Made anew for each method and protocol."""
    missing: Sequence[str] = ()
    """Lines about measures that cannot be taken here."""
    ablations: Sequence[Spoil] = ()
    pictures: bool = True
    limit: int | None = None
