"""Adversarial losses against their formulas in NumPy, what they push where, and R1."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from refsr.core.errors import UsageError
from refsr.losses.adversarial import GAN_TYPES, discriminator_losses, generator_loss, gradient_penalty


def entropy(logits: np.ndarray, label: float) -> float:
    """Binary cross-entropy by its definition."""
    probability = 1 / (1 + np.exp(-logits))
    return float(np.mean(-label * np.log(probability) - (1 - label) * np.log(1 - probability)))


REAL, FAKE = np.array([1.5, -0.2, 0.7]), np.array([-1.0, 0.4, 0.1])
FORMULAS = {
    "gan": (entropy(FAKE, 1), entropy(REAL, 1), entropy(FAKE, 0)),
    "ragan": (
        (entropy(REAL - FAKE.mean(), 0) + entropy(FAKE - REAL.mean(), 1)) / 2,
        entropy(REAL - FAKE.mean(), 1) / 2,
        entropy(FAKE - REAL.mean(), 0) / 2,
    ),
    "lsgan": (np.mean((FAKE - 1) ** 2), np.mean((REAL - 1) ** 2) / 2, np.mean(FAKE**2) / 2),
    "hinge": (-FAKE.mean(), np.maximum(0, 1 - REAL).mean(), np.maximum(0, 1 + FAKE).mean()),
}


@pytest.mark.parametrize("gan_type", GAN_TYPES)
def test_the_formulas(gan_type):
    real, fake = (torch.from_numpy(logits).float().reshape(3, 1) for logits in (REAL, FAKE))
    generator, on_real, on_fake = FORMULAS[gan_type]
    assert float(generator_loss(gan_type, fake, real)) == pytest.approx(generator, rel=1e-5)
    found = discriminator_losses(gan_type, real, fake)
    assert [float(one) for one in found] == pytest.approx([on_real, on_fake], rel=1e-5)


@pytest.mark.parametrize("gan_type", GAN_TYPES)
def test_each_side_pulls_its_way(gan_type):
    real, fake = (torch.tensor(logits).requires_grad_() for logits in ([0.2, -0.3, 0.1], [0.6, 0.5, 0.1]))
    slope = torch.autograd.grad(generator_loss(gan_type, fake, real), fake)[0]
    assert slope.sum() < 0
    on_real, on_fake = torch.autograd.grad(sum(discriminator_losses(gan_type, real, fake)), (real, fake))
    assert on_real.sum() < 0 < on_fake.sum()


def test_the_generator_does_not_move_the_targets():
    real, fake = (torch.from_numpy(logits).float().requires_grad_() for logits in (REAL, FAKE))
    assert torch.autograd.grad(generator_loss("ragan", fake, real), real, allow_unused=True) == (None,)


def test_the_gradient_penalty_of_a_linear_discriminator_is_its_weights():
    discriminator = nn.Linear(12, 1)
    images = torch.randn(5, 3, 2, 2).requires_grad_()
    penalty = gradient_penalty(discriminator(images.flatten(1)), images)
    assert float(penalty.detach()) == pytest.approx(float(discriminator.weight.detach().square().sum()) / 2, rel=1e-5)
    penalty.backward()
    assert discriminator.weight.grad is not None


def test_mistakes_are_named():
    with pytest.raises(UsageError, match=r"'ragam' is not known; did you mean 'ragan'"):
        generator_loss("ragam", torch.zeros(1))
    with pytest.raises(UsageError, match="ragan compares with the targets"):
        generator_loss("ragan", torch.zeros(1))
