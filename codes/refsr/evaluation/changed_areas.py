"""Scores of changed and unchanged areas, and estimated change masks compared with those in files."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from refsr.data.derivation import blurred
from refsr.data.sample import Sample
from refsr.data.sets.paired import PairedSet
from refsr.evaluation.images import ImageArray, to_hwc
from refsr.metrics.protocols import Protocol
from refsr.metrics.regions import Array, Region, leak, region_metrics, region_scores
from refsr.ops.resize import imresize


class ChangedAreas:
    """The changed areas of a data set with change masks in files; without such masks there are no metrics."""

    def __init__(self, dataset: PairedSet) -> None:
        self._dataset, self._scale = dataset, dataset.scale
        self.metrics = region_metrics() if dataset.knows_changes else {}
        self.agreement: Tensor = torch.zeros(3, dtype=torch.float64)
        """Pixels that are changed in estimate and files, only in the estimate, only in files."""

    def of_sample(self, sample: Sample, index: int) -> ChangedArea | None:
        """The changed area of one sample; also counts the agreement of its estimated mask."""
        if not self.metrics:
            return None
        changed = self._dataset.changed(index)
        if self._dataset.mask.source == "estimate":
            found = to_hwc(sample["mask"])[:, :, 0] > 0
            both = np.count_nonzero(found & changed)
            counts = (both, np.count_nonzero(found) - both, np.count_nonzero(changed) - both)
            self.agreement += torch.tensor(counts, dtype=torch.float64)
        return ChangedArea(sample, changed, self._scale)

    def notes(self) -> list[str]:
        """Notes on the masks for the results."""
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


class ChangedArea:
    """The changed pixels of one sample."""

    def __init__(self, sample: Sample, changed: Region, scale: int) -> None:
        self._changed, self._scale = changed, scale
        self._target = to_hwc(sample["hr"])
        self._known = imresize(to_hwc(sample["lr"]), scale)

    def scores(self, image: ImageArray, given: Sample, pair: tuple[Array, Array], quoted: Protocol) -> dict[str, float]:
        """Area scores of an image (H, W, C) in [0, 1], restored from `given`; `pair` is what the protocol compares."""
        changed = quoted.inside(self._changed, self._scale)
        found = region_scores(*pair, changed) | {"leak-changed": math.nan}
        reference = to_hwc(given["ref"]) if "ref" in given else None
        if reference is not None and reference.shape == self._target.shape:
            details = (image - self._known, self._target - self._known, reference - blurred(reference, self._scale))
            inner = [quoted.inside(detail, self._scale) for detail in details]
            found["leak-changed"] = leak(inner[0], inner[1], inner[2], changed)
        return found
