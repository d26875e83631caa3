"""Restored images as files and panels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from refsr.data.images import write_image
from refsr.data.sample import Sample
from refsr.evaluation.measuring import Unit, planes_last
from refsr.metrics.quantise import to_uint8

GAP = 4


def shown(image: Unit) -> npt.NDArray[np.uint8]:
    """The first three bands as 8-bit RGB; fewer are shown grey."""
    bands = image[:, :, :3] if image.shape[2] >= 3 else np.repeat(image[:, :, :1], 3, axis=2)
    return to_uint8(bands)


def file_name(name: str) -> str:
    """A key or method as one part of a path."""
    return name.replace("/", "_").replace("\\", "_")


def save(path: Path, image: Unit) -> None:
    """An image (H, W, C) in [0, 1] as 8-bit PNG."""
    write_image(path, shown(image))


def panel(sample: Sample, restored: Unit) -> npt.NDArray[np.uint8]:
    """LR (each pixel as a block), Ref where there is one, restored and HR side by side."""
    lr = planes_last(sample["lr"])
    times = restored.shape[0] // lr.shape[0]
    images = [lr.repeat(times, axis=0).repeat(times, axis=1)]
    images += [planes_last(sample[name]) for name in ("ref",) if name in sample]
    images += [restored, planes_last(sample["hr"])]
    height = max(image.shape[0] for image in images)
    columns = []
    for image in images:
        picture = shown(image)
        columns.append(np.pad(picture, ((0, height - picture.shape[0]), (0, GAP), (0, 0)), constant_values=255))
    return np.concatenate(columns, axis=1)[:, :-GAP]
