"""Makes figures/quickstart.png from a finished quickstart: held-out places as LR, Ref, restored, HR.

python scripts/quickstart_figure.py [FOLDER]      (default: quickstart)
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from refsr.data.images import read_image, write_image
from refsr.engine.validation.results import Results

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "quickstart.png"
TILE, GAP, HEAD, ROWS = 288, 6, 30, 3
RUN = "quickstart_RRSNet"

Bytes = npt.NDArray[np.uint8]


def tile(image: Bytes, text: str) -> Bytes:
    """The middle two thirds of an image, enlarged without smoothing, under a line of text."""
    side = image.shape[0]
    cut = image[side // 6 : side - side // 6, side // 6 : side - side // 6]
    large = cv2.resize(cut, (TILE, TILE), interpolation=cv2.INTER_NEAREST)
    head = np.full((HEAD, TILE, 3), 255, np.uint8)
    cv2.putText(head, text, (2, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.52, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack([head, large])


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "quickstart") / "experiments" / RUN / "results" / "test"
    results = Results.read(folder)
    protocol = next(iter(results.protocols))
    gains = {method: results.values(method, protocol, "psnr") for method in ("bicubic", RUN, f"{RUN} ref=swap")}
    # The middle of the field by gain: neither the best nor the worst.
    order = sorted(results.pictures, key=lambda image: gains[RUN][image] - gains["bicubic"][image])
    middle = len(order) // 2
    lines = []
    for image in order[middle - 1 : middle - 1 + ROWS]:
        pictures = {role: read_image(folder / place) for role, place in results.pictures[image].items()}
        texts = {
            "bicubic": f"bicubic {gains['bicubic'][image]:.2f} dB",
            "ref": "older reference",
            RUN: f"RRSNet {gains[RUN][image]:.2f} dB",
            f"{RUN} ref=swap": f"wrong reference {gains[f'{RUN} ref=swap'][image]:.2f} dB",
            "hr": "truth",
        }
        gap = np.full((TILE + HEAD, GAP, 3), 255, np.uint8)
        row = [part for role, text in texts.items() for part in (tile(pictures[role], text), gap)]
        lines.append(np.hstack(row[:-1]))
    write_image(FIGURE, np.vstack(lines) & 0xF8)
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
