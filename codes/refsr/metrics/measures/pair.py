"""Image and target of a comparison as tensors, and what a measure may ask of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError
from refsr.metrics.measures.table import Measure

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Array = npt.NDArray[Any]
Score = Callable[["Tensor", "Tensor"], float]


class ImageMeasure(Protocol):
    """A number for one image."""

    def __call__(self, image: Array, target: Array | None) -> float:
        """Both (H, W, C) or (H, W) in [0, 255], as `Protocol.compared` returns them."""
        ...


class SetMeasure(Protocol):
    """A number for all images together."""

    @property
    def sums(self) -> list[Tensor]:
        """What was gathered so far, in place: added up over processes, it is what one process would have."""
        ...

    def update(self, image: Array, target: Array) -> None: ...

    def result(self) -> float: ...


@dataclass(frozen=True)
class OnTensors:
    """An image measure of tensors (1, C, H, W) in [0, 255], float64 unless `single`."""

    measure: Measure
    score: Score
    smallest: int = 1
    """Pixels that both sides must have."""
    device: torch.device | str = "cpu"
    single: bool = False
    """In float32, as networks are."""

    def __call__(self, image: Array, target: Array | None) -> float:
        import torch

        with torch.inference_mode(), full_precision():
            return float(self.score(*self._tensors(image, target)))

    def _tensors(self, image: Array, target: Array | None) -> tuple[Tensor, Tensor]:
        values = (require_sound(self.measure, image, self.smallest), require_target(self.measure, image, target))
        first, second = (as_tensor(array, self.device, self.single) for array in values)
        return first, second


class Remembered:
    """Features of the last target: baselines and networks are compared with one and the same, one after another."""

    def __init__(self, network: Callable[[Tensor], list[Tensor]]) -> None:
        self.network = network
        self._target: Tensor | None = None
        self._features: list[Tensor] = []

    def __call__(self, target: Tensor) -> list[Tensor]:
        if self._target is None or not target.equal(self._target):
            self._target, self._features = target, self.network(target)
        return self._features


def full_precision() -> AbstractContextManager[None]:
    """On GPUs too, convolutions in the whole of float32: TF32 would move the fourth digit."""
    from torch.backends import cudnn

    flags: AbstractContextManager[None] = cudnn.flags(enabled=True, allow_tf32=False)
    return flags


def require_target(measure: Measure, image: Array, target: Array | None) -> Array:
    """The target, of the image's shape."""
    if target is None:
        raise DataError(f"{measure.name} compares with a target, and there is none")
    if image.shape != target.shape:
        raise DataError(f"{measure.name}: the image has shape {image.shape}, its target {target.shape}")
    return target


def require_sound(measure: Measure, image: Array, smallest: int) -> Array:
    """The image, if it has the bands and sides that the measure needs."""
    bands = 1 if image.ndim == 2 else image.shape[2]
    if measure.bands == "rgb" and bands != 3:
        raise DataError(f"{measure.name} needs three bands, got {bands}; a protocol on luma leaves one")
    if measure.bands == "several" and bands < 2:
        raise DataError(f"{measure.name} needs two bands or more, got one; a protocol on luma leaves one")
    if min(image.shape[:2]) < smallest:
        raise DataError(
            f"{measure.name} needs sides of at least {smallest} pixels after the border is cut, got {image.shape[:2]}"
        )
    return image


def as_tensor(values: Array, device: torch.device | str = "cpu", single: bool = False) -> Tensor:
    """(H, W[, C]) -> (1, C, H, W)."""
    import torch

    planes = values[..., None] if values.ndim == 2 else values
    planes = np.ascontiguousarray(np.moveaxis(planes, 2, 0), dtype=np.float32 if single else np.float64)
    return torch.from_numpy(planes)[None].to(device)
