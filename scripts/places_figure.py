"""Makes a figure of measured places: bicubic, reference, restored, restored with another place's reference, truth.

python scripts/places_figure.py RESULTS FIGURE [WORLD...]

RESULTS is the folder of a measured set, with its images and --ref swap; WORLD, if given, is how names of places begin.
Shown are the three in the middle by gain over bicubic: neither the best nor the worst.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mosaic import Bytes, mosaic, tile

from refsr.data.images import read_image, write_image
from refsr.engine.validation.results import Results

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
    arguments = parser.parse_args()
    results = Results.read(arguments.results)
    protocol = next(iter(results.protocols))
    labels = {
        "bicubic": "bicubic",
        results.run: results.about["weights"]["network"],
        f"{results.run} ref=swap": "wrong reference",
    }
    scores = {method: results.values(method, protocol, "psnr") for method in labels}
    chosen = [image for image in results.pictures if image.startswith(tuple(arguments.worlds))]
    order = sorted(chosen, key=lambda image: scores[results.run][image] - scores["bicubic"][image])
    first = len(order) // 2 - 1
    lines = []
    for image in order[first : first + ROWS]:
        texts = {method: f"{label} {scores[method][image]:.2f} dB" for method, label in labels.items()}
        shown = {
            "bicubic": texts["bicubic"],
            "ref": "older reference",
            results.run: texts[results.run],
            f"{results.run} ref=swap": texts[f"{results.run} ref=swap"],
            "hr": "truth",
        }
        pictures = {role: read_image(arguments.results / place) for role, place in results.pictures[image].items()}
        lines.append([tile(middle(pictures[role]), text, TILE) for role, text in shown.items()])
    write_image(arguments.figure, mosaic(lines))
    print(f"{arguments.figure}: {arguments.figure.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
