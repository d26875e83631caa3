"""Times `refsr world` and, in one process, what drawing a place and seeing it cost.

python benchmarks/world.py [--places 64] [--workers 2] writes benchmarks/results/world.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path

from refsr.worlds.knobs import PIXEL, Knobs
from refsr.worlds.world_folder import make_world

RESULTS = Path(__file__).resolve().parent / "results" / "world.json"
PARTS_OF = 8


def seconds_of_parts(knobs: Knobs, count: int) -> dict[str, float]:
    """CPU seconds a place: both renderings alone, and everything (the rest is views, sensors and truth)."""
    import cv2

    from refsr.worlds.draws import draw
    from refsr.worlds.render import render
    from refsr.worlds.scene import drawn, make_scene
    from refsr.worlds.scene_pair import make_scene_pair

    cv2.setNumThreads(1)
    drawing = whole = 0.0
    for index in range(count):
        shots = draw(knobs, index)
        start = time.process_time()
        scene = make_scene(knobs.seed, index, knobs.canvas, PIXEL, knobs.change, knobs.style)
        for acquisition in (shots.hr, shots.reference):
            render(scene, acquisition.date, acquisition.time.sun, acquisition.viewing)
        middle = time.process_time()
        drawn.cache_clear()
        again = time.process_time()
        make_scene_pair(knobs, index)
        drawing += middle - start
        whole += time.process_time() - again
    return {"renderings": round(drawing / count, 3), "all without writing": round(whole / count, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    knobs = Knobs(places=arguments.places)
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        make_world(Path(folder) / "world", knobs, arguments.workers)
        wall = time.monotonic() - start
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "places": arguments.places,
        "size": knobs.size,
        "workers": arguments.workers,
        "seconds": round(wall, 1),
        "load_average_after": round(os.getloadavg()[0], 2),
        "cpu_seconds_a_place": seconds_of_parts(knobs, min(PARTS_OF, arguments.places)),
        "with_a_cube_of_48_bands": seconds_of_parts(Knobs(places=arguments.places, bands=48), 4),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
