"""Changed and unchanged areas of a set scored apart, and estimated masks held against the set's own."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from refsr.data.derivation import blurred
from refsr.data.sample import Sample
from refsr.data.sets.paired import PairedSet
from refsr.evaluation.measuring import Unit, planes_last
from refsr.metrics.protocols import Protocol
from refsr.metrics.regions import Array, Region, leak, region_metrics, regional
from refsr.ops.resize import imresize


class Areas:
    """What a set's change masks are good for in a validation; without masks in files nothing."""

    def __init__(self, dataset: PairedSet) -> None:
        self._dataset, self._scale = dataset, dataset.scale
        self.metrics = region_metrics() if dataset.knows_changes else {}
        self.agreement: Tensor = torch.zeros(3, dtype=torch.float64)
        """Pixels called changed by estimate and files, by the estimate alone, by files alone."""

    def look(self, sample: Sample, index: int) -> Area | None:
        """The areas of one sample."""
        if not self.metrics:
            return None
        changed = self._dataset.changed(index)
        if self._dataset.mask.source == "estimate":
            found = planes_last(sample["mask"])[:, :, 0] > 0
            both = np.count_nonzero(found & changed)
            counts = (both, np.count_nonzero(found) - both, np.count_nonzero(changed) - both)
            self.agreement += torch.tensor(counts, dtype=torch.float64)
        return Area(sample, changed, self._scale)

    def notes(self) -> list[str]:
        """What the results must say of the masks."""
        notes = self._dataset.notes
        right, wrong, missed = self.agreement.tolist()
        if right + wrong + missed:
            precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
            f1 = 2 * right / (2 * right + wrong + missed)
            notes = [
                *notes,
                f"here, against masks in files: precision {precision:.2f}, recall {recall:.2f}, F1 {f1:.2f}",
            ]
        return notes


class Area:
    """Where one sample changed."""

    def __init__(self, sample: Sample, changed: Region, scale: int) -> None:
        self._changed, self._scale = changed, scale
        self._target = planes_last(sample["hr"])
        self._known = imresize(planes_last(sample["lr"]), scale)

    def scores(self, image: Unit, given: Sample, pair: tuple[Array, Array], quoted: Protocol) -> dict[str, float]:
        """All of an image (H, W, C) in [0, 1], made from `given`, under a protocol, which compares `pair`."""
        changed = quoted.inside(self._changed, self._scale)
        found = regional(*pair, changed) | {"leak-changed": math.nan}
        reference = planes_last(given["ref"]) if "ref" in given else None
        if reference is not None and reference.shape == self._target.shape:
            details = (image - self._known, self._target - self._known, reference - blurred(reference, self._scale))
            inner = [quoted.inside(detail, self._scale) for detail in details]
            found["leak-changed"] = leak(inner[0], inner[1], inner[2], changed)
        return found
