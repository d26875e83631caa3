"""Metrics as functions of images: `measure` for several at once, `metric_function` for one by its name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError, UsageError
from refsr.data.images import read_image
from refsr.data.ranges import FEW_BEYOND, Range, declared, to_unit
from refsr.metrics.building import build
from refsr.metrics.protocols import DEFAULT_PROTOCOL
from refsr.metrics.protocols import Protocol as MetricProtocol
from refsr.metrics.protocols import protocol as protocol_named
from refsr.metrics.table import metric_named

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]
FARTHEST = 1.0
"""From the middle of 0 to 1, where a network's result may overshoot; farther out lie values of another range."""
Image = Any
"""An array (H, W[, C]) or a tensor (C, H, W) in uint8, uint16 or floats in [0, 1], or an image file's path."""


class MetricFunction(Protocol):
    """A metric as a function of an image and its target."""

    def __call__(
        self,
        image: Image,
        target: Image = None,
        *,
        protocol: str = DEFAULT_PROTOCOL,
        scale: int = 4,
        range: Range | None = None,
        weights: str | Path | None = None,
        device: torch.device | str = "cpu",
    ) -> float: ...


def measure(
    image: Image,
    target: Image = None,
    metrics: Sequence[str] = ("psnr", "ssim"),
    *,
    protocol: str = DEFAULT_PROTOCOL,
    scale: int = 4,
    range: Range | None = None,
    weights: str | Path | None = None,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Several metrics of an image and its target, by name, under a protocol (docs/metrics.md lists both).

    `scale` is the factor of super-resolution, which some protocols and metrics need. `range` are the raw values that
    become 0 and 1, which 16 bits and floats of another range need. `weights` is the folder of the weight files that
    some metrics need. Metrics of a whole set, such as fid, take sequences of images.

    >>> image = np.full((32, 32, 3), 100, np.uint8)
    >>> refsr.metrics.measure(image, image + np.uint8(10), ["psnr", "gms"], protocol="rgb-uint8-border0")
    {'psnr': 28.13..., 'gms': 1.0}
    """
    under = protocol_named(protocol)
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    folder = None if weights is None else Path(weights)
    found: dict[str, float] = {}
    for name in names:
        metric = metric_named(name)
        built: Any = build(name, folder, scale, device)
        if metric.whole_set:
            for one, other in _pairs(name, image, target):
                built.update(*under.compared(_unit(one, range, "image"), _unit(other, range, "target"), scale))
            found[name] = float(built.result())
        elif metric.needs_target and target is None:
            raise UsageError(f"{name} compares with a target, and there is none")
        else:
            found[name] = float(built(*_compared(under, image, target, scale, range)))
    return found


@cache
def metric_function(name: str) -> MetricFunction:
    """The metric of a name as a function; hyphens of the name may be underscores."""
    known = metric_named(name).name

    def function(image: Image, target: Image = None, **options: Any) -> float:
        return measure(image, target, [known], **options)[known]

    metric = metric_named(known)
    unit = f" in {metric.unit}" if metric.unit else ""
    function.__name__ = function.__qualname__ = name.replace("-", "_")
    function.__doc__ = f"{metric.about}{unit}; {metric.better} is better. The options are those of `measure`."
    return function


def _compared(
    under: MetricProtocol, image: Image, target: Image, scale: int, range: Range | None
) -> tuple[Array, Array | None]:
    """Image and target as the protocol has them; a metric without a target gets None."""
    unit = _unit(image, range, "image")
    if target is None:
        return under.compared(unit, unit, scale)[0], None
    return under.compared(unit, _unit(target, range, "target"), scale)


def _pairs(name: str, images: Image, targets: Image) -> list[tuple[Image, Image]]:
    if not (isinstance(images, Sequence) and isinstance(targets, Sequence)) or isinstance(images, str):
        raise UsageError(f"{name} compares sets: expected a sequence of images and one of targets")
    if len(images) != len(targets):
        raise UsageError(f"{name} compares sets of one size, got {len(images)} images and {len(targets)} targets")
    return list(zip(images, targets, strict=True))


def _check_unit(image: Array, name: str) -> None:
    """A DataError for floats of another range: a protocol would cut all above 1 off, and what is left looks alike."""
    beyond = np.count_nonzero(np.abs(image - 0.5) > FARTHEST) / image.size
    if beyond > FEW_BEYOND:
        raise DataError(
            f"{name}: floats are read as 0 to 1, and {beyond:.0%} of them lie far beyond, from {image.min():g} to "
            f"{image.max():g}; name their range, such as range=(0, 255) or range=(-1, 1)"
        )


def _unit(image: Image, range: Range | None, role: str) -> Array:
    """(H, W, C) in [0, 1]."""
    name = role
    if isinstance(image, (str, Path)):
        name, image = str(image), read_image(image)
    elif hasattr(image, "detach"):  # a tensor, without importing torch
        whole = image.detach().cpu()
        values = (whole.float() if whole.is_floating_point() else whole).numpy()
        image = np.moveaxis(values, 0, 2) if values.ndim == 3 else values
    if not isinstance(image, np.ndarray):
        raise UsageError(
            f"{name} is a {type(image).__name__}; expected an array, a tensor (C, H, W) or an image's path"
        )
    if image.ndim not in (2, 3):
        raise DataError(f"{name} has the shape {image.shape}; expected (H, W) or (H, W, C), of tensors (C, H, W)")
    planes: Array = image if image.ndim == 3 else image[:, :, None]
    if range is None and planes.dtype.kind == "f":
        _check_unit(planes, name)
        return planes
    return to_unit(planes, *declared(str(planes.dtype), range, name, in_option_file=False))
