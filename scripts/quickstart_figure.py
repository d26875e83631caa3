"""Makes figures/quickstart.png from a finished quickstart: held-out places as LR, Ref, restored, HR.

python scripts/quickstart_figure.py [FOLDER]      (default: quickstart)
"""

from __future__ import annotations

import sys
from pathlib import Path

from mosaic import Bytes, mosaic, tile

from refsr.data.images import read_image, write_image
from refsr.engine.validation.results import Results

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "quickstart.png"
TILE, ROWS = 288, 3
RUN = "quickstart_RRSNet"


def middle(image: Bytes) -> Bytes:
    """The middle two thirds of an image."""
    side = image.shape[0]
    return image[side // 6 : side - side // 6, side // 6 : side - side // 6]


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "quickstart") / "experiments" / RUN / "results" / "test"
    results = Results.read(folder)
    protocol = next(iter(results.protocols))
    gains = {method: results.values(method, protocol, "psnr") for method in ("bicubic", RUN, f"{RUN} ref=swap")}
    # The middle of the field by gain: neither the best nor the worst.
    order = sorted(results.pictures, key=lambda image: gains[RUN][image] - gains["bicubic"][image])
    centre = len(order) // 2
    lines = []
    for image in order[centre - 1 : centre - 1 + ROWS]:
        pictures = {role: read_image(folder / place) for role, place in results.pictures[image].items()}
        texts = {
            "bicubic": f"bicubic {gains['bicubic'][image]:.2f} dB",
            "ref": "older reference",
            RUN: f"RRSNet {gains[RUN][image]:.2f} dB",
            f"{RUN} ref=swap": f"wrong reference {gains[f'{RUN} ref=swap'][image]:.2f} dB",
            "hr": "truth",
        }
        lines.append([tile(middle(pictures[role]), text, TILE) for role, text in texts.items()])
    write_image(FIGURE, mosaic(lines))
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
