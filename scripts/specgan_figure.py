"""Makes figures/specgan.png from the runs of benchmarks/spectral_guidance.py.

python scripts/specgan_figure.py WORK

The places are those with median gain of their own cube over another place's.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mosaic import mosaic, tile

from refsr.data.images import read_image, write_image
from refsr.evaluation.results import Results

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "specgan.png"
RUN = "small_SpecGAN_x16"
SIDE, ROWS = 256, 3


def main() -> None:
    runs = Path(sys.argv[1]) / "exp" / "experiments"
    folders = {name: runs / name / "results" / "test" for name in (RUN, f"{RUN}_blind")}
    results = {name: Results.read(folder) for name, folder in folders.items()}
    first = results[RUN]
    protocol = next(iter(first.protocols))
    own, swapped = (first.values(method, protocol, "psnr") for method in (RUN, f"{RUN} hsi=swap"))
    order = sorted(first.pictures, key=lambda image: own[image] - swapped[image])
    middle = (len(order) - ROWS) // 2
    rows = []
    for image in order[middle : middle + ROWS]:
        shown = {
            "LR": (RUN, "lr"),
            "bicubic": (RUN, "bicubic"),
            "trained without cubes": (f"{RUN}_blind", f"{RUN}_blind"),
            "another place's cube": (RUN, f"{RUN} hsi=swap"),
            "its cube": (RUN, RUN),
            "ground truth": (RUN, "hr"),
        }
        pictures = {
            text: read_image(folders[run] / results[run].pictures[image][role]) for text, (run, role) in shown.items()
        }
        rows.append([tile(picture, text, SIDE) for text, picture in pictures.items()])
    write_image(FIGURE, mosaic(rows))
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
