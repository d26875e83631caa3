"""Metrics as functions: values of whatever range and type are compared as what they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refsr.core.errors import DataError
from refsr.metrics import measure

DRAWN = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
IMAGE, TARGET = DRAWN
EXPECTED = measure(IMAGE, TARGET)


def test_bytes_of_a_tensor_are_bytes():
    """They became floats of 0 to 255, of which all but black was cut off at 1."""
    planes = [torch.from_numpy(one).permute(2, 0, 1) for one in DRAWN]
    assert measure(*planes) == EXPECTED
    assert measure(*(one.float() / 255 for one in planes)) == pytest.approx(EXPECTED)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1)])
def test_floats_of_another_range_are_said_or_refused(low, high):
    """PSNR of noise against other noise was 20 dB, where 7.7 are right."""
    images = [one / 255 * (high - low) + low for one in DRAWN]
    with pytest.raises(DataError, match=r"floats are read as 0 to 1, and .*range=\(0, 255\)"):
        measure(*images)
    assert measure(*images, range=(low, high)) == pytest.approx(EXPECTED, rel=1e-6)


def test_what_overshoots_is_cut_off_as_before():
    image = TARGET / 255
    assert measure(image * 1.4 - 0.2, image)["psnr"] == pytest.approx(
        measure(np.clip(image * 1.4 - 0.2, 0, 1), image)["psnr"]
    )
