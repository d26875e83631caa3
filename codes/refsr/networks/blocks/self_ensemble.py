"""Geometric self-ensemble: the mean of what a network makes of an image and of its mirror images."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

H, W = -2, -1


class View(NamedTuple):
    """An image as it is seen: its sides swapped or not, then flipped along some of them."""

    swapped: bool = False
    flipped: tuple[int, ...] = ()

    def of(self, image: Tensor) -> Tensor:
        return (image.transpose(H, W) if self.swapped else image).flip(self.flipped)

    def undone(self, image: Tensor) -> Tensor:
        image = image.flip(self.flipped)
        return image.transpose(H, W) if self.swapped else image


VIEWS = (
    View(),
    View(swapped=True, flipped=(H, W)),
    View(flipped=(H, W)),
    View(swapped=True),
    View(flipped=(W,)),
    View(flipped=(H,)),
    View(swapped=True, flipped=(W,)),
    View(swapped=True, flipped=(H,)),
)
"""The symmetries of a square. The second view differs most from the first for a network of oblong windows."""
PASSES = (1, 2, 4, 8)
"""So many views, from the first on, are closed: the mean over them commutes with each of them."""


def self_ensemble(network: Callable[[Tensor], Tensor], image: Tensor, passes: int) -> Tensor:
    """The mean over so many views; for one, what the network makes of the image, to the bit."""
    total = network(image)
    for view in VIEWS[1:passes]:
        total = total + view.undone(network(view.of(image)))
    return total if passes == 1 else total / passes
