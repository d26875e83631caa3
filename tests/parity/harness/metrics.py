"""Answers for PSNR and SSIM, and for the 8-bit images that they see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.case import Case
from harness.run import Answer, Answers
from refsr.metrics.colour import luma, match_statistics
from refsr.metrics.fidelity import psnr, ssim
from refsr.metrics.protocols import protocol
from refsr.metrics.quantise import to_uint8

Levels = npt.NDArray[Any]
Pair = tuple[Levels, Levels]

SCORES = {"psnr": psnr, "ssim": ssim}

TSFNET_PROTOCOLS = {
    "test": "rgb-uint8-border-scale",
    "val": "rgb-uint8-border-scale",
    "y": "y-uint8-border-scale",
}
"""Under which of our protocols each of TSFNet's scripts quotes numbers."""


def bgr_pairs(case: Case) -> Answers:
    """RRSGAN's and RGTGAN's scores: plain, with borders cut, and the four variants of the metrics script."""
    inputs = case.inputs()
    answers: dict[str, Answer] = {}
    if "tensor" in inputs:
        answers["tensor2img"] = to_uint8(np.moveaxis(inputs["tensor"], 0, 2)[..., ::-1])
    borders = {int(found[1]) for name in case.asked if (found := re.search(r"_crop(\d+)$", name))}
    for pair in case.config["pairs"]:
        first = np.clip(np.floor(inputs[f"{pair}_a"]), 0, 255)
        second = np.clip(np.floor(inputs[f"{pair}_a"] + inputs[f"{pair}_noise"]), 0, 255)
        answers |= _scores(pair + "_{}", (first, second))
        for border in borders:
            answers |= _scores(f"{pair}_{{}}_crop{border}", _cut(border, first, second))
        if first.ndim == 3 and first.shape[2] == 3:
            # Stored as BGR, so the bands are turned before luma is taken.
            answers |= _script(f"{pair}_script_{{}}", first[..., ::-1], second[..., ::-1])
    return answers


def _script(label: str, target: Levels, result: Levels) -> dict[str, Answer]:
    """The metrics script's scores: border 4, in colour and on luma, as they are and matched to the target."""
    answers: dict[str, Answer] = {}
    for suffix, image in {"": result, "_matched": match_statistics(result, target)}.items():
        pair = _cut(4, target, image)
        answers |= _scores(f"{label}_rgb{suffix}", pair) | _scores(f"{label}_y{suffix}", (luma(pair[0]), luma(pair[1])))
    return answers


def three_protocols(case: Case) -> Answers:
    """TSFNet's scores by its test script and its validation pass, in colour and on luma, one number a border."""
    inputs = case.inputs()
    answers: dict[str, Answer] = {}
    for image in case.config["images"]:
        target = np.moveaxis(np.floor(inputs[f"hr_{image}"]) / 255, 0, 2)
        result = target + np.moveaxis(inputs[f"noise_{image}"], 0, 2)
        for name, quoted in TSFNET_PROTOCOLS.items():
            compared = partial(protocol(quoted).compared, result, target)
            for score in SCORES:
                answers[f"{score}_{name}_{image}"] = partial(_each_border, score, compared, case.config["borders"])
    return answers


def _each_border(score: str, compared: partial[Pair], borders: Sequence[int]) -> list[float]:
    return [SCORES[score](*compared(border)) for border in borders]


def signed_images(case: Case) -> Answers:
    """SpecGAN's scores of its test step, and the saved image."""
    inputs = case.inputs()
    images = inputs["gt"] + inputs["noise"], inputs["gt"]
    result, target = (to_uint8(np.moveaxis((image[0] + 1) / 2, 0, 2)) for image in images)
    pair = _cut(int(case.config.get("crop_border", 0)), result, target)
    return {**_scores("{}", pair), "saved_rgb": result}


def _cut(border: int, first: Levels, second: Levels) -> Pair:
    inside = slice(border, -border or None)
    return first[inside, inside], second[inside, inside]


def _scores(label: str, pair: Pair) -> dict[str, Answer]:
    return {label.format(name): partial(score, *pair) for name, score in SCORES.items()}
