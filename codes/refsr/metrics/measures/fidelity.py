"""PSNR and SSIM as entries of the table."""

from __future__ import annotations

from refsr.metrics.fidelity import psnr, ssim
from refsr.metrics.measures.building import Setting
from refsr.metrics.measures.pair import Array, ImageMeasure, require_target


def psnr_measure(setting: Setting) -> ImageMeasure:
    return lambda image, target: psnr(image, require_target(setting.measure, image, target))


def ssim_measure(setting: Setting) -> ImageMeasure:
    def score(image: Array, target: Array | None) -> float:
        return ssim(image, require_target(setting.measure, image, target))

    return score
