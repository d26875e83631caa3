"""The resizer against its definition written out as loops, and against what a resizer must keep."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from refsr.core.errors import OperatorError
from refsr.ops.resize import KERNELS, imresize, imresize_tensor


def by_definition(row: np.ndarray, scale: Fraction, antialias: bool) -> np.ndarray:
    """One axis of bicubic imresize, pixel by pixel, with 1-based coordinates."""

    def cubic(t: float) -> float:
        t = abs(t)
        if t <= 1:
            return 1.5 * t**3 - 2.5 * t**2 + 1
        return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t <= 2 else 0.0

    n, factor = len(row), float(scale)
    shrink = factor if antialias and factor < 1 else 1.0
    width = 4 / shrink
    result = []
    for i in range(1, math.ceil(n * scale) + 1):
        centre = i / factor + 0.5 * (1 - 1 / factor)
        left = math.floor(centre - width / 2)
        total = weight_sum = 0.0
        for tap in range(left, left + math.ceil(width) + 2):
            weight = shrink * cubic(shrink * (centre - tap))
            at = (tap - 1) % (2 * n)
            total += weight * row[at if at < n else 2 * n - 1 - at]
            weight_sum += weight
        result.append(total / weight_sum)
    return np.array(result)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("scale", ["1/2", "1/3", "3/7", "1/16", "2", "5/3", "1"])
@pytest.mark.parametrize("length", [1, 2, 3, 17, 96, 131])
def test_each_axis_is_the_definition(length, scale, antialias):
    image = np.random.default_rng(length).random((length, length + 3))
    ours = imresize(image, scale, antialias=antialias)
    rows = np.stack([by_definition(c, Fraction(scale), antialias) for c in image.T], axis=1)
    both = np.stack([by_definition(r, Fraction(scale), antialias) for r in rows])
    np.testing.assert_allclose(ours, both, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_constant_stays_constant(kernel):
    for scale in ("1/4", "3"):
        np.testing.assert_allclose(imresize(np.full((9, 14, 5), 0.3), scale, kernel=kernel), 0.3, atol=1e-12)


def test_integers_are_rounded_and_clipped_after_each_axis():
    image = np.random.default_rng(0).integers(0, 256, (40, 24, 3), dtype=np.uint8)
    rows = np.clip(np.floor(_axis0(image.astype(float), "1/4") + 0.5), 0, 255)
    both = np.clip(np.floor(np.moveaxis(_axis0(np.moveaxis(rows, 1, 0), "1/4"), 0, 1) + 0.5), 0, 255)
    result = imresize(image, "1/4")
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, both)


def _axis0(image: np.ndarray, scale: str) -> np.ndarray:
    return np.apply_along_axis(by_definition, 0, image, Fraction(scale), True)


def test_size_gives_each_axis_its_own_factor():
    image = np.random.default_rng(1).random((30, 21))
    assert imresize(image, size=(7, 50)).shape == (7, 50)
    np.testing.assert_allclose(imresize(image, size=(15, 7)), by_two_factors(image, Fraction(1, 2), Fraction(1, 3)))


def by_two_factors(image: np.ndarray, down: Fraction, across: Fraction) -> np.ndarray:
    return np.apply_along_axis(by_definition, 1, np.apply_along_axis(by_definition, 0, image, down, True), across, True)


def test_gradients_are_right():
    image = torch.rand(2, 9, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: imresize_tensor(x, "1/3"), image)
    assert torch.autograd.gradcheck(lambda x: imresize_tensor(x, 2), image)


def test_half_precision_comes_back_in_its_own_type():
    image = torch.rand(3, 16, 16)
    half = imresize_tensor(image.bfloat16(), "1/2")
    assert half.dtype is torch.bfloat16
    torch.testing.assert_close(half.float(), imresize_tensor(image, "1/2"), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: imresize(np.zeros((4, 4)), "four"), "scale 'four' is not a number"),
        (lambda: imresize(np.zeros((4, 4)), 0), "must be above zero"),
        (lambda: imresize(np.zeros((4, 4)), float("nan")), "is not a number"),
        (lambda: imresize(np.zeros((4, 4)), 2, kernel="bicubci"), "did you mean 'bicubic'"),
        (lambda: imresize(np.zeros((4, 4)), 2, size=(2, 2)), "either scale or size"),
        (lambda: imresize(np.zeros((4, 4))), "either scale or size"),
        (lambda: imresize(np.zeros(4), 2), r"shape \(4,\)"),
        (lambda: imresize(np.zeros((0, 4)), 2), "H, W > 0"),
        (lambda: imresize(np.zeros((4, 4), dtype=np.int32), 2), "int32"),
        (lambda: imresize_tensor(torch.zeros(4, 4, dtype=torch.uint8), 2), "floating type"),
        (lambda: imresize(np.zeros((4, 4)), size=(0, 2)), "above zero"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(OperatorError, match=message):
        call()
