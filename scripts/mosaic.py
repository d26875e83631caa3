"""Rows of labelled pictures, for the scripts that make figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

GAP, HEAD = 6, 30

Bytes = npt.NDArray[np.uint8]


def tile(image: Bytes, text: str, side: int) -> Bytes:
    """An image magnified to `side` pixels by nearest neighbour, below its label."""
    large = cv2.resize(image, (side, side), interpolation=cv2.INTER_NEAREST)
    head = np.full((HEAD, side, 3), 255, np.uint8)
    cv2.putText(head, text, (2, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.52, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack([head, large])


def mosaic(rows: Iterable[Sequence[Bytes]]) -> Bytes:
    """Tiles in rows; without the lowest bits, which makes the file smaller."""
    lines = []
    for tiles in rows:
        gap = np.full((tiles[0].shape[0], GAP, 3), 255, np.uint8)
        lines.append(np.hstack([part for one in tiles for part in (one, gap)][:-1]))
    return np.vstack(lines) & 0xF8
