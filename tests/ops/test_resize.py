"""The resizer against its definition written out as loops, and against what a resizer must keep."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F

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


def test_gradients_of_gradients_are_right():
    image = torch.rand(2, 90, 85, dtype=torch.float64, requires_grad=True)
    resized = imresize_tensor(image, "1/2")
    (gradient,) = torch.autograd.grad(resized.pow(2).sum(), image, create_graph=True)
    small = torch.rand(1, 6, 5, dtype=torch.float64, requires_grad=True)
    assert gradient.requires_grad
    assert torch.autograd.gradgradcheck(lambda x: imresize_tensor(x, "1/2"), small)


@pytest.mark.parametrize("scale", ["1/4", "2/3", "4", "1/7"])
def test_backward_is_the_transpose_of_many_blocks(scale):
    image = torch.rand(3, 190, 260, dtype=torch.float64, requires_grad=True)
    resized = imresize_tensor(image, scale)
    other = torch.rand_like(resized)
    (gradient,) = torch.autograd.grad(resized, image, other)
    torch.testing.assert_close((resized * other).sum(), (gradient * image).sum(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("scale", ["1/4", "2/3", "3", ("1/2", "5/3")])
@pytest.mark.parametrize("bands", [1, 3, 4, 5, 31])
def test_numpy_and_torch_agree(scale, bands):
    image = np.random.default_rng(bands).random((150, 97, bands), dtype=np.float32)
    tensor = imresize_tensor(torch.from_numpy(image).permute(2, 0, 1), scale).permute(1, 2, 0)
    ours = imresize(image, scale)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, tensor.numpy(), atol=2e-6)


def test_views_and_strides_change_nothing():
    image = np.random.default_rng(2).random((41, 52, 3))
    np.testing.assert_allclose(imresize(image[::-1, ::2], "1/3"), imresize(image[::-1, ::2].copy(), "1/3"))
    np.testing.assert_allclose(imresize(image.transpose(1, 0, 2), 2), imresize(image, 2).transpose(1, 0, 2))


def test_a_factor_written_as_a_float_is_the_fraction():
    image = np.random.default_rng(3).random((49, 30))
    for written, meant in ((1 / 3, "1/3"), (0.1, "1/10"), (1 / 49, "1/49"), (0.37, "37/100")):
        np.testing.assert_array_equal(imresize(image, written), imresize(image, meant))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_come_back_as_asked(dtype):
    levels = np.iinfo(dtype).max
    image = np.random.default_rng(4).integers(0, levels, (24, 24, 2), dtype=dtype, endpoint=True)
    unrounded = imresize(image, "1/4", rounding="never")
    once = imresize(image, "1/4", rounding="once")
    assert unrounded.dtype == np.float32
    assert once.dtype == dtype
    exact = np.clip(np.floor(imresize(image.astype(np.float64), "1/4") + 0.5), 0, levels)
    np.testing.assert_array_equal(once, exact.astype(dtype))
    np.testing.assert_allclose(unrounded, imresize(image.astype(np.float64), "1/4"), rtol=1e-5)


def test_levels_make_tensors_round_as_integers_do():
    image = np.random.default_rng(5).integers(0, 256, (40, 36), dtype=np.uint8)
    tensor = imresize_tensor(torch.from_numpy(image.astype(np.float64)), "1/4", levels=255)
    np.testing.assert_array_equal(imresize(image, "1/4"), tensor.numpy())


def test_the_axis_that_shrinks_most_is_rounded_first():
    image = np.random.default_rng(6).integers(0, 256, (30, 30), dtype=np.uint8)
    columns = np.clip(np.floor(_axis0(image.T.astype(float), "1/3").T + 0.5), 0, 255)
    both = np.clip(np.floor(_axis0(columns, "1/2") + 0.5), 0, 255)
    np.testing.assert_array_equal(imresize(image, ("1/2", "1/3")), both)


@pytest.mark.parametrize(("scale", "inside", "bound"), [(1 / 2, 2, 0.07), (1 / 4, 2, 0.07), (2, 4, 0.04), (4, 8, 0.04)])
def test_torchs_own_resizer_differs_at_the_border_as_stated(scale, inside, bound):
    image = torch.rand(1, 3, 160, 160, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = imresize_tensor(image, scale)
    theirs = F.interpolate(image, size=ours.shape[-2:], mode="bicubic", antialias=True)
    difference = (ours - theirs).abs()
    assert difference[..., inside:-inside, inside:-inside].max() < 1e-12
    assert 0.01 < difference.max() < bound


def test_autocast_does_not_round_the_weights():
    image = torch.rand(3, 64, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(imresize_tensor(image, "1/4"), imresize_tensor(image.double(), "1/4").float())


def test_functional_transforms_and_export_go_through():
    image = torch.rand(2, 3, 20, 30)
    mapped = torch.func.vmap(lambda x: imresize_tensor(x, 2), in_dims=1, out_dims=1)(image)
    torch.testing.assert_close(mapped, imresize_tensor(image, 2))

    class Module(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return imresize_tensor(x, "1/4")

    exported = torch.export.export(Module(), (image,)).module()
    torch.testing.assert_close(exported(image), imresize_tensor(image, "1/4"))


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
        (lambda: imresize(np.zeros((0, 4)), 2), "H, W, C > 0"),
        (lambda: imresize(np.zeros((4, 4), dtype=np.int32), 2), "int32"),
        (lambda: imresize_tensor(torch.zeros(4, 4, dtype=torch.uint8), 2), "floating type"),
        (lambda: imresize(np.zeros((4, 4)), size=(0, 2)), "above zero"),
        (lambda: imresize(np.zeros((4, 4)), size=(2, 2, 2)), "two whole numbers"),
        (lambda: imresize(np.zeros((4, 4)), (2, 2, 2)), "one factor, or one for rows"),
        (lambda: imresize(np.zeros((4, 4)), 1e-9), "above zero"),
        (lambda: imresize(np.zeros((4, 4), dtype=np.uint8), 2, rounding="onc"), "did you mean 'once'"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(OperatorError, match=message):
        call()


@pytest.mark.parametrize("scale", ["1/4", "2/3", "4"])
def test_second_derivatives_of_many_blocks_are_right(scale):
    """With a linear resize R, the derivative of sum((R x)^3) along v has the gradient 6 R^T (R x * R v)."""
    generator = torch.Generator().manual_seed(0)
    image, along = (torch.rand(2, 190, 260, dtype=torch.float64, generator=generator) for _ in range(2))
    image.requires_grad_()
    resized = imresize_tensor(image, scale)
    (first,) = torch.autograd.grad(resized.pow(3).sum(), image, create_graph=True)
    (second,) = torch.autograd.grad((first * along).sum(), image)
    weights = 6 * resized.detach() * imresize_tensor(along, scale)
    (expected,) = torch.autograd.grad(imresize_tensor(image, scale), image, weights)
    torch.testing.assert_close(second, expected, rtol=1e-10, atol=1e-10)
