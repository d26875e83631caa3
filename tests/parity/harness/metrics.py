"""Answers the parity cases of metrics and of the 8-bit images that they see."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.case import Case
from harness.run import Answers
from refsr.metrics.colour import luma, match_statistics
from refsr.metrics.fidelity import psnr, ssim
from refsr.metrics.protocols import measure
from refsr.metrics.quantise import to_uint8

Levels = npt.NDArray[Any]

TSFNET_PROTOCOLS = {
    "test": "rgb-uint8-border-scale",
    "val": "rgb-uint8-border-scale",
    "y": "y-uint8-border-scale",
}
"""Under which of our protocols each of its scripts quotes numbers."""


def rgtgan_metrics(case: Case) -> Answers:
    """Plain PSNR and SSIM, both also with border 4, and the metrics script's four variants."""
    inputs = case.inputs()
    answers: dict[str, npt.ArrayLike] = {"tensor2img": to_uint8(np.moveaxis(inputs["tensor"], 0, 2)[..., ::-1])}
    for pair in case.config["pairs"]:
        first = np.clip(np.floor(inputs[f"{pair}_a"]), 0, 255)
        second = np.clip(np.floor(inputs[f"{pair}_a"] + inputs[f"{pair}_noise"]), 0, 255)
        answers |= _scores(f"{pair}_{{}}", first, second) | _scores(f"{pair}_{{}}_crop4", *_cut(4, first, second))
        if first.ndim == 3:
            # Stored as BGR, so the bands are turned before luma is taken.
            answers |= _script(f"{pair}_script_{{}}", first[..., ::-1], second[..., ::-1])
    return answers


def tsfnet_metrics(case: Case) -> Answers:
    """The test script's scores and the validation pass's, in colour and on luma, for each border: the factor's."""
    inputs = case.inputs()
    answers: dict[str, list[float]] = {}
    for image in case.config["images"]:
        target = np.moveaxis(np.floor(inputs[f"hr_{image}"]) / 255, 0, 2)
        result = target + np.moveaxis(inputs[f"noise_{image}"], 0, 2)
        for border in case.config["borders"]:
            for name, quoted in TSFNET_PROTOCOLS.items():
                for score, value in measure(result, target, border, quoted).items():
                    answers.setdefault(f"{score}_{name}_{image}", []).append(value)
    return answers


def specgan_metrics(case: Case) -> Answers:
    """The test step's scores and the saved image."""
    inputs = case.inputs()
    target, result = inputs["gt"], inputs["gt"] + inputs["noise"]
    first, second = (to_uint8(np.moveaxis((values[0] + 1) / 2, 0, 2)) for values in (result, target))
    border = int(case.config["crop_border"])
    a, b = _cut(border, first, second)
    return {"psnr": psnr(a, b), "ssim": ssim(a, b), "saved_rgb": first}


def _cut(border: int, *images: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    inside = slice(border, -border or None)
    return [image[inside, inside] for image in images]


def _scores(label: str, first: Levels, second: Levels) -> dict[str, npt.ArrayLike]:
    return {label.format("psnr"): psnr(first, second), label.format("ssim"): ssim(first, second)}


def _script(label: str, first: Levels, second: Levels) -> dict[str, npt.ArrayLike]:
    answers: dict[str, npt.ArrayLike] = {}
    for suffix, result in {"": second, "_matched": match_statistics(second, first)}.items():
        colours = _cut(4, first, result)
        answers |= _scores(label + "_rgb" + suffix, *colours)
        answers |= _scores(label + "_y" + suffix, *(luma(image) for image in colours))
    return answers
