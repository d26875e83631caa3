"""Processor time and memory of restoring rasters by a network of no cost, beside opensr-utils.

python benchmarks/rasters.py [--sizes 500 1000 3000 6000] [--opensr PYTHON] [--rounds N] [--work FOLDER]

writes benchmarks/results/rasters.json. LR is a raster of 10 m and so many pixels a side; the reference lies in the next
UTM zone with pixels of 2.4 m, so that all of it is warped. A row has the processor's seconds (user and system) for a
megapixel of the result without the start of the program (imports and the model), that start, and the most memory.
Programs take turns, each run is a process of its own, and the fewest seconds of the rounds count.

PYTHON is the interpreter of an environment with opensr-utils 2.1.0: without a model it enlarges bilinearly. It takes no
reference raster, and writes 16 bits whatever LR has. The two smallest sizes take about a minute, all four half an hour
and 20 GB below FOLDER.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from refsr.core.atomic import write_text

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "rasters.json"
SCALE = 4
PIXEL, REF_PIXEL = 10.0, 2.4
HOME, NEXT_ZONE = "EPSG:32612", "EPSG:32613"
EAST, NORTH = 500_000.0, 4_650_000.0
PATCH, TILE = 1024, 512


def texture(seed: int) -> np.ndarray:
    """(3, PATCH, PATCH) in [0, 1]: noise whose amplitude falls with frequency as in photographs, without a seam."""
    generator = np.random.default_rng(seed)
    down, across = np.meshgrid(np.fft.fftfreq(PATCH), np.fft.rfftfreq(PATCH), indexing="ij")
    fall = np.maximum(np.hypot(down, across), 1 / PATCH) ** -1.2
    image = np.stack([np.fft.irfft2(np.fft.rfft2(generator.standard_normal((PATCH, PATCH))) * fall) for _ in range(3)])
    image = (image - image.mean()) / image.std()
    return np.clip(0.5 + image / 6, 0, 1)


def write(file: Path, side: int, pixel: float, left: float, top: float, crs: str, dtype: str, seed: int) -> Path:
    """A tiled GeoTIFF of `side` pixels in which one texture repeats."""
    if file.exists():
        return file
    most = 255 if dtype == "uint8" else 10_000
    patch = np.rint(texture(seed) * most).astype(dtype)
    profile = {"driver": "GTiff", "height": side, "width": side, "count": 3, "dtype": dtype, "crs": crs}
    profile |= {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "compress": "zstd", "zstd_level": 1}
    with rasterio.open(file, "w", transform=Affine(pixel, 0, left, 0, -pixel, top), predictor=2, **profile) as sink:
        for row in range(0, side, PATCH):
            line = np.tile(patch, (1, 1, -(-side // PATCH)))[:, : side - row, :side]
            sink.write(line, window=Window(0, row, side, line.shape[1]))
    return file


def scene(folder: Path, side: int, dtype: str) -> tuple[Path, Path]:
    """LR, and a reference in the next zone that covers it."""
    lr = write(folder / f"lr-{side}-{dtype}.tif", side, PIXEL, EAST, NORTH, HOME, dtype, 0)
    bounds = EAST, NORTH - side * PIXEL, EAST + side * PIXEL, NORTH
    left, bottom, right, top = transform_bounds(HOME, NEXT_ZONE, *bounds)
    size = int(max(right - left, top - bottom) / REF_PIXEL) + 20
    corner = left - 9.3 * REF_PIXEL, top + 9.3 * REF_PIXEL
    return lr, write(folder / f"ref-{side}-{dtype}.tif", size, REF_PIXEL, *corner, NEXT_ZONE, dtype, 1)


def run(python: str, program: str, lr: Path, ref: Path | None) -> dict[str, float]:
    """What one run took."""
    output = lr.with_name(f"out-{program}.tif")
    words = [python, str(HERE / "raster_run.py"), program, str(lr), str(output)]
    made = subprocess.run([*words, *([] if ref is None else ["--ref", str(ref)])], stdout=subprocess.PIPE, check=True)
    output.unlink()
    took: dict[str, float] = json.loads(made.stdout.splitlines()[-1])
    return took


def measured(folder: Path, side: int, dtype: str, rounds: int, opensr: str | None) -> list[dict[str, Any]]:
    lr, ref = scene(folder, side, dtype)
    cases: list[tuple[str, str, Path | None]] = [(sys.executable, "refsr", ref), (sys.executable, "refsr", None)]
    if opensr is not None:
        cases.append((opensr, "opensr", None))
    runs: list[list[dict[str, float]]] = [[] for _ in cases]
    for _ in range(rounds):
        for (python, program, reference), kept in zip(cases, runs, strict=True):
            kept.append(run(python, program, lr, reference))
    megapixels = (side * SCALE) ** 2 / 1e6
    rows = []
    for (_, program, reference), kept in zip(cases, runs, strict=True):
        best = min(kept, key=lambda one: one["processor_seconds"])
        rows.append(
            {
                "program": program,
                "side": side,
                "dtype": dtype,
                "warped_reference": reference is not None,
                "processor_seconds_per_megapixel": round(best["processor_seconds"] / megapixels, 3),
                "startup_seconds": round(best["startup_seconds"], 1),
                "wall_seconds": round(best["wall_seconds"], 1),
                "peak_mib": round(max(one["peak_mib"] for one in kept)),
                "bytes_per_pixel": round(best["bytes"] / megapixels / 1e6, 2),
            }
        )
        print(*rows[-1].values(), flush=True)
    for file in (lr, ref):
        file.unlink()
    return rows


def version(python: str, name: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 1000], help="pixels of LR a side")
    parser.add_argument("--wide", type=int, default=1000, help="pixels a side of the scene in 16 bits; 0 for none")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--opensr", metavar="PYTHON", help="interpreter that has opensr-utils")
    parser.add_argument("--work", type=Path, help="folder for the scenes (default: a temporary one)")
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args(words)
    rows = []
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        scenes = [(side, "uint8") for side in given.sizes] + ([(given.wide, "uint16")] if given.wide else [])
        for side, dtype in scenes:
            rows += measured(Path(folder), side, dtype, given.rounds, given.opensr)
    versions = {name: version(sys.executable, name) for name in ("rasterio", "numpy", "torch")}
    if given.opensr is not None:
        versions["opensr-utils"] = version(given.opensr, "opensr-utils")
    record = {
        "what": __doc__.splitlines()[0],
        "machine": {"processor": platform.machine(), "gdal": rasterio.__gdal_version__, **versions},
        "notes": [
            "opensr-utils takes no reference raster: it has no rows with one",
            "opensr-utils writes 16 bits, striped or tiled as LR is; refsr LR's type as a COG with overviews",
        ],
        "rows": rows,
    }
    write_text(given.output, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
