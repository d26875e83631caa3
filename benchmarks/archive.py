"""What an archive costs beyond restoring its scenes one by one: python benchmarks/archive.py [--part efficiency ...]

efficiency: one scene by refsr-x4-fast with a reference, by two workers of one thread and by one process. overhead:
many small scenes by a network of no cost, beside the same in one process, and the memory of the client (with the
scheduler in it) for two numbers of scenes. large: one scene of 3000 pixels by a network of no cost, compared byte by
byte. --part measures some of it and keeps the rest. Each run is a process of its own, whose processor time counts its
workers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from raster_run import peak_mib, processor_seconds

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "archive.json"
PARTS = ("efficiency", "overhead", "large")
EAST, NORTH, PIXEL, SCALE = 500_000.0, 4_650_000.0, 10.0, 4
SMALL = 32
"""LR pixels along the side of small scenes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--side", type=int, default=512, help="LR pixels of the scene of efficiency")
    parser.add_argument("--large", type=int, default=3000, help="LR pixels of the large scene")
    parser.add_argument("--scenes", type=int, nargs=2, default=(1000, 10_000), help="of overhead")
    parser.add_argument("--one", nargs=5, metavar=("WAY", "SCENES", "OUT", "MODEL", "REFS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(*arguments.one)))
        return
    measured = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    sizes = {"efficiency": arguments.side, "overhead": arguments.scenes, "large": arguments.large}
    for part in arguments.part:
        with tempfile.TemporaryDirectory() as folder:
            measured[part] = {"efficiency": efficiency, "overhead": overhead, "large": large}[part](
                Path(folder), sizes[part]
            )
        RESULT.write_text(json.dumps(measured, indent=1) + "\n")
        print(json.dumps({part: measured[part]}, indent=1))


def efficiency(folder: Path, side: int) -> dict[str, Any]:
    """Two workers of one thread beside one process, by a real network."""
    write_scene(folder / "LR" / "scene.tif", side, 0, 1, PIXEL)
    write_scene(folder / "Ref" / "scene.tif", side * SCALE, 0, 2, PIXEL / SCALE)
    found = both(folder, "refsr-x4-fast", folder / "Ref")
    plain, archive = found["plain"], found["archive"]
    return {
        "side": side, "model": "refsr-x4-fast", **found,
        "work": round(archive["work"] / plain["work"], 3), "all": round(archive["processor"] / plain["processor"], 3),
    }  # fmt: skip


def overhead(folder: Path, counts: tuple[int, int]) -> dict[str, Any]:
    """Processor time a scene beyond plain restoring, and memory, by the difference between two numbers of scenes."""
    rows = []
    for count in counts:
        for number in range(count):
            write_scene(folder / str(count) / "LR" / f"{number:06d}.tif", SMALL, number * SMALL * PIXEL, number, PIXEL)
        rows.append({"scenes": count, **both(folder / str(count), "enlarging", None)})
    few, many = rows
    more = many["scenes"] - few["scenes"]

    def slope(way: str, key: str) -> float:
        return (many[way][key] - few[way][key]) / more

    return {
        "side": SMALL,
        "rows": rows,
        "milliseconds_a_scene_beyond": round(1000 * (slope("archive", "processor") - slope("plain", "processor")), 3),
        "client_mib_a_million_scenes": round(1e6 * slope("archive", "peak_mib"), 1),
    }


def large(folder: Path, side: int) -> dict[str, Any]:
    """One large scene."""
    write_scene(folder / "LR" / "scene.tif", side, 0, 1, PIXEL)
    return {"side": side, **both(folder, "enlarging", None)}


def both(folder: Path, model: str, refs: Path | None) -> dict[str, Any]:
    """The scenes of a folder by one process and by an archive of two workers, and whether their results are equal."""
    found = {}
    for way in ("plain", "archive"):
        words = ["--one", way, str(folder / "LR"), str(folder / way), model, str(refs or "-")]
        run = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=True)
        found[way] = json.loads(run.stdout.splitlines()[-1])
    made = [
        {file.name: file.read_bytes() for file in (folder / way).rglob("[!.]*.tif")} for way in ("plain", "archive")
    ]
    return {**found, "same_bytes": made[0] == made[1]}


def one(way: str, scenes: str, output: str, model: str, refs: str) -> dict[str, float]:
    """One run: all processor time, that of the work after the start, the clock, and the peak of this process."""
    import torch

    from refsr.archive.restore_archive import Sources, restore_archive
    from refsr.core.progress import no_progress
    from refsr.core.user_modules import import_module
    from refsr.inference.inputs import RestoreOptions
    from refsr.inference.rasters import restore_raster
    from refsr.inference.restorer import load
    from refsr.runs.model_file import weights_digest

    torch.set_num_threads(1)
    if model == "enlarging":
        import_module(str(HERE / "enlarging.py"))
        model = str(write_enlarging(Path(output).with_name("enlarging.safetensors")))
    restorer = load(model, "cpu")
    options = RestoreOptions(range=(0.0, 255.0), register="none")
    clock, begun, where = time.monotonic(), processor_seconds(), Path(output)
    work = 0.0
    if way == "plain":
        where.mkdir()
        for file in sorted(Path(scenes).iterdir()):
            references = [] if refs == "-" else [Path(refs) / file.name]
            restore_raster(restorer, file, references, where / file.name, options)
        work = processor_seconds() - begun
    else:
        from refsr.archive.settings import ArchiveSettings

        modules = (str(HERE / "enlarging.py"),) if "enlarging" in model else ()
        settings = ArchiveSettings(where, model, weights_digest(restorer.network), options, "cpu", imports=modules)
        sources = Sources(Path(scenes), references=None if refs == "-" else Path(refs))
        counts = restore_archive(sources, settings, no_progress, print, workers=2)
        assert not counts.aside, counts.aside
        work = counts.seconds
    return {
        "processor": round(processor_seconds(), 2), "work": round(work, 2),
        "clock": round(time.monotonic() - clock, 2), "peak_mib": round(peak_mib(), 1),
    }  # fmt: skip


def write_enlarging(path: Path) -> Path:
    """A model file of the network of no cost."""
    from refsr.networks.descriptor import NetworkSpec
    from refsr.runs.model_file import ModelCard, write_model

    spec = NetworkSpec("Enlarging", {"reference": False})
    write_model(path, spec.build().state_dict(), ModelCard(spec, "SISR_model", {"weights": "none"}))
    return path


def write_scene(path: Path, side: int, east: float, seed: int, pixel: float) -> None:
    """A scene of noise that repeats."""
    import rasterio
    from rasterio.transform import Affine

    path.parent.mkdir(parents=True, exist_ok=True)
    texture = np.random.default_rng(seed).integers(20, 230, (3, 64, 64), np.uint8)
    times = -(-side // 64)
    with rasterio.open(
        path, "w", driver="GTiff", height=side, width=side, count=3, dtype="uint8", crs="EPSG:32612", tiled=True,
        transform=Affine(pixel, 0, EAST + east, 0, -pixel, NORTH), photometric="RGB",
    ) as sink:  # fmt: skip
        sink.write(np.tile(texture, (1, times, times))[:, :side, :side])


if __name__ == "__main__":
    main()
