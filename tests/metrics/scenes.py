"""Pictures and weights that every machine makes alike, so that numbers of other programs can be kept beside them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

Picture = npt.NDArray[np.float64]


def scene(height: int = 192, width: int = 208, seed: int = 0) -> Picture:
    """(H, W, 3) whole numbers in [0, 255]: soft ground, fields with edges, fine texture."""
    draw = np.random.RandomState(seed)
    ground = sum(gaussian_filter(draw.rand(height, width, 3), (s, s, 0)) * s for s in (1, 3, 9))
    ground = (ground - ground.min()) / np.ptp(ground) * 120 + 40
    for _ in range(12):
        top, left = draw.randint(height - 24), draw.randint(width - 24)
        ground[top : top + 8 + draw.randint(40), left : left + 8 + draw.randint(40)] += draw.randint(-50, 50, 3)
    return np.clip(np.rint(ground + draw.randn(height, width, 1) * 3), 0, 255)


def noisy(picture: Picture, deviation: float, seed: int = 1) -> Picture:
    return np.clip(np.rint(picture + np.random.RandomState(seed).randn(*picture.shape) * deviation), 0, 255)


def blurred(picture: Picture, deviation: float) -> Picture:
    return np.clip(np.rint(gaussian_filter(picture, (deviation, deviation, 0))), 0, 255)


def drawn_for(network: nn.Module) -> dict[str, Tensor]:
    """Weights for all tensors of a network, but for counters that only training reads."""
    shapes = {key: value.shape for key, value in network.state_dict().items()}
    return drawn({key: shape for key, shape in shapes.items() if not key.endswith("num_batches_tracked")})


def drawn(shapes: Mapping[str, torch.Size], seed: int = 0) -> dict[str, Tensor]:
    """Weights of a network, drawn so that its features neither vanish nor grow; none depends on the others' order."""
    state = {}
    for key, shape in shapes.items():
        draw = np.random.RandomState([seed, *key.encode()])
        if key.endswith("running_var"):
            values = draw.uniform(0.5, 1.5, shape)
        elif len(shape) == 4:
            values = draw.randn(*shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif key.endswith("bn.weight"):
            values = draw.uniform(0.8, 1.2, shape)
        else:
            values = draw.randn(*shape) * 0.1
        state[key] = torch.from_numpy(np.asarray(values, dtype=np.float32))
    return state
