"""Change found between restored images and the reference of an earlier date, against the masks of the set."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from refsr.core.errors import UsageError
from refsr.data.change.difference import aligned, difference, reduced
from refsr.data.sample import Sample
from refsr.data.sets.paired import PairedSet
from refsr.evaluation.images import ImageArray, to_hwc
from refsr.metrics.change_detection import CLASSES, FALSE_ALARMS, area_under_roc, best_f1, counted, recall
from refsr.metrics.protocols import Protocol, protocol
from refsr.metrics.regions import Region
from refsr.registration.transforms import Floats
from refsr.runs.process_group import Group

METRICS = {"change-f1": best_f1, "change-auc": area_under_roc, "change-recall": recall}
GIVEN = {"hr": "HR itself", "lr": "LR, and Ref reduced to its grid"}
"""What is there without restoring, counted like methods."""


class ChangeDetection:
    """The change found in a data set, by method and protocol."""

    def __init__(self, name: str, dataset: PairedSet, methods: Sequence[str], protocols: Sequence[str]) -> None:
        if not dataset.knows_changes or "ref" not in dataset.members:
            raise UsageError(
                f"--task change: datasets.{name} gives no reference with true change masks; expected mode: change, "
                "dataroot_Ref and dataroot_mask"
            )
        self.dataset = dataset
        # All tables from the start, since processes without an image take part in the sum.
        self.tables: dict[tuple[str, str], Tensor] = {
            (method, quoted): torch.zeros(2, CLASSES, dtype=torch.float64)
            for method in (*GIVEN, *methods)
            for quoted in protocols
        }

    @property
    def metrics(self) -> dict[str, dict[str, str]]:
        """Unit, direction, library."""
        return {name: {"unit": "", "better": "higher", "library": "refsr"} for name in METRICS}

    def of_sample(self, sample: Sample, index: int, protocols: Sequence[str]) -> SampleChange:
        """The change of one sample; what HR and LR show of it is counted now."""
        found = SampleChange(self, sample, index)
        for quoted in protocols:
            found.count("hr", to_hwc(sample["hr"]), protocol(quoted))
            found.count_lr(protocol(quoted))
        return found

    def totals(self, group: Group) -> dict[tuple[str, str, str], float]:
        """The metrics of the whole set by method, protocol and name; those of HR and LR are in the notes."""
        self.tables = {key: group.total(table) for key, table in self.tables.items()}
        return {
            (method, quoted, name): metric(table.numpy())
            for (method, quoted), table in self.tables.items()
            for name, metric in METRICS.items()
            if method not in GIVEN
        }

    def notes(self) -> list[str]:
        """How change was found, and what HR and LR show of it; call after `totals`."""
        return [
            "change is found by the difference to Ref, its colours matched, averaged over an LR pixel; "
            f"change-recall at {FALSE_ALARMS:.0%} false alarms",
            *(
                f"change on {GIVEN[method]} under {quoted}: F1 {best_f1(table.numpy()):.4f}, "
                f"AUC {area_under_roc(table.numpy()):.4f}, recall {recall(table.numpy()):.4f}"
                for (method, quoted), table in self.tables.items()
                if method in GIVEN
            ),
        ]


class SampleChange:
    """The two dates of one sample: its reference as stored, aligned with LR, and where the ground changed since."""

    def __init__(self, detection: ChangeDetection, sample: Sample, index: int) -> None:
        self._detection, self._scale = detection, detection.dataset.scale
        self._lr = to_hwc(sample["lr"])
        self._ref, self._reached = aligned(self._lr, detection.dataset.stored_refs(index)[0], self._scale)
        self._changed: Region = detection.dataset.changed(index)
        self._last: tuple[ImageArray, Floats] | None = None

    def count(self, method: str, image: ImageArray, quoted: Protocol) -> None:
        """Counts what a method's image (H, W, C) in [0, 1] shows."""
        if self._last is None or self._last[0] is not image:
            self._last = image, difference(image, self._ref, self._reached, self._scale)
        self._add(method, self._last[1], quoted)

    def count_lr(self, quoted: Protocol) -> None:
        """Counts what LR shows, on its own grid."""
        amount = difference(self._lr, *reduced(self._ref, self._reached, self._scale), 1)
        self._add("lr", amount.repeat(self._scale, axis=0).repeat(self._scale, axis=1), quoted)

    def _add(self, method: str, amount: Floats, quoted: Protocol) -> None:
        planes = (quoted.inside(one, self._scale) for one in (amount, self._changed, self._reached))
        shown, changed, reached = planes
        inside = reached > 0
        table = torch.from_numpy(counted(shown[inside], changed[inside]))
        self._detection.tables[method, quoted.name] += table
