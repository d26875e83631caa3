"""A scene in blocks: which tiles reach into each, and what is kept of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from refsr.core.window import Window
from refsr.inference.tile_io import TensorSink
from refsr.inference.tile_layout import Layout, Span

BLOCK = 256
"""Pixels of LR along the side of what is read, derived and written at once, at least."""


def blocks_of(layout: Layout) -> Iterator[tuple[Window, Layout]]:
    """Parts of the restored raster, in LR's pixels, and the tiles that reach into each."""
    for top, bottom in _groups(layout.rows):
        for left, right in _groups(layout.columns):
            rows = [span for span in layout.rows if span.kept[0] < bottom and span.kept[1] > top]
            columns = [span for span in layout.columns if span.kept[0] < right and span.kept[1] > left]
            yield Window(top, left, bottom - top, right - left), Layout(rows, columns)


def seen_by(layout: Layout) -> Window:
    """The pixels of LR that the tiles of a block see."""
    first, last = (layout.rows[0], layout.columns[0]), (layout.rows[-1], layout.columns[-1])
    top, left = (span.seen[0] for span in first)
    return Window(top, left, last[0].seen[1] - top, last[1].seen[1] - left)


class BlockSink:
    """The tile sink of one block: what of each tile lies in it."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._sink = TensorSink(window.height, window.width, dtype=torch.float32)

    @property
    def image(self) -> npt.NDArray[np.float32]:
        image: npt.NDArray[np.float32] = self._sink.image[0].permute(1, 2, 0).numpy()
        return image

    def add(self, window: Window, tile: torch.Tensor) -> None:
        common = Window(*window).common(self._window)
        if common.empty:
            return
        rows, columns = common.within(Window(*window))
        inside = Window(common.top - self._window.top, common.left - self._window.left, common.height, common.width)
        self._sink.add(inside, tile[..., rows, columns])


def _groups(spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Stretches of at least BLOCK pixels that end where tiles meet; where these fade, in the middle."""
    start = 0
    for span, following in zip(spans, [*spans[1:], None], strict=True):
        stop = span.kept[1] if following is None else (span.kept[1] + following.kept[0]) // 2
        if stop - start >= BLOCK or following is None:
            yield start, stop
            start = stop
