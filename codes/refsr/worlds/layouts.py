"""Other folders than a world's own: those of a set as its authors distribute it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.seeding import numpy_generator
from refsr.data.degradation.levels import levels_of, quantised
from refsr.data.degradation.presets import preset
from refsr.data.degradation.record import to_record
from refsr.data.degradation.steps import apply_steps

Array = npt.NDArray[Any]

LAYOUTS = ("refdiff",)
FACTORS = (8, 16)
"""LR of each factor lies beside the other's."""
CLASS_TABLE = "CLASS_Table.txt"


def refdiff(
    images: dict[str, Array], seed: int, index: int, split: str, degradation: str
) -> tuple[dict[str, Array], Any]:
    """The images of a scene in Ref-Diff's folders, and how LR was made by factor.

    Training LR is degraded, the others are bicubic. Masks are the grey values of SECOND's colours. HR's folder is
    called HR_512 whatever its size, as in the published test set.
    """
    # It brings torch, which other worlds do without.
    from refsr.data.masks import SECOND_GREYS

    hr, mask = images["HR"], images["mask"]
    found = {"HR_512": hr, "Ref": images["Ref"]}
    record = {}
    for factor in FACTORS:
        generator = numpy_generator(seed, "world", "degradation", index, factor)
        name = degradation if split == "train" else "bicubic"
        steps = preset(name).draw(generator, hr.shape[0], hr.shape[1], factor)
        kind = "real" if split == "train" else "Bic"
        found[f"{kind}_LR_D{factor}_{hr.shape[0] // factor}"] = quantised(apply_steps(hr, steps), levels_of(hr))
        record[f"D{factor}"] = to_record(steps)
    found["CD_mask"] = np.array(SECOND_GREYS, np.uint8)[mask]
    found["CD_mask_RGB"] = images["mask_RGB"]
    return found, record


def class_table(classes: tuple[str, ...]) -> str:
    """What the values of CD_mask mean."""
    from refsr.data.masks import SECOND_GREYS

    return "".join(f"{value} {name}\n" for value, name in zip(SECOND_GREYS, classes, strict=True))
