"""The one form in which images reach tasks."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import numpy.typing as npt
from torch import Tensor

Unit = npt.NDArray[np.float32]
"""An image (H, W, C) in float32 whose declared range became [0, 1]."""


class Sample(TypedDict, total=False):
    """Float tensors (C, H, W) in RGB and [0, 1], as many of them as the data set has, and the sample's name."""

    name: str
    lr: Tensor
    lr_up: Tensor
    ref: Tensor
    ref_down: Tensor
    hr: Tensor
    mask: Tensor
    hsi: Tensor


MEMBERS = ("lr", "lr_up", "ref", "ref_down", "hr", "mask", "hsi")
