"""Whether a network gives one value everywhere, of an LR that shows something."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from refsr.core.errors import OutputError

SHOWS_SOMETHING = 0.05
"""Of the range, what LR must span: where it is brighter than white all over, a white result is right."""


@dataclass
class Extent:
    """The least and the largest value of tiles."""

    low: float = math.inf
    high: float = -math.inf

    def add(self, tile: Tensor) -> None:
        least, most = tile.aminmax()
        self.low, self.high = min(self.low, float(least)), max(self.high, float(most))

    @property
    def span(self) -> float:
        return self.high - self.low


@dataclass
class FlatnessCheck:
    """Sees all tiles of LR and of the result."""

    lr: Extent = field(default_factory=Extent)
    restored: Extent = field(default_factory=Extent)

    def add(self, lr: Tensor, restored: Tensor) -> None:
        self.lr.add(lr.clamp(0, 1))
        self.restored.add(restored)

    def require_structure(self) -> None:
        """An OutputError where nothing of LR is left."""
        if self.restored.span == 0 and self.lr.span > SHOWS_SOMETHING:
            raise OutputError(
                f"the network gives {self.restored.low + 0.0:g} at every pixel, of LR from {self.lr.low:.2g} to "
                f"{self.lr.high:.2g}; its weights are damaged or not trained"
            )
