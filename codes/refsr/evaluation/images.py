"""Images during an evaluation: samples as batches, tensors as arrays, arrays as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from refsr.data.images import write_image
from refsr.data.registered.stores import Plane, RegisteredStore
from refsr.data.sample import Sample
from refsr.data.sets.paired import PairedSet
from refsr.metrics.quantise import to_uint8

ImageArray = npt.NDArray[np.float32]
"""(H, W, C) in [0, 1]."""


def one_batch(sample: Sample, device: torch.device) -> dict[str, object]:
    """A sample as a batch of one on a device."""
    return {
        name: member.unsqueeze(0).to(device) if isinstance(member, Tensor) else [member]
        for name, member in sample.items()
    }


def to_hwc(image: Tensor) -> ImageArray:
    """(C, H, W) on any device -> (H, W, C)."""
    values: ImageArray = image.detach().float().cpu().permute(1, 2, 0).numpy()
    return values


def to_rgb8(image: ImageArray) -> npt.NDArray[np.uint8]:
    """(H, W, C) -> the first three bands as 8-bit RGB; with fewer bands the first one as grey."""
    bands = image[:, :, :3] if image.shape[2] >= 3 else np.repeat(image[:, :, :1], 3, axis=2)
    return to_uint8(bands)


def file_name(name: str) -> str:
    """An image key or method name as one part of a path."""
    return name.replace("/", "_").replace("\\", "_")


def save_registration(folder: Path, dataset: PairedSet, key: str) -> None:
    """The weight map of an image's registered Ref as PNG (255: fully trusted); of several, which was used (0: none)."""
    source = dataset.registered_refs
    if source is None:
        return
    planes: tuple[Plane, ...] = ("weight", "used") if len(source.refs) > 1 else ("weight",)
    for plane in planes:
        write_image(folder / f"ref_{plane}.png", RegisteredStore(source, plane).read(key))


def save_png(path: Path, image: ImageArray) -> None:
    """An image (H, W, C) in [0, 1] as 8-bit PNG."""
    write_image(path, to_rgb8(image))
