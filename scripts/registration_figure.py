"""Makes figures/registration.png: where registering Ref to LR works and where it fails, on synthetic places.

python scripts/registration_figure.py

Each row is a place of `refsr world`: LR upsampled, Ref, a checkerboard of both after registration, the weight. The
failures are drawn too: changed ground, shadows that turned with the sun, another place.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from mosaic import Bytes, mosaic, tile

from refsr.data.images import read_image, write_image
from refsr.ops.resize import imresize
from refsr.registration import register

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "registration.png"
SIDE, SHOWN, SCALE, SQUARE = 192, 144, 4, 24
ROWS = (
    ("turned, scaled", "--like kagglesrd --seed 14"),
    ("half changed", "--change 0.9 --misregistration 6 --seed 21"),
    ("other sun", "--sun-shift 1 --misregistration 0 --rotation 0 --scale-difference 0 --view-angle 0 --seed 77"),
    ("another place", "--like kagglesrd --seed 14"),
)


def place(folder: Path, words: str) -> tuple[list[Bytes], list[Bytes]]:
    """LR and Ref of two places, in 8 bits."""
    command = [sys.executable, "-m", "refsr", "world", str(folder), "--places", "2", "--test", "2", "--size", str(SIDE)]
    subprocess.run([*command, *words.split()], check=True, capture_output=True)
    files = sorted((folder / "test" / "LR").iterdir())
    return [read_image(file) for file in files], [read_image(folder / "test" / "Ref" / file.name) for file in files]


def row(lr: Bytes, ref: Bytes, label: str) -> list[Bytes]:
    """The four pictures of a place."""
    found = register(lr / np.float32(255), ref / np.float32(255), SCALE)
    up = np.clip(np.rint(imresize(lr / 255.0, SCALE) * 255), 0, 255).astype(np.uint8)
    warped = found.warp(ref)[0]
    rows, columns = np.mgrid[:SIDE, :SIDE] // SQUARE
    board = np.where(((rows + columns) % 2 == 0)[:, :, None], up, warped)
    weight = np.repeat(np.rint(255 * found.weight).astype(np.uint8)[:, :, None], 3, axis=2)
    verdict = f"likeness {found.figures.likeness:.2f}" if found.accepted else "refused"
    names = (label, "Ref", verdict, f"weight {found.weight.mean():.0%}")
    edge = (SIDE - SHOWN) // 2
    middles = [image[edge:-edge, edge:-edge] for image in (up, ref, board, weight)]
    return [tile(image, name, SHOWN) for image, name in zip(middles, names, strict=True)]


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (label, words) in enumerate(ROWS):
            lrs, refs = place(Path(folder) / str(number), words)
            rows.append(row(lrs[0], refs[1 if label == "another place" else 0], label))
    write_image(FIGURE, mosaic(rows))


if __name__ == "__main__":
    main()
