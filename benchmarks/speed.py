"""What every system costs on this machine's CPU: seconds, share of its peak, memory, and gain over plain torch.

python benchmarks/speed.py [--rows WORD...] writes benchmarks/results/speed.json; rows not asked for stay there.

Rows are `forward FILE` (inference of an option file's network), `step FILE` (forward, backward of L1 and Adam),
`restore MODEL LR` (`refsr restore` as a whole, for an image of LR pixels a side) and `scene MODEL LR` (the same for a
raster with a reference that is registered first). Each has a process and one thread of its own. Seconds are those
that the process had of the processor. Each process measures a product of large matrices before and after; the fastest
of all is the machine's peak. `to_plain` is the ratio to the same work with every compiled operator left aside, in
turns with it. Memory is what the process's peak rose by, for `restore` and `scene` all of it. The ten largest costs
are those of torch's profiler. A step counts as three forward passes' multiply-accumulates.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
import torch.nn.functional as F
from costs import RESULT as COSTS
from costs import ROOT, inputs
from costs import SIDE as COUNTED_SIDE
from meters import peak as memory_peak
from rasterio.transform import Affine, from_origin
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from refsr.core.atomic import write_text
from refsr.core.instructions import vector_instructions
from refsr.core.memory import keep_freed_memory
from refsr.core.options.load import load_options
from refsr.data.images import write_image
from refsr.networks.descriptor import NetworkSpec
from refsr.ops import deformable_v2, deformable_v3, native

RESULT = ROOT / "benchmarks" / "results" / "speed.json"
SIDES = {
    "rrsgan/published": (96, 64),
    "rgtgan/published": (96, 64),
    "rgtgan/train-dense": (96, 64),
    "specgan/published-x16": (256, 256),
    "tsfnet/ucmerced-x8": (128, 64),
    "refdiff/second-x8": (64, 64),
    "sisr/edsr-x4": (256, 64),
    "sisr/srresnet-x4": (256, 64),
    "sisr/swinir-x4": (256, 64),
    "sisr/dat-x4": (256, 64),
    "flagship/x4": (256, 64),
    "flagship/x4-fast": (256, 64),
}
"""Sides of the results of option files' networks: at inference, and in a training step."""
RESTORED = (
    ("refsr-x4", 120),
    ("refsr-x4-fast", 120),
    ("refsr-x4-fast", 240),
    ("rrsnet-small-x4", 120),
)
SCENES = tuple((model, side) for model in ("refsr-x4", "refsr-x4-fast") for side in (256, 768))
ROWS = (
    *(f"forward {file}" for file in SIDES),
    *(f"step {file}" for file in SIDES),
    *(f"restore {model} {side}" for model, side in RESTORED),
    *(f"scene {model} {side}" for model, side in SCENES),
)
LARGE = 1024
"""Side of the matrices by which the machine's peak is measured."""
LARGEST_COSTS = 10
WITH_OPERATORS = ("RRSNet", "RGTNet")
"""Networks with deformable layers."""
LONG = 3.0
"""Seconds from which on work is timed once, not twice."""


def machine_peak() -> float:
    """Thousands of millions of multiply-accumulates a second of the processor, in a large product in float32."""
    left = torch.rand(LARGE, LARGE)
    return LARGE**3 / 1e9 / min(_seconds(lambda: left @ left) for _ in range(3))


def _seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(row: str) -> dict[str, Any]:
    """One row of a network, in this process."""
    kind, file = row.split()
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    options = load_options(ROOT / "options" / f"{file}.yml", paths=False)
    network = NetworkSpec.of(options.network_G, options.scale).build()
    side = SIDES[file][kind == "step"]
    given = [torch.rand_like(one) for one in inputs(network.descriptor, side)]  # type: ignore[arg-type]
    work, mode = _step(network, given) if kind == "step" else _forward(network, given)
    before, fast = memory_peak(False), machine_peak()
    with mode:
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            first = _seconds(work)
        used = memory_peak(False) - before
        compiled, plain = [], []
        for _ in range(1 if first > LONG else 2):
            compiled.append(_seconds(work))
            if options.network_G.which in WITH_OPERATORS:
                with deformable_v2.using("reference"), deformable_v3.using("reference"):
                    plain.append(_seconds(work))
        fast = max(fast, machine_peak())
    seconds, shown = min(compiled), _side_of(network, side)
    multiplied = _giga_products(file) * (shown / COUNTED_SIDE) ** 2 * (3 if kind == "step" else 1)
    return {
        "side": shown,
        "giga_products": round(multiplied, 2),
        "seconds": round(seconds, 3),
        "peak": round(fast, 1),
        "memory_mib": round(used),
        "to_plain": round(seconds / min(plain), 3) if plain else None,
        "costs": _largest(profiler),
    }


def _giga_products(file: str) -> float:
    """Of one image of COUNTED_SIDE, as benchmarks/costs.py counts them."""
    counted: float = json.loads(COSTS.read_text())["files"][file]["giga_products"]
    return counted


