"""FID: the Frechet distance between the Inception features of two sets of images."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from refsr.core.errors import DataError
from refsr.metrics.base import Array, SetMetric, as_tensor, full_precision, require_image, require_target
from refsr.metrics.building import MetricConfig
from refsr.metrics.inception import Inception
from refsr.metrics.weight_files import read, require


class Fid:
    """torchmetrics' Frechet distance over features of `network`; it accumulates sums, not images."""

    def __init__(self, config: MetricConfig, network: torch.nn.Module) -> None:
        from torchmetrics.image.fid import FrechetInceptionDistance

        self.config = config
        # The caller sums over processes, through `sums`; torchmetrics would synchronize in `compute`.
        self.distance = FrechetInceptionDistance(
            feature=network, normalize=True, sync_on_compute=False, compute_with_cache=False
        ).to(config.device)

    @property
    def sums(self) -> list[Tensor]:
        """Sums over images, to be summed in place over processes before `result`."""
        return [
            getattr(self.distance, f"{side}_features_{kind}")
            for side in ("real", "fake")
            for kind in ("sum", "cov_sum", "num_samples")
        ]

    def update(self, image: Array, target: Array | None) -> None:
        """One more image (H, W, 3) of each set, in [0, 255]."""
        metric = self.config.metric
        pair = (require_target(metric, image, target), require_image(metric, image, 1))
        with torch.inference_mode(), full_precision():
            for real, values in zip((True, False), pair, strict=True):
                self.distance.update(as_tensor(values, self.config.device, single=True), real=real)

    def result(self) -> float:
        """The distance between the images and their targets."""
        if (count := int(self.distance.real_features_num_samples)) < 2:
            raise DataError(f"fid compares sets of two images or more, got {count}")
        return float(self.distance.compute())


def fid(config: MetricConfig) -> SetMetric:
    """FID with the published network."""
    return Fid(config, _network(require("inception", config.weights)).to(config.device))


@lru_cache(maxsize=1)
def _network(file: Path) -> Inception:
    network = Inception()
    network.load_published(read("inception", file))
    return network.eval().requires_grad_(False)
