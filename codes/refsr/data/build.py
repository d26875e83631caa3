"""From the options of a data set to the data set."""

from __future__ import annotations

from refsr.core.names import resolve
from refsr.core.options.datasets import DatasetOptions
from refsr.data.sets.paired import PairedSet


def build_dataset(options: DatasetOptions, scale: int, seed: int) -> PairedSet:
    """The data set that a `datasets` section describes; missing, unequal and misfitting images are named."""
    dataset: PairedSet = resolve("dataset", options.mode)(options, scale, seed)
    return dataset
