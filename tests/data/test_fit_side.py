"""Sides of a set's images may be up to 16 pixels off: cut or mirrored; more is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.data.images import ImageInfo
from refsr.data.prepare.fit_side import check_side, fitted_to_side

SIDE = 64


@pytest.mark.parametrize("off", [-17, 17])
def test_a_side_17_pixels_off_is_refused(off):
    for size in ((SIDE + off, SIDE), (SIDE, SIDE + off)):
        with pytest.raises(DataError, match=f"a.png: is {size[0]}x{size[1]}; the images of this set are 64x64"):
            check_side(Path("a.png"), ImageInfo(*size, 3, "uint8"), SIDE)


@pytest.mark.parametrize("off", [-16, 0, 16])
def test_a_side_up_to_16_pixels_off_is_fitted(off):
    check_side(Path("a.png"), ImageInfo(SIDE + off, SIDE - off, 3, "uint8"), SIDE)
    image = np.random.default_rng(0).integers(0, 256, (SIDE + off, SIDE - off, 3), dtype=np.uint8)
    fitted = fitted_to_side(image, SIDE)
    height, width = min(SIDE, SIDE + off), min(SIDE, SIDE - off)
    assert fitted.shape == (SIDE, SIDE, 3)
    np.testing.assert_array_equal(fitted[:height, :width], image[:height, :width])
    np.testing.assert_array_equal(fitted[height:, :width], image[height - (SIDE - height) : height, :width][::-1])
    np.testing.assert_array_equal(fitted[:height, width:], image[:height, width - (SIDE - width) : width][:, ::-1])