def _side_of(network: nn.Module, side: int) -> int:
    """Pixels along the side of the result."""
    descriptor: Any = network.descriptor
    fixed: int = (descriptor.side or 0) * descriptor.scale
    return fixed or side


def _forward(network: nn.Module, given: list[Tensor]) -> tuple[Callable[[], Any], Any]:
    network.eval()
    return lambda: network(*given), torch.inference_mode()


def _step(network: nn.Module, given: list[Tensor]) -> tuple[Callable[[], Any], Any]:
    network.train()
    optimiser = torch.optim.Adam(one for one in network.parameters() if one.requires_grad)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        image = network(*given)
        F.l1_loss(image, torch.zeros_like(image)).backward()
        optimiser.step()

    return step, contextlib.nullcontext()


def _largest(profiler: profile) -> dict[str, float]:
    """Share of the time of the operators that take most."""
    found = {one.key.removeprefix("aten::"): one.self_cpu_time_total for one in profiler.key_averages()}
    total = sum(found.values())
    most = sorted(found, key=lambda name: -found[name])[:LARGEST_COSTS]
    return {name: round(found[name] / total, 3) for name in most}


def restored(model: str, side: int) -> dict[str, Any]:
    """`refsr restore` of noise, compiled and plain in turns."""
    drawn = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, length in (("lr", side), ("ref", 4 * side)):
            write_image(folder / f"{name}.png", drawn.integers(0, 256, (length, length, 3), np.uint8))
        words = ["--model", model, "--lr", folder / "lr.png", "--ref", folder / "ref.png", "--register", "none"]
        command = [sys.executable, "-m", "refsr", "restore", *map(str, words), "--device", "cpu", "--overwrite", "-o"]
        command.append(str(folder / "sr.png"))
        compiled, used = _child(command, {})
        plain = _child(command, {"REFSR_OPERATORS": str(folder)})[0] if model == "rrsnet-small-x4" else None
    return {
        "side": 4 * side,
        "seconds": round(compiled, 2),
        "memory_mib": round(used),
        "to_plain": round(compiled / plain, 3) if plain else None,
    }


def scene(model: str, side: int) -> dict[str, Any]:
    """`refsr restore` of a raster of cells with straight edges, with the same ground three pixels away as reference."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        large = 4 * side
        cells = np.random.default_rng(0).integers(20, 236, (large // 8 + 1, large // 12 + 1, 3))
        ground = cells.repeat(8, 0).repeat(12, 1)[:large, :large]
        seen = {"lr": ground.reshape(side, 4, side, 4, 3).mean(axis=(1, 3)), "ref": np.roll(ground, 3, 1)}
        words = ["--model", model, "--device", "cpu", "-o", folder / "sr.tif"]
        for name, image in seen.items():
            pixel = 10 * side / len(image)
            write_raster(folder / f"{name}.tif", np.rint(image).astype(np.uint8), from_origin(5e5, 5e6, pixel, pixel))
            words += [f"--{name}", folder / f"{name}.tif"]
        seconds, used = _child([sys.executable, "-m", "refsr", "restore", *map(str, words)], {})
    return {"side": large, "seconds": round(seconds, 2), "memory_mib": round(used)}


def write_raster(file: Path, image: np.ndarray, transform: Affine) -> None:
    """(h, w, 3) as a GeoTIFF."""
    height, width, bands = image.shape
    with rasterio.open(
        file, "w", driver="GTiff", height=height, width=width, count=bands, dtype=image.dtype, crs="EPSG:32633",
        transform=transform,
    ) as sink:  # fmt: skip
        sink.write(np.moveaxis(image, 2, 0))


def _child(command: list[str], more: dict[str, str]) -> tuple[float, float]:
    """Processor seconds and peak MiB of a command."""
    child = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"} | more, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 2**10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--rows", nargs="+", metavar="WORD", help="measure only rows that contain a word, such as tsfnet"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    if native.LIBRARY.reason is not None:
        raise SystemExit(f"the compiled operators are not there: {native.LIBRARY.reason}")
    wanted = [row for row in ROWS if not arguments.rows or any(word in row for word in arguments.rows)]
    found: dict[str, Any] = json.loads(RESULT.read_text())["rows"] if RESULT.is_file() else {}
    for row in wanted:
        kind, what, *side = row.split()
        if side:
            found[row] = {"restore": restored, "scene": scene}[kind](what, int(side[0]))
        else:
            done = subprocess.run(
                [sys.executable, __file__, "--one", row], stdout=subprocess.PIPE, text=True, check=True
            )
            found[row] = json.loads(done.stdout.splitlines()[-1])
        shown = {key: value for key, value in found[row].items() if key != "costs"}
        print(row, shown, flush=True)
        peak = max(one["peak"] for one in found.values() if "peak" in one)
        for one in found.values():
            if "peak" in one:
                one["share_of_peak"] = round(one["giga_products"] / one["seconds"] / peak, 3)
        content = {
            "machine": f"{platform.machine()}, {vector_instructions()}, 1 thread",
            "torch": torch.__version__,
            "peak": peak,
            "rows": {row: found[row] for row in ROWS if row in found},
        }
        write_text(RESULT, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
