"""Answers for image resizing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from harness.case import Case
from harness.run import Answers
from refsr.ops.resize import Factor, as_fraction, imresize, kernel_taps, mirrored


def matlab_runs(case: Case) -> Answers:
    """Each run of the configuration: an input, a factor, with or without antialiasing."""
    inputs = case.inputs()
    return {
        name: imresize(
            inputs[run["input"]],
            _factor(run["scale"]),
            kernel=run.get("kernel", "bicubic"),
            antialias=run.get("antialiasing", True),
        )
        for name, run in case.config["runs"].items()
    }


def _factor(scale: Factor | Sequence[int]) -> Factor:
    """A factor, or its numerator and denominator."""
    return Fraction(*scale) if isinstance(scale, list) else scale  # type: ignore[return-value]


def both_resizers(case: Case) -> Answers:
    """The exact resizer (`mirror_*`), and the released one whose first rows lack the mirrored part (`lead_*`)."""
    config, inputs = case.config, {name.removeprefix("image_"): image for name, image in case.inputs().items()}
    answers: dict[str, npt.ArrayLike] = {}
    for image, scale in config.get("images", ()):
        label = f"{image}_{str(scale).replace('/', 'over').replace('.', 'p')}"
        answers[f"mirror_{label}"] = imresize(inputs[image], scale)
        answers[f"lead_{label}"] = _without_lead(inputs[image], scale, "bicubic")
    for kernel in config.get("kernels", ()):
        image, scale = inputs[config["kernel_image"]], config["kernel_scale"]
        answers[f"kernel_{kernel}"] = _without_lead(image, scale, kernel)
    return answers


def _without_lead(image: npt.NDArray[np.float32], scale: Factor, kernel: str) -> npt.NDArray[np.float64]:
    """The release's first resizer: positions before the first pixel weigh nothing, the rest is renormalised."""
    work = image.astype(np.float64)
    factor = as_fraction(scale)
    for axis in (0, 1):
        length = work.shape[axis]
        positions, weights = kernel_taps(math.ceil(length * factor), factor, kernel)
        weights = np.where(positions < 0, 0.0, weights)
        weights /= weights.sum(axis=1, keepdims=True)
        matrix = np.zeros((len(weights), length))
        np.add.at(matrix, (np.arange(len(weights))[:, None], mirrored(positions, length)), weights)
        work = np.moveaxis(np.tensordot(matrix, work, (1, axis)), 0, axis)
    return work
