"""How large the error of a restored pixel is: a small predictor, and half the width of the 90 % interval around it.

The predictor is additive: a piecewise linear function of each feature, their sum the logarithm of the error. Its
intervals are split conformal: on places that it was not fitted to, in each class of predicted errors, 90 % of the
errors are smaller than the half-width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.core.errors import DataError
from refsr.ops.resize import imresize_tensor

LEVEL = 0.9
"""The share of pixels whose error lies inside the interval."""
FAINT = 1 / 1024
"""Amounts of [0, 1] below this are noise of 8 bits; logarithms end there."""
KNOTS = (-1.0, 0.0, 1.0)
"""Where slopes change, in standard deviations of a feature."""
FARTHEST = 3.0
"""Features further off than any that was fitted say no more than this."""
CLASSES = 12
"""Of predicted errors, with equally many pixels, each with a quantile of its own."""
NEAR, WIDE = 1, 4
"""Pixels of LR around a pixel over which features are averaged."""
FEATURE_REACH = WIDE + 3
"""Pixels of LR that a feature depends on: the mean, and a reduction or an interpolation."""


class Restored(NamedTuple):
    """What is known of a result without its ground truth; images (B, C, s*h, s*w)."""

    image: Tensor
    mixed: Tensor
    """Before it was held to LR."""
    alone: Tensor
    """Without a reference."""
    lr: Tensor
    lr_up: Tensor


@dataclass(frozen=True)
class ErrorModel:
    """The predictor of a model's errors with the half-widths for its predictions."""

    means: tuple[float, ...]
    stds: tuple[float, ...]
    slopes: tuple[tuple[float, ...], ...]
    """For each feature its slope below all knots, and by how much it grows at each."""
    bias: float
    predicted: tuple[float, ...]
    """Logarithms of predicted errors, increasing."""
    half_widths: tuple[float, ...]
    """The logarithm of the interval's half-width at each; between them it is interpolated."""

    @staticmethod
    def of(section: Mapping[str, Any]) -> ErrorModel:
        """The model that a card holds; a DataError where it is of other features than these."""
        if len(section["slopes"]) != len(FEATURES) or any(len(one) != 1 + len(KNOTS) for one in section["slopes"]):
            raise DataError("the model's calibration is of another version of refsr; refsr calibrate makes a new one")
        slopes = tuple(tuple(one) for one in section["slopes"])
        rest = {name: tuple(section[name]) for name in ("means", "stds", "predicted", "half_widths")}
        return ErrorModel(slopes=slopes, bias=float(section["bias"]), **rest)

    def log_error(self, features: Tensor) -> Tensor:
        """(B, F, H, W) -> (B, 1, H, W): the logarithm of the error to be expected."""
        total = torch.full_like(features[:, :1], self.bias)
        for index, (mean, std, slopes) in enumerate(zip(self.means, self.stds, self.slopes, strict=True)):
            for slope, part in zip(slopes, hinges(features[:, index : index + 1], mean, std), strict=True):
                total += slope * part
        return total

    def half_width(self, features: Tensor) -> Tensor:
        """(B, F, H, W) -> (B, 1, H, W): half the width of the interval that holds 90 % of the errors, in [0, 1]."""
        return interpolated(self.log_error(features), self.predicted, self.half_widths).exp()


def hinges(feature: Tensor, mean: float, std: float) -> list[Tensor]:
    """A feature in standard deviations, and by how much it exceeds each knot."""
    amount = ((feature - mean) / std).clamp(-FARTHEST, FARTHEST)
    return [amount, *((amount - knot).clamp(min=0) for knot in KNOTS)]


def interpolated(at: Tensor, positions: tuple[float, ...], values: tuple[float, ...]) -> Tensor:
    """The piecewise linear function through `values` at increasing `positions`, constant beyond the last ones."""
    x, y = (at.new_tensor(one) for one in (positions, values))
    right = torch.searchsorted(x, at.contiguous()).clamp(1, len(x) - 1)
    share = ((at - x[right - 1]) / (x[right] - x[right - 1])).clamp(0, 1)
    return y[right - 1] + share * (y[right] - y[right - 1])


FEATURES = (
    "contrast",
    "wide contrast",
    "gradient",
    "added detail",
    "wide added detail",
    "brought by the reference",
    "wide brought by the reference",
    "residual at LR",
    "correction by LR",
    "brightness",
)


def features(known: Restored) -> Tensor:
    """(B, F, s*h, s*w), in the order of FEATURES: logarithms of amounts in [0, 1], and the brightness."""
    scale = known.image.shape[-1] // known.lr.shape[-1]
    near, wide = NEAR * scale, WIDE * scale

    def amount(difference: Tensor) -> Tensor:
        return difference.square().mean(1, keepdim=True)

    def root(square: Tensor, around: int) -> Tensor:
        return local_mean(square, around).sqrt().add(FAINT).log()

    grey = known.image.mean(1, keepdim=True)
    size = (known.lr.shape[-2], known.lr.shape[-1])
    residual = amount(imresize_tensor(known.alone, size=size) - known.lr)
    residual = F.interpolate(
        local_mean(residual, WIDE // 2), size=grey.shape[-2:], mode="bilinear", align_corners=False
    )
    added, brought = amount(known.mixed - known.lr_up), amount(known.mixed - known.alone)
    planes = (
        contrast(grey, near),
        contrast(grey, wide),
        gradient(grey).add(FAINT).log(),
        root(added, 1),
        root(added, wide),
        root(brought, 1),
        root(brought, wide),
        residual.sqrt().add(FAINT).log(),
        root(amount(known.image - known.mixed), near),
        local_mean(grey, near),
    )
    return torch.cat(planes, 1)


def contrast(grey: Tensor, around: int) -> Tensor:
    """(B, 1, H, W): the logarithm of the local standard deviation."""
    mean = local_mean(grey, around)
    variance = local_mean((grey - mean).square(), around)
    return variance.sqrt().add(FAINT).log()


def gradient(grey: Tensor) -> Tensor:
    """(B, 1, H, W): differences of neighbours across each pixel."""
    padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    across, down = (
        (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2,
        (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2,
    )
    return (across.square() + down.square()).sqrt()


def local_mean(plane: Tensor, around: int) -> Tensor:
    """(B, C, H, W): the mean over a square of `around` pixels to each side, of what of it lies in the image."""
    for kernel, pad in (((2 * around + 1, 1), (around, 0)), ((1, 2 * around + 1), (0, around))):
        plane = F.avg_pool2d(plane, kernel, 1, pad, count_include_pad=False)
    return plane
