"""Pictures of tiles as arrays."""

from __future__ import annotations

import numpy as np
import rasterio


def picture(content: bytes) -> np.ndarray:
    """A PNG (H, W, channels), channels in the order that it has."""
    with rasterio.MemoryFile(content) as memory, memory.open() as source:
        return np.moveaxis(source.read(), 0, 2)
