"""Traces of JPEG tell its quality, wherever the grid of blocks lies, and are faint in images without."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from refsr.networks.blocks.jpeg_traces import QUALITIES, JpegTraces

FAINT = 0.15
SHOWN = [60, 75, 85, 90, 95]


def picture(side: int = 96) -> np.ndarray:
    """Texture of several scales with edges."""
    generator = np.random.default_rng(3)
    layers = [cv2.resize(generator.normal(0, 25, (n, n, 3)), (side, side)) for n in (4, 12, 48)]
    image = 128 + sum(layers)
    image[30:60, 20:80] += 40
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def compressed(image: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def traces(image: np.ndarray) -> torch.Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(image[..., ::-1]).astype(np.float32) / 255)
    return JpegTraces()(tensor.permute(2, 0, 1)[None])[0]


@pytest.mark.parametrize("quality", SHOWN)
def test_the_quality_stands_out(quality):
    found = traces(compressed(picture(), quality))
    assert QUALITIES[int(found.argmax())] == quality
    assert found.max() > 2 * FAINT


def test_without_jpeg_they_are_faint():
    assert traces(picture()).max() < FAINT
    enlarged = cv2.resize(compressed(picture(), 75), (130, 130), interpolation=cv2.INTER_CUBIC)
    assert traces(enlarged).max() < FAINT


def test_the_grid_may_lie_anywhere():
    image = compressed(picture(), 80)
    torch.testing.assert_close(traces(image[5:, 3:]), traces(image), atol=0.05, rtol=0)


@pytest.mark.parametrize("side", [1, 7, 8, 14])
def test_images_without_two_blocks_have_none(side):
    assert torch.equal(traces(picture()[:side, :side]), torch.zeros(len(QUALITIES)))


def test_other_numbers_of_bands_are_averaged():
    grey = torch.rand(2, 1, 40, 40)
    assert JpegTraces()(grey).shape == (2, len(QUALITIES))
    torch.testing.assert_close(JpegTraces()(grey.expand(2, 5, 40, 40)), JpegTraces()(grey), atol=1e-3, rtol=0)
