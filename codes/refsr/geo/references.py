"""Several rasters seen as one: the first that holds data counts at each pixel, with soft seams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refsr.core.window import Window
from refsr.geo.validity import feathered
from refsr.geo.value_range import ValueRange
from refsr.geo.warped import WarpedRaster, field_under

Weight = npt.NDArray[np.float32]
FEATHER = 8
"""Pixels over which a raster's weight rises from its border and its holes."""


FAINTEST = 1e-6


@dataclass(frozen=True)
class Reference:
    """One raster on the scene's grid, and the raw values that become 0 and 1."""

    raster: WarpedRaster
    range: ValueRange
    weight: Weight | None = None
    """(rows, columns), nodes spread evenly over the scene's grid: how far it counts, 0 to 1. None: fully."""


class References:
    """References of one scene, in the order in which they are preferred.

    Each gets the weight that those before it have left. A weight rises over FEATHER pixels from a raster's border and
    holes, so that no seam shows. All together rise from the border of the ground that any of them shows: rasters that
    meet without an overlap are as one.
    """

    def __init__(self, references: Sequence[Reference]) -> None:
        self.references = references

    def read(self, window: Window) -> tuple[npt.NDArray[np.float32], Weight]:
        """(height, width, bands) in units of each range, and (height, width) how far each is known, 0 to 1."""
        # The scene's own border is no edge of a reference: nothing is faded there.
        wider = window.grown(FEATHER + 1).common(self.references[0].raster.grid.window)
        inner = window.within(wider)
        values: npt.NDArray[np.float32] | None = None
        shares = np.zeros((window.height, window.width), np.float32)
        sure = np.zeros_like(shares)
        shown = np.zeros((wider.height, wider.width), bool)
        for reference in self.references:
            trust = _trust(reference, window)
            if trust is not None and not trust.any():
                continue
            pixels, valid = reference.raster.read(wider)
            if values is not None and not valid.any():
                continue
            unit = reference.range.unit(pixels[inner])
            if values is None and valid.all() and trust is None:
                return unit, np.ones_like(shares)
            known = feathered(valid, FEATHER)[inner]
            taken = np.minimum(known if trust is None else known * trust, 1 - shares)
            sure = np.maximum(sure, valid[inner] if trust is None else trust * valid[inner])
            # What a raster has where it does not count may be anything.
            unit[taken <= 0] = 0
            unit *= taken[:, :, None]
            values = unit if values is None else np.add(values, unit, out=values)
            shares += taken
            shown |= valid
            if (shares >= 1).all():
                break
        if values is None:
            bands = len(self.references[0].raster.source.bands)
            return np.zeros((window.height, window.width, bands), np.float32), shares
        values /= np.maximum(shares, FAINTEST)[:, :, None]
        return values, feathered(shown, FEATHER)[inner] * sure

    def close(self) -> None:
        for reference in self.references:
            reference.raster.source.close()


def _trust(reference: Reference, window: Window) -> Weight | None:
    """How far the reference counts under a window, (height, width); None: everywhere."""
    if reference.weight is None:
        return None
    found = field_under(reference.weight[:, :, None], window, reference.raster.grid)
    return np.asarray(found[:, :, 0], np.float32)
