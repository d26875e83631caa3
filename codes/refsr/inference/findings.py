"""What is found in a scene while it is restored: numbers a block, and their sum over all blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from refsr.geo.validity import Array, Mask
from refsr.geo.value_range import BeyondRange, ValueRange

ALL = 0.995
"""Coverage from which on nothing is said of what is not covered."""


def lr_findings(raw: Array, valid: Mask, value_range: ValueRange) -> dict[str, float]:
    """Of LR's pixels (height, width, bands) in a block: how many, those without data, and values beyond the range."""
    values = raw[valid]
    found = {"pixels": float(valid.size), "empty": float((~valid).sum())}
    beyond = BeyondRange(value_range)
    beyond.count(values)
    if values.size:
        found |= {"below": beyond.below, "above": beyond.above, "least": beyond.least, "most": beyond.most}
        found |= {f"lr_{band}": float(total) for band, total in enumerate(values.sum(axis=0, dtype=np.float64))}
    return found


def result_findings(pixels: Array, valid: Mask, scale: int) -> dict[str, float]:
    """Of a restored block: the sum of each band over what holds data, as of pixels of LR's size."""
    # Band by band, as blocks lie in memory; values without data are no sum's.
    where = {} if valid.all() else {"where": valid}
    planes = np.moveaxis(pixels, 2, 0)
    return {f"sr_{band}": float(plane.sum(dtype=np.float64, **where)) / scale**2 for band, plane in enumerate(planes)}


def evidence_findings(evidence: Array, valid: Mask, names: Sequence[str], scale: int) -> dict[str, float]:
    """Of a restored block: the sum of each plane of evidence over what holds data, as of pixels of LR's size."""
    sums = evidence[valid].sum(axis=0, dtype=np.float64) / scale**2
    return {f"evidence_{name}": float(total) for name, total in zip(names, sums, strict=True)}


class SceneFindings:
    """The findings of all blocks of a scene."""

    def __init__(self, blocks: Sequence[Mapping[str, float]], value_range: ValueRange) -> None:
        def total(name: str) -> float:
            return sum(block.get(name, 0.0) for block in blocks)

        self._total, self._blocks = total, blocks
        self.pixels, self.empty = total("pixels"), total("empty")
        self.beyond = BeyondRange(value_range, int(total("below")), int(total("above")), self._values)
        self.beyond.least = min((block["least"] for block in blocks if "least" in block), default=np.inf)
        self.beyond.most = max((block["most"] for block in blocks if "most" in block), default=-np.inf)

    @property
    def bands(self) -> int:
        return len({name for block in self._blocks for name in block if name.startswith("lr_")})

    @property
    def coverage(self) -> float:
        """The share of the scene's ground with data on which the references count."""
        known = self.pixels - self.empty
        return self._total("covered") / known if known else 0.0

    def evidence_means(self, names: Sequence[str]) -> dict[str, float]:
        """The mean of each plane of evidence over what holds data; none where nothing does."""
        known = self.pixels - self.empty
        return {name: self._total(f"evidence_{name}") / known for name in names} if known else {}

    @property
    def mean_shifts(self) -> list[float]:
        """Of each band the mean of the result over that of LR, less one."""
        sums = [(self._total(f"lr_{band}"), self._total(f"sr_{band}")) for band in range(self.bands)]
        return [restored / lr - 1 if lr else 0.0 for lr, restored in sums]

    def lines(self, has_references: bool) -> list[str]:
        """The findings in words."""
        found = []
        if has_references:
            without = "" if self.coverage > ALL else "; elsewhere LR is restored without one"
            found.append(f"Ref covers {self.coverage:.0%} of LR{without}")
        if self.empty:
            found.append(f"{self.empty / self.pixels:.1%} of LR holds no data and stays so")
        if self.beyond.share > 0:
            found.append(f"{self.beyond}, cut off")
        if self.bands:
            shifts = ", ".join(f"{shift:+.2%}" for shift in self.mean_shifts)
            found.append(f"mean of each band against LR's: {shifts}")
        return found

    @property
    def _values(self) -> int:
        return int(self.pixels - self.empty) * self.bands
