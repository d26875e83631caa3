"""Images held to LR: exactly, softly, and seen from afar."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from refsr.core.errors import DataError, OperatorError
from refsr.ops.consistency import NEGLIGIBLE, Consistency, reach
from refsr.ops.resize import imresize_tensor, kernel_taps

RESPONSES = ("bicubic", "box", "mtf:0.2", "mtf:0.5")


def drawn(scale, lr=(12, 9), seed=0):
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(2, 3, *lr, generator=generator)
    large = torch.rand(2, 3, *(scale * side for side in lr), generator=generator, dtype=torch.float64)
    return low, large


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("kernel", RESPONSES)
def test_the_least_change_that_agrees_with_lr(scale, kernel):
    lr, image = drawn(scale)
    consistent = Consistency(lr, *image.shape[-2:], kernel)
    found = consistent(image)
    again = imresize_tensor(found, size=tuple(lr.shape[-2:]), kernel=kernel)
    assert torch.allclose(again, lr.double(), atol=1e-9)
    # Least: it is orthogonal to all that the reduction does not see.
    free = Consistency(torch.zeros_like(lr), *image.shape[-2:], kernel)(torch.rand_like(image))
    assert float(free.abs().max()) > 0.1
    assert float((free * (found - image)).mean()) == pytest.approx(0, abs=1e-10)


def test_soft_is_the_minimum_of_both_errors():
    """The gradient of |x - image|^2 + |A x - lr|^2 s^2 / softness is zero there, by autograd."""
    lr, image = drawn(4)
    for softness in (0.5, 10.0):
        found = Consistency(lr, *image.shape[-2:], "bicubic", softness)(image).requires_grad_()
        reduced = imresize_tensor(found, size=tuple(lr.shape[-2:]))
        cost = (found - image).square().sum() + (reduced - lr.double()).square().sum() * 16 / softness
        (gradient,) = torch.autograd.grad(cost, found)
        assert float(gradient.abs().max()) < 1e-9
        assert float((found - image).abs().max()) > 1e-3


def test_a_flat_residual_shrinks_by_its_softness():
    lr, image = torch.full((1, 1, 24, 24), 0.5), torch.zeros(1, 1, 96, 96, dtype=torch.float64)
    for softness in (0.0, 1.0, 9.0):
        found = Consistency(lr, 96, 96, "box", softness)(image)
        assert torch.allclose(found, torch.full_like(found, 0.5 / (1 + softness)), atol=1e-12)


@pytest.mark.parametrize("softness", [0.0, 10.0])
@pytest.mark.parametrize("kernel", RESPONSES)
def test_beyond_its_reach_a_correction_is_negligible(kernel, softness):
    """A part that sees the reach around what is kept gives what the whole image gives there."""
    scale, side = 4, 80
    lr, image = drawn(scale, (side, side))
    far = reach(scale, kernel, softness)
    whole = Consistency(lr, *image.shape[-2:], kernel, softness)(image)
    for kept in (slice(far, far + 5), slice(side - far - 5, side - far)):
        seen = slice(kept.start - far, kept.stop + far)
        large = slice(seen.start * scale, seen.stop * scale)
        part = Consistency(lr[..., seen, seen], *(2 * [scale * (seen.stop - seen.start)]), kernel, softness)(
            image[..., large, large]
        )
        inner = slice(far * scale, (far + 5) * scale)
        wanted = slice(kept.start * scale, kept.stop * scale)
        assert float((part[..., inner, inner] - whole[..., wanted, wanted]).abs().max()) < 100 * NEGLIGIBLE
    assert far < side // 2


@pytest.mark.parametrize("value", [0.1, 0.3, 0.6])
def test_the_response_at_nyquist_is_what_its_name_says(value):
    """Of a wave of two LR pixels, whose phase puts a crest on an output."""
    scale = 16
    positions, weights = kernel_taps(64, 1 / scale_as_fraction(scale), f"mtf:{value}")
    middle = 32
    offset = positions[middle] - ((middle + 0.5) * scale - 0.5)
    found = float((weights[middle] * np.cos(math.pi * offset / scale)).sum())
    assert found == pytest.approx(value, abs=0.01)


def scale_as_fraction(scale):
    from fractions import Fraction

    return Fraction(scale)


@pytest.mark.parametrize("name", ["mtf:2", "mtf:", "mtf:wide", "mtf:0.05", "gauss"])
def test_a_wrong_response_names_what_would_be_right(name):
    with pytest.raises(OperatorError, match=r"mtf:0.3|known: .*mtf:VALUE"):
        imresize_tensor(torch.rand(1, 8, 8), "1/2", kernel=name)


def test_lr_may_not_be_larger():
    with pytest.raises(DataError, match="no reduction"):
        Consistency(torch.rand(1, 3, 9, 9), 8, 8)
