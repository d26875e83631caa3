"""Makes figures/gans.png from the runs of benchmarks/reference_gans.py: crops at four times their size.

python scripts/gans_figure.py WORK

Each crop is the window with the largest variance of HR; the places are those with median gain of RRSNet over bicubic.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from mosaic import Bytes, mosaic, tile

from refsr.data.images import read_image, write_image
from refsr.evaluation.results import Results

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "gans.png"
SYSTEMS = ("RRSNet", "RRSGAN", "RGTNet", "RGTGAN", "RGTNet_dense", "RGTGAN_dense")
SIDE, TIMES, ROWS = 52, 4, 4


def busiest(image: Bytes) -> tuple[int, int]:
    """Top left corner of the window with the largest variance, on a grid of eight pixels."""
    height, width = image.shape[:2]
    corners = [(row, column) for row in range(0, height - SIDE, 8) for column in range(0, width - SIDE, 8)]
    return max(corners, key=lambda at: float(np.var(window(image, at).mean(axis=2))))


def window(image: Bytes, at: tuple[int, int]) -> Bytes:
    """The window at a corner."""
    return image[at[0] : at[0] + SIDE, at[1] : at[1] + SIDE]


def main() -> None:
    runs = Path(sys.argv[1]) / "exp" / "experiments"
    folders = {system: runs / f"small_{system}" / "results" / "test" for system in SYSTEMS}
    results = {system: Results.read(folder) for system, folder in folders.items()}
    first = results["RRSNet"]
    protocol = next(iter(first.protocols))
    ours, bicubic = (first.values(method, protocol, "psnr") for method in ("small_RRSNet", "bicubic"))
    order = sorted(first.pictures, key=lambda image: ours[image] - bicubic[image])
    middle = (len(order) - ROWS) // 2
    rows = []
    for image in order[middle : middle + ROWS]:
        shared = {
            role: read_image(folders["RRSNet"] / first.pictures[image][role]) for role in ("bicubic", "ref", "hr")
        }
        restored = {
            system: read_image(folders[system] / one.pictures[image][f"small_{system}"])
            for system, one in results.items()
        }
        pictures = {
            "bicubic": shared["bicubic"],
            "reference": shared["ref"],
            **{system.replace("_", " "): picture for system, picture in restored.items()},
            "ground truth": shared["hr"],
        }
        at = busiest(shared["hr"])
        rows.append([tile(window(picture, at), text, SIDE * TIMES) for text, picture in pictures.items()])
    write_image(FIGURE, mosaic(rows))
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
