"""Metrics by name, and the protocols under which they are quoted.

`psnr`, `ssim` and every other registered metric are functions of this module, with hyphens as underscores; `measure`
takes several at once. `available` says whether a metric can be taken here, `build` makes one for many images.

>>> image = np.full((32, 32, 3), 100, np.uint8)
>>> refsr.metrics.psnr(image, image + np.uint8(10), protocol="rgb-uint8-border4", scale=4)
28.13...
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refsr.metrics.building import available, build
from refsr.metrics.table import METRICS, Metric, MetricError, metric_named, names

if TYPE_CHECKING:
    from refsr.metrics.functions import MetricFunction, measure

__all__ = ["METRICS", "Metric", "MetricError", "available", "build", "measure", "metric_named", "names"]


def __getattr__(name: str) -> MetricFunction:
    if name == "measure":
        from refsr.metrics.functions import measure

        return measure  # type: ignore[return-value]
    registered = {metric.replace("-", "_"): metric for metric in names()}
    if name not in registered:
        raise AttributeError(f"refsr.metrics has no metric or name {name!r} (metrics: {', '.join(registered)})")
    from refsr.metrics.functions import metric_function

    return metric_function(registered[name])


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *(name.replace("-", "_") for name in names())})
