"""Change masks as networks take them: grey values, class indices or one plane per class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.data.images import Array
from refsr.data.sample import Unit

Encoding = Literal["grey", "index", "one_hot", "changed"]
MaskSource = Literal["file", "estimate", "none"]
MadeMask = Literal["estimate", "none"]

# What Ref-Diff's own mask files hold is not known; these are the values of the original data sets' label images.
SECOND_GREYS = (255, 29, 128, 75, 150, 38, 76)
CNAM_VALUES = (0, 1, 2, 3, 4, 5)


def encode_mask(mask: Array, encoding: Encoding, values: Sequence[int] | None, name: object) -> Unit:
    """(H, W, 1) raw -> (H, W, 1) for `grey` (value / 255) and `index` (class / (classes - 1)), (H, W, K) for `one_hot`.

    `changed` gives (H, W, 1): 1 where anything changed. `values` lists the raw value of each class, unchanged first.
    """
    if mask.shape[2] != 1:
        raise DataError(f"{name}: a mask has one band, this one has {mask.shape[2]}")
    if mask.dtype.kind != "u":
        raise DataError(f"{name}: a mask holds whole numbers from 0 on, this one is {mask.dtype}")
    if encoding == "changed":
        return changed_pixels(mask, values).astype(np.float32)
    if encoding == "grey":
        if mask.dtype != np.uint8:
            raise DataError(f"{name}: mask encoding 'grey' needs 8 bits, this mask is {mask.dtype}")
        return mask.astype(np.float32) / np.float32(255)
    if values is None:
        raise DataError(f"{name}: mask encoding {encoding!r} needs mask_values, the raw value of each class")
    classes = np.full(int(mask.max()) + 1 if mask.size else 1, -1, dtype=np.int64)
    for index, value in enumerate(values):
        if value < len(classes):
            classes[value] = index
    indices = classes[mask[..., 0].astype(np.int64)]
    if indices.min() < 0:
        strange = sorted(set(np.unique(mask).tolist()) - set(values))
        raise DataError(f"{name}: the mask holds {strange[:8]}, which mask_values {list(values)} do not list")
    if encoding == "index":
        return (indices[..., None] / max(1, len(values) - 1)).astype(np.float32)
    return np.eye(len(values), dtype=np.float32)[indices]


def changed_pixels(mask: Array, values: Sequence[int] | None) -> npt.NDArray[np.bool_]:
    """Raw mask -> where it names any class but that of what did not change, the first of `values`, 0 without them."""
    changed: npt.NDArray[np.bool_] = mask != (values[0] if values else 0)
    return changed


def unchanged_mask(height: int, width: int, encoding: Encoding, values: Sequence[int] | None) -> Unit:
    """(H, W, C) the mask, in its encoding, of a pair in which nothing changed."""
    value = values[0] if values else 0
    if encoding in ("index", "one_hot") and values is None:
        values = (0,)
    return encode_mask(np.full((height, width, 1), value, np.uint8), encoding, values, "mask: none")
