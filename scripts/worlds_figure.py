"""Makes figures/worlds.png: places of a synthetic world, and the other images of one of them.

python scripts/worlds_figure.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from refsr.data.images import write_image
from refsr.worlds.knobs import Knobs
from refsr.worlds.scene_pair import make_scene_pair

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "worlds.png"
TILE = 236
GAP = 6
# Places of seed 0, each with one kind of landscape.
PLACES = ("suburban", "rural", "riverside", "urban", "industrial", "forest", "rural", "suburban")
DETAIL = 0

Bytes = npt.NDArray[np.uint8]


def smaller(image: Bytes) -> Bytes:
    """A square image at the size of a tile."""
    return np.asarray(cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_AREA))


def flow_colours(flow: npt.NDArray[np.float32]) -> Bytes:
    """Displacements as colours: direction by hue, length by brightness."""
    length, angle = np.hypot(flow[..., 0], flow[..., 1]), np.arctan2(flow[..., 0], flow[..., 1])
    hue = ((angle + np.pi) / (2 * np.pi) * 179).astype(np.uint8)
    value = np.clip(length / max(1.0, float(np.percentile(length, 99))) * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(np.stack([hue, np.full_like(hue, 150), value], -1), cv2.COLOR_HSV2RGB))


def sheet(rows: list[list[Bytes]]) -> Bytes:
    """Tiles in rows with white gaps."""
    across = np.full((TILE, GAP, 3), 255, np.uint8)
    lines = [np.hstack([part for tile in row for part in (tile, across)][:-1]) for row in rows]
    down = np.full((GAP, lines[0].shape[1], 3), 255, np.uint8)
    return np.vstack([part for line in lines for part in (line, down)][:-1])


def main() -> None:
    pairs = [
        make_scene_pair(Knobs(style=style, palette=True, change=0.2), index).images
        for index, style in enumerate(PLACES)
    ]
    places = [smaller(pair["HR"]) for pair in pairs]
    one = pairs[DETAIL]
    truth = [smaller(one["Ref"]), smaller(one["LR_UX4"]), smaller(one["mask_RGB"]), smaller(flow_colours(one["flow"]))]
    # Five bits per colour are enough at this size and keep the file small.
    write_image(FIGURE, sheet([places[:4], places[4:], truth]) & 0xF8)
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
