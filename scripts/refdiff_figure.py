"""Makes figures/refdiff.png from the crops that benchmarks/refdiff_samplers.py keeps, magnified three times.

python scripts/refdiff_figure.py WORK
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from mosaic import Bytes, mosaic, tile

from refsr.data.images import read_image, write_image

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "refdiff.png"
TIMES = 3
SHOWN = {
    "lr": "LR",
    "bicubic": "bicubic",
    "ref": "reference",
    "mask": "change mask",
    "published-511-released-80-none-0": "published, 511 NFE",
    "heun-17-noise-80-none-0": "Heun, 17 NFE",
    "unipc-5-enlarged-2-every-0": "UniPC from LR, 5 NFE",
    "unipc-9-enlarged-2-every-0": "UniPC from LR, 9 NFE",
    "hr": "ground truth",
}
"""Pictures of each crop from left to right, and their labels."""


def three_bands(image: Bytes) -> Bytes:
    """A mask as grey."""
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def main() -> None:
    crops = Path(sys.argv[1]) / "crops"
    rows = []
    for file in sorted((crops / "hr").iterdir()):
        side = TIMES * len(read_image(file))
        rows.append(
            [tile(three_bands(read_image(crops / kind / file.name)), text, side) for kind, text in SHOWN.items()]
        )
    write_image(FIGURE, mosaic(rows))
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
