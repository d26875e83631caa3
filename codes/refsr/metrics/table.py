"""The table of metrics: what there is, what computes it, and what it needs. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from refsr.core import registry
from refsr.core.errors import RefsrError, UsageError
from refsr.core.registry import NAMES


class MetricError(RefsrError):
    """A metric cannot be taken here: what is missing, and how to bring it."""


@dataclass(frozen=True)
class Metric:
    """One line of the table."""

    name: str
    about: str
    better: Literal["higher", "lower"]
    library: str
    """What computes it; quoted with the number, because libraries differ."""
    place: str
    """`module:attribute` of what makes it, imported when it is built."""
    unit: str = ""
    whole_set: bool = False
    """One number for all images together, not one an image."""
    needs_target: bool = True
    bands: Literal["any", "several", "rgb"] = "any"
    """Which images it takes: `several` means two bands or more, `rgb` three."""
    files: tuple[str, ...] = ()
    """Weight files it needs, as `files.py` names them."""
    packages: tuple[str, ...] = ()
    """Packages beyond the required ones that compute it."""


_HERE = "refsr.metrics."
_TORCHMETRICS = ("torchmetrics",)

METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "psnr",
            "peak signal to noise over all pixels and bands",
            "higher",
            "refsr",
            _HERE + "fidelity:psnr_metric",
            unit="dB",
        ),
        Metric(
            "ssim",
            "structural similarity, 11x11 Gaussian window where it fits",
            "higher",
            "refsr",
            _HERE + "fidelity:ssim_metric",
        ),
        Metric(
            "gms",
            "whether edges are where the target has them and as strong: mean similarity of gradients of halved luma",
            "higher",
            "refsr",
            _HERE + "gradient_similarity:gms",
        ),
        Metric(
            "gmsd",
            "standard deviation of that similarity over the image: how unevenly edges are right",
            "lower",
            "refsr",
            _HERE + "gradient_similarity:gmsd",
        ),
        Metric(
            "ms-ssim",
            "structural similarity over five octaves: forgives small shifts, which references tempt networks into",
            "higher",
            "torchmetrics",
            _HERE + "library:ms_ssim",
            packages=_TORCHMETRICS,
        ),
        Metric(
            "sam",
            "mean angle between the spectra of a pixel: colour apart from brightness; black pixels have none and are "
            "left out",
            "lower",
            "torchmetrics",
            _HERE + "library:sam",
            unit="degrees",
            bands="several",
            packages=_TORCHMETRICS,
        ),
        Metric(
            "ergas",
            "error of each band relative to its mean, as pan-sharpening quotes it: 100 / factor times the root mean",
            "lower",
            "torchmetrics",
            _HERE + "library:ergas",
            packages=_TORCHMETRICS,
        ),
        Metric(
            "scc",
            "correlation of what a Laplacian leaves, the detail; flat windows count 0, even where they are equal",
            "higher",
            "torchmetrics",
            _HERE + "library:scc",
            packages=_TORCHMETRICS,
        ),
        Metric(
            "niqe",
            "how far statistics of blocks of 96 pixels are from natural photographs'; blind, and made for photographs",
            "lower",
            "refsr, parameters of basicsr 1.4.2",
            _HERE + "niqe:niqe_metric",
            needs_target=False,
        ),
        Metric(
            "lpips",
            "distance of deep features, AlexNet, version 0.1 as published",
            "lower",
            "refsr, weights of lpips 0.1",
            _HERE + "feature_distance:lpips",
            bands="rgb",
            files=("alexnet", "lpips-heads"),
        ),
        Metric(
            "dists",
            "structure and texture of deep features, VGG16 as published",
            "lower",
            "refsr, weights of DISTS",
            _HERE + "dists:dists",
            bands="rgb",
            files=("vgg16", "dists-weights"),
        ),
        Metric(
            "st-lpips",
            "shift-tolerant distance of deep features, VGG16 with blurred pooling; not on the scale of lpips",
            "lower",
            "refsr, weights of stlpips-pytorch 0.0.2",
            _HERE + "feature_distance:st_lpips",
            bands="rgb",
            files=("st-lpips-vgg",),
        ),
        Metric(
            "st-lpips-alex",
            "the same with AlexNet; again a scale of its own",
            "lower",
            "refsr, weights of stlpips-pytorch 0.0.2",
            _HERE + "feature_distance:st_lpips_alex",
            bands="rgb",
            files=("st-lpips-alex",),
        ),
        Metric(
            "fid",
            "distance of two sets of images, Inception features; few images bias it upwards, so quote how many",
            "lower",
            "torchmetrics, weights of pt_inception-2015-12-05",
            _HERE + "fid:fid",
            whole_set=True,
            bands="rgb",
            files=("inception",),
            packages=_TORCHMETRICS,
        ),
    )
}


NAMES["metric"].update(METRICS)


def names() -> list[str]:
    """The names of all metrics: those of the table in its order, then those that users register."""
    return registry.names("metric")


def described(name: str) -> Metric:
    """The metric of a name."""
    metric = registry.resolve("metric", name)
    if not isinstance(metric, Metric):
        raise UsageError(f"metric {name!r} is a {type(metric).__name__}; expected a refsr.metrics.Metric")
    if metric.name != name:
        raise UsageError(f"metric {name!r} is registered for a Metric that is named {metric.name!r}")
    return metric
