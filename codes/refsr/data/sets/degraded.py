"""LR made from HR by a degradation while samples are read, drawn anew for each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from refsr.core.seeding import numpy_generator
from refsr.core.window import Window
from refsr.data.degradation.levels import levels_of, quantised
from refsr.data.degradation.presets import preset
from refsr.data.degradation.steps import apply_steps
from refsr.data.images import Array
from refsr.data.ranges import DEFAULT_RANGES, Range, to_unit
from refsr.data.sample import Unit

Whole = Callable[[], tuple[Array, Range]]
"""HR, whole, as it is stored, and the raw values that become 0 and 1."""


@dataclass
class DegradedLR:
    """LR of draw `draw` of sample `index`: a function of seed, index and draw; draw None is one more, for validation.

    The whole image is degraded and LR is cut from it, so that a window is the same whatever is read around it.
    """

    name: str
    scale: int
    seed: int
    _last: tuple[tuple[int, int | None], Unit] | None = field(default=None, init=False, repr=False)
    """LR, LR_UX and a blended Ref of one sample share it."""

    def __post_init__(self) -> None:
        preset(self.name)

    def under(self, window: Window, index: int, draw: int | None, whole: Whole) -> Unit:
        """LR under a window of HR, in [0, 1]."""
        if self._last is None or self._last[0] != (index, draw):
            self._last = (index, draw), self._made(index, draw, *whole())
        part = window.reduced(self.scale)
        return self._last[1][part.top : part.bottom, part.left : part.right]

    def _made(self, index: int, draw: int | None, hr: Array, limits: Range) -> Unit:
        path = (index,) if draw is None else (index, draw)
        generator = numpy_generator(self.seed, "degradation", *path)
        steps = preset(self.name).draw(generator, hr.shape[0], hr.shape[1], self.scale)
        if hr.dtype == np.uint8 and limits == DEFAULT_RANGES["uint8"]:
            return to_unit(quantised(apply_steps(hr, steps), levels_of(hr)), *limits)
        # Noise is a share of the range that is used, not of all that 16 bits could hold.
        return np.clip(apply_steps(to_unit(hr, *limits), steps), 0, 1).astype(np.float32)
