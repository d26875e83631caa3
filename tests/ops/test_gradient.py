"""Image gradients: three padding rules against loops, their gradients, eps, and clear errors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from refsr.core.errors import OperatorError
from refsr.ops import gradient_magnitude, image_gradients
from refsr.ops.gradient import Padding

WIDTHS: dict[Padding, int] = {"same": 1, "full": 2, "valid": 0}


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def looped(plane: Tensor, width: int) -> tuple[Tensor, Tensor]:
    height, across = plane.shape

    def at(y: int, x: int) -> float:
        return float(plane[y, x]) if 0 <= y < height and 0 <= x < across else 0.0

    ys, xs = range(1 - width, height - 1 + width), range(1 - width, across - 1 + width)
    vertical = [[at(y + 1, x) - at(y - 1, x) for x in xs] for y in ys]
    horizontal = [[at(y, x + 1) - at(y, x - 1) for x in xs] for y in ys]
    return torch.tensor(vertical, dtype=plane.dtype), torch.tensor(horizontal, dtype=plane.dtype)


@pytest.mark.parametrize("padding", WIDTHS)
@pytest.mark.parametrize("shape", [(1, 1, 3, 3), (2, 5, 4, 7)])
def test_agrees_with_loops(padding: Padding, shape: tuple[int, ...]) -> None:
    image = noise(*shape)
    down, across = image_gradients(image, padding)
    magnitude = gradient_magnitude(image, padding, eps=0.25)
    for b in range(shape[0]):
        for c in range(shape[1]):
            vertical, horizontal = looped(image[b, c], WIDTHS[padding])
            torch.testing.assert_close(down[b, c], vertical)
            torch.testing.assert_close(across[b, c], horizontal)
            torch.testing.assert_close(magnitude[b, c], (vertical**2 + horizontal**2 + 0.25).sqrt())


@pytest.mark.parametrize("padding", WIDTHS)
def test_gradcheck(padding: Padding) -> None:
    assert torch.autograd.gradcheck(
        lambda image: gradient_magnitude(image, padding), noise(1, 2, 4, 3).requires_grad_()
    )


def test_eps_keeps_flat_places_differentiable() -> None:
    image = torch.zeros(1, 1, 5, 5, requires_grad=True)
    magnitude = gradient_magnitude(image)
    torch.testing.assert_close(magnitude, torch.full_like(magnitude, 1e-3))
    magnitude.sum().backward()
    assert image.grad is not None
    assert torch.equal(image.grad, torch.zeros_like(image))


def test_mistakes_are_named() -> None:
    with pytest.raises(OperatorError, match=r"'sam' is not known.*same"):
        image_gradients(noise(1, 1, 4, 4), "sam")  # type: ignore[arg-type]
    with pytest.raises(OperatorError, match=r"expected \(B, C, H, W\)"):
        image_gradients(noise(4, 4))
    with pytest.raises(OperatorError, match="needs 3 pixels"):
        image_gradients(noise(1, 1, 2, 4), "valid")
