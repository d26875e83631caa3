"""Instabilities of adversarial training: a discriminator that wins or learns nothing, restored images that go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from refsr.losses.adversarial import GANType, discriminator_losses
from refsr.tasks.instability import Instability, Numbers

SATURATED = 0.02
"""A discriminator's loss as a share of the loss at chance, below which its gradient to G fades."""
BLIND = 0.98
"""The share above which it tells targets from restored images no better than chance."""
FLAT = 0.1
"""Contrast of restored images, as a share of the targets', below which they are nearly constant."""
DRIFTED = 0.1
"""Difference of a band's mean from the target's, images from 0 to 1."""
CONTRAST, DRIFT = "contrast", "drift"


def image_statistics(restored: Tensor, target: Tensor) -> dict[str, Tensor]:
    """(B, C, H, W) twice -> contrast relative to the target's, and the mean error of bands' means; scalars."""
    made, wanted = restored.detach().float(), target.float()
    level = 1 / 255
    spreads = [image.std(dim=(2, 3)).mean() + level for image in (made, wanted)]
    return {
        CONTRAST: spreads[0] / spreads[1],
        DRIFT: (made.mean(dim=(2, 3)) - wanted.mean(dim=(2, 3))).abs().mean(),
    }


def loss_at_chance(gan_type: GANType) -> float:
    """The sum of a discriminator's losses when it gives every image the one score that costs it least."""
    same = torch.full((2, 1), 0.5 if gan_type == "lsgan" else 0.0)
    on_targets, on_restored = discriminator_losses(gan_type, same, same)
    return float(on_targets + on_restored)


def image_instabilities() -> Sequence[Instability]:
    """Instabilities visible in the restored images."""
    return (
        Instability(
            "G collapsed",
            f"restored images have less than {FLAT:.0%} of the targets' contrast",
            "resume from an earlier checkpoint with smaller gan_weight and lr_G, or a longer l1_init",
            lambda numbers: numbers[CONTRAST] < FLAT if CONTRAST in numbers else None,
        ),
        Instability(
            "G drifts",
            f"bands of restored images are off the targets' means by more than {DRIFTED}",
            "try a larger pixel_weight or a smaller gan_weight",
            lambda numbers: numbers[DRIFT] > DRIFTED if DRIFT in numbers else None,
        ),
    )


def discriminator_instabilities(discriminators: Iterable[str], gan_type: GANType) -> Sequence[Instability]:
    """Instabilities visible in the losses of discriminators, which are named `D` and a suffix."""
    at_chance = loss_at_chance(gan_type)
    found = []
    for key in discriminators:
        share = _share_of_chance(key.removeprefix("D"), at_chance)
        found += [
            Instability(
                f"{key} saturated",
                f"its loss is below {SATURATED:.0%} of the loss at chance, so that its gradient to G fades",
                "try a smaller lr_D, train.r1_weight, spectral normalisation (network_D) or a longer l1_init",
                _when(share, lambda found: found < SATURATED),
            ),
            Instability(
                f"{key} blind",
                f"its loss is above {BLIND:.0%} of the loss at chance, so that G gets no useful gradient from it",
                "try network_D.init=kaiming, a larger lr_D or a smaller r1_weight; good if restored images look right",
                _when(share, lambda found: found > BLIND),
            ),
        ]
    return found


def _share_of_chance(suffix: str, at_chance: float) -> Callable[[Numbers], float | None]:
    """A discriminator's loss as a share of the one at chance, in the iterations in which it is trained."""

    def share(numbers: Numbers) -> float | None:
        names = [f"l_d_{side}{suffix}" for side in ("real", "fake")]
        return sum(numbers[name] for name in names) / at_chance if all(name in numbers for name in names) else None

    return share


def _when(share: Callable[[Numbers], float | None], wrong: Callable[[float], bool]) -> Callable[[Numbers], bool | None]:
    def holds(numbers: Numbers) -> bool | None:
        found = share(numbers)
        return None if found is None else wrong(found)

    return holds
