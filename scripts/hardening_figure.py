"""Makes figures/hardening.png: what each knob of a hardened Ref does to it, on a synthetic place.

python scripts/hardening_figure.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mosaic import Bytes, mosaic, tile

from refsr.data.images import write_image
from refsr.worlds.knobs import knobs_like
from refsr.worlds.scene_pair import make_scene_pair

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "hardening.png"
SIDE = 144
PLACE = 3
KNOBS: tuple[dict[str, Any], ...] = (
    {"ref_texture": 0.8},
    {"ref_replaced": 0.3},
    {"ref_tone": 2.0},
    {"ref_jitter": 4.0},
    {"ref_blur": 2.0},
    {"ref_noise": 12.0},
    {"ref_jpeg": 20},
    {"ref_wrong": 1.0},
    {"hardness": 0.5},
    {"hardness": 1.0},
)


def images(**knobs: Any) -> dict[str, Bytes]:
    """A place of a world whose Ref lies on HR and was taken at the same time."""
    still = {"misregistration": 0.0, "rotation": 0.0, "scale_difference": 0.0, "view_angle": 0.0}
    return make_scene_pair(knobs_like("kagglesrd", {**still, "size": SIDE, "jpeg": 0, **knobs}), PLACE).images


def main() -> None:
    plain = images()
    tiles = [tile(plain["HR"], "HR", SIDE), tile(plain["Ref"], "hardness 0", SIDE)]
    for knobs in KNOBS:
        tiles.append(tile(images(**knobs)["Ref"], " ".join(f"{name} {value:g}" for name, value in knobs.items()), SIDE))
    write_image(FIGURE, mosaic(tiles[row : row + 4] for row in range(0, len(tiles), 4)))
    print(f"{FIGURE}: {FIGURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
