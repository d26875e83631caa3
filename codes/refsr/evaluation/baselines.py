"""What every table is compared with: images made from LR without learning anything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refsr.data.sample import Sample
from refsr.evaluation.measuring import Unit, planes_last
from refsr.ops.resize import imresize


def nearest(sample: Sample, scale: int) -> Unit:
    """Each LR pixel as a block."""
    lr = planes_last(sample["lr"])
    return lr.repeat(scale, axis=0).repeat(scale, axis=1)


def bicubic(sample: Sample, scale: int) -> Unit:
    """LR enlarged by the exact bicubic resizer."""
    enlarged: Unit = np.clip(imresize(planes_last(sample["lr"]), scale), 0, 1)
    return enlarged


def lr_up(sample: Sample, scale: int) -> Unit:
    """LR_UX as its file has it, which may know more than LR does."""
    return planes_last(sample["lr_up"])


BASELINES: dict[str, Callable[[Sample, int], Unit]] = {"nearest": nearest, "bicubic": bicubic, "lr_up": lr_up}
