"""The table of metrics: names, units, what computes them, what they need. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from refsr.core import registry
from refsr.core.errors import RefsrError, UsageError
from refsr.core.registry import NAMES


class MetricError(RefsrError):
    """A metric cannot be computed here: what is missing, and how to install it."""


@dataclass(frozen=True)
class Metric:
    """One line of the table."""

    name: str
    about: str
    better: Literal["higher", "lower"]
    library: str
    """What computes it; quoted with the number, because libraries differ."""
    factory: str
    """`module:attribute` of the function that builds it from a `MetricConfig`; imported when needed."""
    unit: str = ""
    whole_set: bool = False
    """One number for all images together, not one for each."""
    needs_target: bool = True
    bands: Literal["any", "several", "rgb"] = "any"
    """Which images it takes: `several` means two bands or more, `rgb` three."""
    files: tuple[str, ...] = ()
    """Weight files it needs, as `weight_files.py` names them."""
    packages: tuple[str, ...] = ()
    """Packages beyond the required ones that compute it."""


_HERE = "refsr.metrics."
_TORCHMETRICS = ("torchmetrics",)

METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "psnr",
            "peak signal-to-noise ratio over all pixels and bands",
            "higher",
            "refsr",
            _HERE + "fidelity:psnr_metric",
            unit="dB",
        ),
        Metric(
            "ssim",
            "structural similarity, 11x11 Gaussian window, valid positions only",
            "higher",
            "refsr",
            _HERE + "fidelity:ssim_metric",
        ),
        Metric(
            "gms",
            "gradient magnitude similarity: mean over the image, from luma downsampled by 2",
            "higher",
            "refsr",
            _HERE + "gradient_similarity:gms",
        ),
        Metric(
            "gmsd",
            "its standard deviation over the image",
            "lower",
            "refsr",
            _HERE + "gradient_similarity:gmsd",
        ),
        Metric(
            "ms-ssim",
            "structural similarity at five scales; tolerates small shifts",
            "higher",
            "torchmetrics",
            _HERE + "library:ms_ssim",
            packages=_TORCHMETRICS,
        ),
        Metric(
            "sam",
            "spectral angle, mean over pixels: difference in colour, not in brightness; black pixels are left out",
            "lower",
            "torchmetrics",
            _HERE + "library:sam",
            unit="degrees",
            bands="several",
            packages=_TORCHMETRICS,
        ),
        Metric(
            "ergas",
            "relative error over the bands, as in pan-sharpening: 100 / scale times the root mean square",
            "lower",
            "torchmetrics",
            _HERE + "library:ergas",
            packages=_TORCHMETRICS,
        ),
        Metric(
            "scc",
            "spatial correlation of high-pass (Laplacian) detail; flat windows count 0, even where they are equal",
            "higher",
            "torchmetrics",
            _HERE + "library:scc",
            packages=_TORCHMETRICS,
        ),
        Metric(
            "niqe",
            "distance of the statistics of 96-pixel blocks from natural photographs; made for photographs",
            "lower",
            "refsr, parameters of basicsr 1.4.2",
            _HERE + "naturalness:niqe_metric",
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
            _HERE + "structure_texture:dists",
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
            "the same with AlexNet; not on the scale of st-lpips",
            "lower",
            "refsr, weights of stlpips-pytorch 0.0.2",
            _HERE + "feature_distance:st_lpips_alex",
            bands="rgb",
            files=("st-lpips-alex",),
        ),
        Metric(
            "fid",
            "Frechet distance of the Inception features of two sets; biased upwards for few images",
            "lower",
            "torchmetrics, weights of pt_inception-2015-12-05",
            _HERE + "frechet_distance:fid",
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


def metric_named(name: str) -> Metric:
    """The metric of a name."""
    metric = registry.resolve("metric", name)
    if not isinstance(metric, Metric):
        raise UsageError(f"metric {name!r} is a {type(metric).__name__}; expected a refsr.metrics.Metric")
    if metric.name != name:
        raise UsageError(f"metric {name!r} is registered for a Metric that is named {metric.name!r}")
    return metric
