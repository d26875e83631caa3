"""What a metric is: the two protocols, image metrics of tensors, and checks of their inputs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.metrics.table import Metric

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Array = npt.NDArray[Any]
Score = Callable[["Tensor", "Tensor"], float]


class ImageMetric(Protocol):
    """A metric of one image."""

    def __call__(self, image: Array, target: Array | None) -> float:
        """Both (H, W, C) or (H, W) in [0, 255], as `Protocol.compared` returns them."""
        ...


class SetMetric(Protocol):
    """A metric of a whole set."""

    @property
    def sums(self) -> list[Tensor]:
        """The accumulated state, to be summed in place over processes before `result`."""
        ...

    def update(self, image: Array, target: Array) -> None: ...

    def result(self) -> float: ...


@dataclass(frozen=True)
class TensorMetric:
    """An image metric of tensors (1, C, H, W) in [0, 255], float64 unless `single`."""

    metric: Metric
    score: Score
    smallest: int = 1
    """Both sides must have this many pixels."""
    device: torch.device | str = "cpu"
    single: bool = False
    """In float32, as networks are."""

    def __call__(self, image: Array, target: Array | None) -> float:
        import torch

        with torch.inference_mode(), full_precision():
            return float(self.score(*self._tensors(image, target)))

    def _tensors(self, image: Array, target: Array | None) -> tuple[Tensor, Tensor]:
        values = (require_image(self.metric, image, self.smallest), require_target(self.metric, image, target))
        first, second = (as_tensor(array, self.device, self.single) for array in values)
        return first, second


class TargetFeatures:
    """Features of the last target, cached: several methods are compared with the same target in turn."""

    def __init__(self, network: Callable[[Tensor], list[Tensor]]) -> None:
        self.network = network
        self._target: Tensor | None = None
        self._features: list[Tensor] = []

    def __call__(self, target: Tensor) -> list[Tensor]:
        if self._target is None or not target.equal(self._target):
            self._target, self._features = target, self.network(target)
        return self._features


def full_precision() -> AbstractContextManager[None]:
    """Convolutions in full float32 on GPUs too: TF32 would change the fourth digit."""
    from torch.backends import cudnn

    flags: AbstractContextManager[None] = cudnn.flags(enabled=True, allow_tf32=False)
    return flags


def require_target(metric: Metric, image: Array, target: Array | None) -> Array:
    """The target, of the image's shape."""
    if target is None:
        raise DataError(f"{metric.name} compares with a target, and there is none")
    if image.shape != target.shape:
        raise DataError(f"{metric.name}: the image has shape {image.shape}, its target {target.shape}")
    return target


def require_image(metric: Metric, image: Array, smallest: int) -> Array:
    """The image, if it has the bands and the size that the metric needs."""
    bands = 1 if image.ndim == 2 else image.shape[2]
    if metric.bands == "rgb" and bands != 3:
        raise DataError(f"{metric.name} needs three bands, got {bands}; a protocol on luma leaves one")
    if metric.bands == "several" and bands < 2:
        raise DataError(f"{metric.name} needs two bands or more, got one; a protocol on luma leaves one")
    if min(image.shape[:2]) < smallest:
        raise DataError(
            f"{metric.name} needs sides of at least {smallest} pixels after the border is cut, got {image.shape[:2]}"
        )
    return image


def as_tensor(values: Array, device: torch.device | str = "cpu", single: bool = False) -> Tensor:
    """(H, W[, C]) -> (1, C, H, W)."""
    import torch

    planes = values[..., None] if values.ndim == 2 else values
    planes = np.ascontiguousarray(np.moveaxis(planes, 2, 0), dtype=np.float32 if single else np.float64)
    return torch.from_numpy(planes)[None].to(device)
