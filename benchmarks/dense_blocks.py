"""Time and peak memory of DRR and GTEM, forward and backward: as published, as here, and with activations recomputed.

python benchmarks/dense_blocks.py [--side 128 --batch 1] writes benchmarks/results/dense_blocks-<device>.json.

Both run one dense block thrice with shared weights. Published, it is three convolutions side by side, each with its own
joined inputs, and two activations one after the other; here the branches lie in one tensor and the activation is one
step in place. Each way runs in a process of its own; they take turns, the fastest run of each counts, and memory is
what the process's peak rose by (a GPU's own count there). GTEM gets three gradient maps for each of the batch.
"""

from __future__ import annotations

import argparse
import functools
import json
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import MethodType

import torch
import torch.nn.functional as F
from meters import peak, wall
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from refsr.core.atomic import write_text
from refsr.core.memory import keep_freed_memory
from refsr.networks.blocks.drr import DenseRestoreResidual, ThreeBranchDenseBlock
from refsr.networks.blocks.gtem import GradientEnhancement

HERE = Path(__file__).resolve().parent
WIDTH = 64
BLOCKS: dict[str, tuple[int, int, Callable[[], nn.Module]]] = {
    "DRR": (WIDTH, 1, lambda: DenseRestoreResidual(WIDTH)),
    "GTEM": (3, 3, lambda: GradientEnhancement(3, WIDTH)),
}
"""Bands of the input, inputs for each of the batch, and how the block is made."""
WAYS = ("published", "ours", "dense block recomputed", "all recomputed")


def published_branches(self: ThreeBranchDenseBlock, x: Tensor) -> Tensor:
    """The dense block as it was published."""
    branches = [x] * 3
    for _ in range(self.rounds):
        seen = [_activated(look(one)) for look, one in zip(self.conv3x3, branches, strict=True)]
        branches = [
            _activated(mix(torch.cat((*seen, one), 1))) for mix, one in zip(self.conv1x1, branches, strict=True)
        ]
    return _activated(self.fuse(torch.cat(branches, 1)))


def _activated(x: Tensor) -> Tensor:
    return F.leaky_relu(F.selu(x), 0.01)


def recomputed(part: nn.Module) -> None:
    """Makes a part keep its inputs only."""
    part.forward = functools.partial(checkpoint, part.forward, use_reentrant=False)


def measure(block: str, way: str, side: int, batch: int) -> dict[str, float]:
    """Seconds of the fastest of a few runs, and the rise of the peak in MiB."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        keep_freed_memory()
    torch.manual_seed(0)
    bands, times, make = BLOCKS[block]
    module = make().to(device)
    dense = next(part for part in module.modules() if isinstance(part, ThreeBranchDenseBlock))
    if way == "published":
        dense.forward = MethodType(published_branches, dense)  # type: ignore[method-assign]
    elif way == "dense block recomputed":
        recomputed(dense)
    elif way == "all recomputed":
        recomputed(module)
    x = torch.rand(batch * times, bands, side, side, device=device, requires_grad=True)
    module(x[:, :, :8, :8]).sum().backward()
    before = peak(device.type == "cuda")
    seconds = []
    for _ in range(3):
        started = wall(device.type == "cuda")
        module(x).square().mean().backward()
        seconds.append(wall(device.type == "cuda") - started)
    return {"seconds": min(seconds[1:]), "memory_mib": peak(device.type == "cuda") - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        block, way = arguments.one
        print(json.dumps(measure(block, way, arguments.side, arguments.batch)))
        return
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for block in BLOCKS:
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(arguments.rounds):
            for way in WAYS:
                command = [sys.executable, __file__, "--one", block, way]
                command += ["--side", str(arguments.side), "--batch", str(arguments.batch)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                runs[way].append(json.loads(done.stdout.splitlines()[-1]))
        best = {way: {key: min(one[key] for one in found) for key in found[0]} for way, found in runs.items()}
        first = best["published"]
        rows[block] = {
            way: {
                "speed_to_published": round(first["seconds"] / one["seconds"], 3),
                "memory_mib": round(one["memory_mib"], 1),
                "memory_to_published": round(one["memory_mib"] / first["memory_mib"], 3),
            }
            for way, one in best.items()
        }
        for way, row in rows[block].items():
            print(
                f"{block:<5}{way:<24}{row['speed_to_published']:>6.2f}x speed {row['memory_mib']:>8.0f} MiB "
                f"{row['memory_to_published']:>6.2f}x memory"
            )
    cuda = torch.cuda.is_available()
    machine = torch.cuda.get_device_name() if cuda else f"{platform.machine()}, {torch.get_num_threads()} threads"
    content = {"machine": machine, "torch": torch.__version__, "side": arguments.side, "batch": arguments.batch}
    target = HERE / "results" / f"dense_blocks-{'cuda' if cuda else 'cpu'}.json"
    write_text(target, json.dumps({**content, "blocks": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
