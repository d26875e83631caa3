"""Path lengths where images are linear in their codes, so that the gradient is known."""

import pytest
import torch

from refsr.losses.path_length import path_lengths, path_penalty


def test_lengths_of_a_linear_map_are_the_norm_of_the_projected_noise():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    matrix = torch.randn(3, 4, 1, 5, 7, generator=generator, dtype=torch.float64)
    images = torch.einsum("bls,lschw->bchw", codes, matrix)
    noise = torch.randn(images.shape, generator=generator, dtype=torch.float64)
    found = path_lengths(images, codes, noise)
    gradient = torch.einsum("lschw,bchw->bls", matrix, noise) / (5 * 7) ** 0.5
    expected = gradient.square().sum(dim=2).mean(dim=1).sqrt()
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    assert float(path_penalty(found, torch.tensor(2.0))) == pytest.approx(float(((expected - 2) ** 2).mean()), rel=1e-6)
