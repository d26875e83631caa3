"""FID: the distance between two sets of images as Gaussians of Inception's features."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from refsr.core.errors import DataError
from refsr.metrics.building import Setting
from refsr.metrics.files import read, require
from refsr.metrics.inception import Inception
from refsr.metrics.pair import Array, SetMetric, as_tensor, full_precision, require_sound, require_target


class Fid:
    """torchmetrics' Frechet distance over features of `network`; sums are kept, not images."""

    def __init__(self, setting: Setting, network: torch.nn.Module) -> None:
        from torchmetrics.image.fid import FrechetInceptionDistance

        self.setting = setting
        # Adding up over processes is the caller's, through `sums`; torchmetrics would wait for them all in `compute`.
        self.distance = FrechetInceptionDistance(
            feature=network, normalize=True, sync_on_compute=False, compute_with_cache=False
        ).to(setting.device)

    @property
    def sums(self) -> list[Tensor]:
        """Sums over images, in place: added up over processes, they are what one process would have."""
        return [
            getattr(self.distance, f"{side}_features_{kind}")
            for side in ("real", "fake")
            for kind in ("sum", "cov_sum", "num_samples")
        ]

    def update(self, image: Array, target: Array | None) -> None:
        """One more image (H, W, 3) of each set, in [0, 255]."""
        metric = self.setting.metric
        pair = (require_target(metric, image, target), require_sound(metric, image, 1))
        with torch.inference_mode(), full_precision():
            for real, values in zip((True, False), pair, strict=True):
                self.distance.update(as_tensor(values, self.setting.device, single=True), real=real)

    def result(self) -> float:
        """The distance between the images and their targets."""
        if (count := int(self.distance.real_features_num_samples)) < 2:
            raise DataError(f"fid compares sets of two images or more, got {count}")
        return float(self.distance.compute())


def fid(setting: Setting) -> SetMetric:
    """FID with the published network."""
    return Fid(setting, _network(require("inception", setting.weights)).to(setting.device))


@lru_cache(maxsize=1)
def _network(file: Path) -> Inception:
    network = Inception()
    network.take(read("inception", file))
    return network.eval().requires_grad_(False)
