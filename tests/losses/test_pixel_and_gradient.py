"""Pixel, gradient and frequency losses on numbers worked out by hand; their parity cases are in tests/parity."""

from __future__ import annotations

import pytest
import torch

from refsr.core.errors import UsageError
from refsr.losses.frequency import frequency_loss
from refsr.losses.gradient import gradient_loss
from refsr.losses.perceptual import perceptual_loss
from refsr.losses.pixel import pixel_loss


def test_pixel_losses_by_hand():
    restored, target = torch.tensor([[[[0.0, 1.0]]]]), torch.tensor([[[[0.5, -1.0]]]])
    assert pixel_loss(restored, target) == pytest.approx(1.25)
    assert pixel_loss(restored, target, "l2") == pytest.approx((0.25 + 4) / 2)


def test_the_gradient_loss_by_hand():
    """One pixel of 1 against black: with a ring of two, four neighbours have a gradient of one, the rest has none."""
    restored, target = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    assert gradient_loss(restored, target, "full", eps=0.0) == pytest.approx(4 / 9)
    assert gradient_loss(restored, target, "full", "l1", eps=0.0) == pytest.approx(4 / 9)


def test_the_frequency_loss_by_hand():
    """A level of 1 against 0 is one bin, 4 of 4 x 4 pixels under the orthonormal transform; so are
    stripes; a point of as much energy is in all twelve, at phases of whole right angles."""
    flat, black = torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    stripes = flat * torch.tensor([1.0, -1.0, 1.0, -1.0])
    values = 4 * 3 * 2
    assert frequency_loss(flat, black) == pytest.approx(4 / values)
    assert frequency_loss(stripes, black) == pytest.approx(4 / values)
    assert frequency_loss(flat, black, "l2") == pytest.approx(16 / values)
    point = torch.zeros(1, 1, 4, 4)
    point[0, 0, 1, 2] = 4.0
    assert frequency_loss(point, black, "l2") == pytest.approx(12 / values)
    assert frequency_loss(point, black) == pytest.approx(12 / values)


def test_the_border_counts_only_under_full_padding():
    """Two flat images differ in nothing but their level, which only a frame of zeros can see."""
    restored, target = torch.full((1, 2, 5, 5), 0.75), torch.full((1, 2, 5, 5), 0.25)
    assert gradient_loss(restored, target, "valid") == 0
    assert gradient_loss(restored, target, "full") > gradient_loss(restored, target, "same") > 0


@pytest.mark.parametrize("loss", [pixel_loss, gradient_loss, frequency_loss])
def test_equal_images_cost_nothing_and_leave_a_finite_gradient(loss):
    restored = torch.full((1, 4, 6, 5), 0.5, requires_grad=True)
    value = loss(restored, restored.detach())
    (slope,) = torch.autograd.grad(value, restored)
    assert value == 0
    assert slope.isfinite().all()


@pytest.mark.parametrize("loss", [pixel_loss, gradient_loss, frequency_loss])
def test_half_types_are_averaged_in_float32(loss):
    torch.manual_seed(0)
    images = torch.rand(2, 1, 3, 32, 32).bfloat16()
    found, exact = loss(*images), loss(*images.double())
    assert found.dtype is torch.float32
    assert exact.dtype is torch.float64
    assert float(found) == pytest.approx(float(exact), rel=1e-5)


def test_shapes_that_would_be_broadcast_are_refused():
    with pytest.raises(UsageError, match=r"shapes \(1, 3, 4, 4\) and \(2, 3, 4, 4\) differ"):
        pixel_loss(torch.zeros(1, 3, 4, 4), torch.zeros(2, 3, 4, 4))


def test_a_slip_in_the_criterion_is_named():
    with pytest.raises(UsageError, match="'L1' is not known; did you mean 'l1'"):
        pixel_loss(torch.zeros(1), torch.zeros(1), "L1")


def test_no_gradient_reaches_the_target_of_the_perceptual_loss():
    torch.manual_seed(0)
    features = torch.nn.Conv2d(3, 4, 3)
    restored, target = (torch.rand(1, 3, 8, 8, requires_grad=True) for _ in range(2))
    perceptual_loss(features, restored, target).backward()
    assert target.grad is None
    assert restored.grad is not None
    # Nor do the features' own weights get a gradient through the target.
    found, fixed = features.weight.grad, features(target).detach()
    (expected,) = torch.autograd.grad((features(restored) - fixed).abs().mean(), features.weight)
    torch.testing.assert_close(found, expected)
