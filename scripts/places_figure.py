"""Makes a figure of held-out places: bicubic, reference, result, result with another place's reference, ground truth.

python scripts/places_figure.py RESULTS FIGURE [WORLD...] [--spread]

RESULTS is a folder of results with images and --ref swap; WORLD, if given, is the prefix of names of places.
The figure shows the three places with median gain over bicubic; with --spread those with the best, median and worst.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mosaic import Bytes, mosaic, tile

from refsr.data.images import read_image, write_image
from refsr.evaluation.results import Results

TILE, ROWS = 288, 3


def middle(image: Bytes) -> Bytes:
    """The middle two thirds of an image."""
    side = image.shape[0]
    return image[side // 6 : side - side // 6, side // 6 : side - side // 6]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("figure", type=Path)
    parser.add_argument("worlds", nargs="*", default=[""])
    parser.add_argument("--spread", action="store_true")
    arguments = parser.parse_args()
    results = Results.read(arguments.results)
    protocol = next(iter(results.protocols))
    names = {
        "bicubic": "bicubic",
        "ref": "reference",
        results.run: results.about["weights"]["network"],
        f"{results.run} ref=swap": "another place's ref.",
        "hr": "ground truth",
    }
    scores = {role: results.values(role, protocol, "psnr") for role in names if role in results.methods}
    chosen = [image for image in results.pictures if image.startswith(tuple(arguments.worlds))]
    order = sorted(chosen, key=lambda image: scores[results.run][image] - scores["bicubic"][image])
    first = len(order) // 2 - 1
    lines = []
    shown = [order[-1], order[len(order) // 2], order[0]] if arguments.spread else order[first : first + ROWS]
    for image in shown:
        texts = {
            role: f"{name} {scores[role][image]:.2f} dB" if role in scores else name for role, name in names.items()
        }
        pictures = {role: read_image(arguments.results / place) for role, place in results.pictures[image].items()}
        lines.append([tile(middle(pictures[role]), text, TILE) for role, text in texts.items()])
    write_image(arguments.figure, mosaic(lines))
    print(f"{arguments.figure}: {arguments.figure.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
