"""Frequency loss: the difference of two images' spectra."""

from __future__ import annotations

import torch
from torch import Tensor

from refsr.losses.pixel import Criterion, pixel_loss, widened


def frequency_loss(restored: Tensor, target: Tensor, criterion: Criterion = "l1") -> Tensor:
    """(B, C, H, W) twice -> the mean difference of the real and imaginary parts of their spectra, in float32 at least.

    Spectra are orthonormal, so the squared difference equals that of the pixels; the absolute one weighs what is
    spread over the image, such as a blur, more than a local error. Only one of each pair of conjugates counts.
    """
    found, wanted = (torch.view_as_real(torch.fft.rfft2(widened(image), norm="ortho")) for image in (restored, target))
    return pixel_loss(found, wanted, criterion)
