"""By which signs the learning of an image network against judges comes apart: one side wins, or images go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from refsr.losses.adversarial import Kind, discriminator_losses
from refsr.tasks.watching import Instability, Numbers

SATURATED = 0.02
"""A judge's loss, as a share of the loss at chance, below which there is nothing left for it to learn."""
BLIND = 0.98
"""The share above which it tells targets from restored images no better than chance."""
FLAT = 0.1
"""Contrast of restored images, as a share of the targets', below which they are as good as constant."""
DRIFTED = 0.1
"""Difference of a band's mean from the target's, images from 0 to 1."""
CONTRAST, DRIFT = "contrast", "drift"


def looks(restored: Tensor, target: Tensor) -> dict[str, Tensor]:
    """(B, C, H, W) twice -> contrast against the target's, and how far bands' means are off; scalars."""
    made, wanted = restored.detach().float(), target.float()
    level = 1 / 255
    spreads = [image.std(dim=(2, 3)).mean() + level for image in (made, wanted)]
    return {
        CONTRAST: spreads[0] / spreads[1],
        DRIFT: (made.mean(dim=(2, 3)) - wanted.mean(dim=(2, 3))).abs().mean(),
    }


def chance(kind: Kind) -> float:
    """The sum of a judge's losses when it gives every image the one score that costs it least."""
    same = torch.full((2, 1), 0.5 if kind == "lsgan" else 0.0)
    on_targets, on_restored = discriminator_losses(kind, same, same)
    return float(on_targets + on_restored)


def image_instabilities() -> Sequence[Instability]:
    """Signs in the restored images."""
    return (
        Instability(
            "G collapsed",
            f"restored images have less than {FLAT:.0%} of the targets' contrast",
            "go on from an earlier checkpoint with smaller gan_weight and lr_G, or a longer l1_init",
            lambda numbers: numbers[CONTRAST] < FLAT if CONTRAST in numbers else None,
        ),
        Instability(
            "G drifts",
            f"bands of restored images are off the targets' means by more than {DRIFTED}",
            "try a larger pixel_weight or a smaller gan_weight",
            lambda numbers: numbers[DRIFT] > DRIFTED if DRIFT in numbers else None,
        ),
    )


def discriminator_instabilities(judges: Iterable[str], kind: Kind) -> Sequence[Instability]:
    """Signs in the losses of judges, which are named `D` and a suffix."""
    at_chance = chance(kind)
    signs = []
    for key in judges:
        share = _share(key.removeprefix("D"), at_chance)
        signs += [
            Instability(
                f"{key} saturated",
                f"it tells restored images from targets at less than {SATURATED:.0%} of the loss at chance, "
                "so that what G learns from it fades",
                "try a smaller lr_D, train.r1_weight, spectral normalisation (network_D) or a longer l1_init",
                _when(share, lambda found: found < SATURATED),
            ),
            Instability(
                f"{key} blind",
                f"its loss is above {BLIND:.0%} of the one at chance, so that it tells G nothing",
                "try network_D.init=kaiming, a larger lr_D or a smaller r1_weight; good if restored images look right",
                _when(share, lambda found: found > BLIND),
            ),
        ]
    return signs


def _share(suffix: str, at_chance: float) -> Callable[[Numbers], float | None]:
    """A judge's loss as a share of the one at chance, in the iterations in which it learns."""

    def share(numbers: Numbers) -> float | None:
        names = [f"l_d_{side}{suffix}" for side in ("real", "fake")]
        return sum(numbers[name] for name in names) / at_chance if all(name in numbers for name in names) else None

    return share


def _when(share: Callable[[Numbers], float | None], wrong: Callable[[float], bool]) -> Callable[[Numbers], bool | None]:
    def holds(numbers: Numbers) -> bool | None:
        found = share(numbers)
        return None if found is None else wrong(found)

    return holds
