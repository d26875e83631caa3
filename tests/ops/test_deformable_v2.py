"""DCNv2: the definition against loops and torchvision, its gradients, and clear errors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from refsr.core.errors import OperatorError
from refsr.ops import dcnv2
from refsr.ops.deformable_v2 import reference, why_not

# Batch, channels in and out, height, width, kernel, stride, padding, dilation, deformable groups, convolution groups.
CASES = [
    (1, 2, 3, 5, 7, 3, 1, 1, 1, 1, 1),
    (2, 4, 2, 6, 5, 3, 2, 0, 1, 2, 2),
    (1, 4, 4, 7, 7, 2, 1, 2, 2, 4, 1),
    (3, 3, 6, 4, 3, 1, 1, 0, 1, 3, 3),
]


def given(case: tuple[int, ...], spread: float = 2.0) -> tuple[list[Tensor], tuple[int, int, int]]:
    B, inner, outer, H, W, K, stride, padding, dilation, G, groups = case
    generator = torch.Generator().manual_seed(sum(case))
    Ho, Wo = ((side + 2 * padding - dilation * (K - 1) - 1) // stride + 1 for side in (H, W))
    shapes = [
        (B, inner, H, W),
        (B, 2 * G * K * K, Ho, Wo),
        (B, G * K * K, Ho, Wo),
        (outer, inner // groups, K, K),
        (outer,),
    ]
    tensors = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    tensors[1] *= spread
    return tensors, (stride, padding, dilation)


def pixel(plane: Tensor, y: int, x: int) -> float:
    return float(plane[y, x]) if 0 <= y < plane.shape[0] and 0 <= x < plane.shape[1] else 0.0


def bilinear(plane: Tensor, y: float, x: float) -> float:
    top, left = math.floor(y), math.floor(x)
    down, right = y - top, x - left
    upper = (1 - right) * pixel(plane, top, left) + right * pixel(plane, top, left + 1)
    lower = (1 - right) * pixel(plane, top + 1, left) + right * pixel(plane, top + 1, left + 1)
    return (1 - down) * upper + down * lower


def loops(tensors: list[Tensor], stride: int, padding: int, dilation: int) -> Tensor:
    """The published definition, one sample at a time."""
    image, offset, mask, weight, bias = tensors
    K, share = weight.shape[3], weight.shape[1]
    per_offset = image.shape[1] // (mask.shape[1] // (K * K))
    per_group = weight.shape[0] // (image.shape[1] // share)
    result = bias[None, :, None, None].repeat(len(image), 1, *offset.shape[2:])
    for b, o, i, j in torch.cartesian_prod(*map(torch.arange, result.shape)).tolist():
        for c in range(share):
            channel = o // per_group * share + c
            for tap in range(K * K):
                at = channel // per_offset * K * K + tap
                y = i * stride - padding + tap // K * dilation + float(offset[b, 2 * at, i, j])
                x = j * stride - padding + tap % K * dilation + float(offset[b, 2 * at + 1, i, j])
                sample = bilinear(image[b, channel], y, x) * mask[b, at, i, j]
                result[b, o, i, j] += weight[o, c, tap // K, tap % K] * sample
    return result


@pytest.mark.parametrize("case", CASES)
def test_both_ways_agree_with_loops(case: tuple[int, ...]) -> None:
    tensors, numbers = given(case)
    expected = loops(tensors, *numbers)
    torch.testing.assert_close(reference(*tensors, *numbers), expected, atol=1e-11, rtol=0)
    torch.testing.assert_close(dcnv2(*tensors, *numbers), expected, atol=1e-11, rtol=0)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("spread", [2.0, 100.0])
def test_gradients_agree_with_torchvision(case: tuple[int, ...], spread: float) -> None:
    deform_conv2d = pytest.importorskip("torchvision.ops").deform_conv2d
    tensors, (stride, padding, dilation) = given(case, spread)
    leaves = [tensor.requires_grad_() for tensor in tensors]
    image, offset, mask, weight, bias = leaves
    theirs = deform_conv2d(image, offset, weight, bias, stride, padding, dilation, mask)
    ours = reference(image, offset, mask, weight, bias, stride, padding, dilation)
    torch.testing.assert_close(ours, theirs, atol=1e-11, rtol=0)
    cotangent = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=ours.dtype)
    for mine, other in zip(
        torch.autograd.grad(ours, leaves, cotangent), torch.autograd.grad(theirs, leaves, cotangent), strict=True
    ):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=0)


@pytest.mark.parametrize("size", [(5, 7), (37, 53), (64, 120)])
def test_whole_offsets_choose_the_cell_that_torchvision_chooses(size: tuple[int, int]) -> None:
    """A layer starts with offsets of zero, where the slope depends on the side that one looks at."""
    deform_conv2d = pytest.importorskip("torchvision.ops").deform_conv2d
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 2, *size, generator=generator)
    offset = torch.randint(-3, 4, (1, 18, *size), generator=generator).float().requires_grad_()
    mask, weight = torch.rand(1, 9, *size, generator=generator), torch.randn(2, 2, 3, 3, generator=generator)
    (ours,) = torch.autograd.grad(reference(image, offset, mask, weight, None, 1, 1, 1).square().sum(), offset)
    (theirs,) = torch.autograd.grad(deform_conv2d(image, offset, weight, None, 1, 1, 1, mask).square().sum(), offset)
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)


def test_gradcheck_of_the_reference() -> None:
    tensors, numbers = given((1, 2, 2, 3, 4, 2, 1, 1, 1, 2, 1))
    leaves = [tensor.requires_grad_() for tensor in tensors]
    assert torch.autograd.gradcheck(lambda *parts: reference(*parts, *numbers), leaves)


def test_plain_torch_serves_what_torchvision_refuses() -> None:
    tensors, numbers = given(CASES[0])
    half = [tensor.bfloat16() for tensor in tensors]
    assert why_not(half[0]) is not None
    expected = dcnv2(*(tensor.double() for tensor in half), *numbers)
    found = dcnv2(*half, *numbers)
    assert found.dtype is torch.bfloat16
    torch.testing.assert_close(found.double(), expected, atol=0.02, rtol=0.01)
    empty = [tensor[:0] if at < 3 else tensor for at, tensor in enumerate(tensors)]
    assert dcnv2(*empty, *numbers).shape == (0, 3, 5, 7)


@pytest.mark.parametrize(
    ("at", "shape", "words"),
    [
        (0, (2, 5, 7), "input has shape"),
        (1, (1, 17, 5, 7), "offset has shape"),
        (2, (1, 9, 5, 6), "mask has shape"),
        (3, (3, 2, 3, 2), "weight has shape"),
        (4, (4,), "bias has shape"),
    ],
)
def test_wrong_shapes_are_named(at: int, shape: tuple[int, ...], words: str) -> None:
    tensors, numbers = given(CASES[0])
    tensors[at] = torch.zeros(shape, dtype=torch.float64)
    with pytest.raises(OperatorError, match=words):
        dcnv2(*tensors, *numbers)


def test_wrong_numbers_and_types_are_named() -> None:
    tensors, _ = given(CASES[0])
    with pytest.raises(OperatorError, match="stride 0"):
        dcnv2(*tensors, stride=0, padding=1)
    with pytest.raises(OperatorError, match=r"type torch\.int64"):
        dcnv2(tensors[0].long(), *tensors[1:], padding=1)
