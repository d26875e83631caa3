"""Multiply-accumulates of TSFNet, and time and peak memory of a training step: as published, as here, and recomputed.

python benchmarks/tsfnet.py [--nf 64 --pairs 2 --side 64 --batch 1] writes benchmarks/results/tsfnet-<device>.json.

The published layers that halve a feature convolve it at full size before they gather pixels; its attention weighs maps
and then mixes the result; its cross-stage gates join both features first. Here each of these is one step, with equal
results: the largest difference of the images is told too. Each way takes the trainer's own step (both stages' L1) in a
process of its own, at x4 and x8; they take turns, the fastest step of each counts, and memory is what the process's
peak rose by (a GPU's own count there).
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from meters import peak, processor
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from refsr.core.atomic import write_text
from refsr.core.memory import keep_freed_memory
from refsr.core.options.network import GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.networks.tsfnet.fusion import ChannelAttention, CrossStageGate
from refsr.networks.tsfnet.network import TSFNet
from refsr.networks.tsfnet.spatial import Downsample
from refsr.runs.process_group import Group
from refsr.tasks.regression import Regression
from refsr.training.precision import Precision
from refsr.training.setup import wrap_for_training
from refsr.training.step import StepRunner

HERE = Path(__file__).resolve().parent
WAYS: dict[str, dict[str, Any]] = {
    "published": {},
    "ours": {},
    "activation_checkpointing": {"activation_checkpointing": True},
    "bf16": {"precision": "bf16"},
}
SCALES = (4, 8)
STEPS = 2


def published_halving(self: Downsample, x: Tensor) -> Tensor:
    """A convolution at full size, then the unshuffled pixels joined."""
    joined: Tensor = self.reduce(F.pixel_unshuffle(self.conv(x), 2))
    return joined


def published_attention(self: ChannelAttention, x: Tensor) -> Tensor:
    """Normalised maps, their products, the weighted maps, and the last convolution."""
    heads, (batch, channels, height, width) = len(self.temperature), x.shape
    parts = self.qkv_depthwise(self.qkv(self.norm(x))).chunk(3, dim=1)
    query, key, value = (one.reshape(batch, heads, channels // heads, -1) for one in parts)
    likeness = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
    mixed = torch.softmax(likeness * self.temperature, dim=-1) @ value
    left: Tensor = self.project_out(mixed.reshape(batch, channels, height, width))
    return left


def published_gates(self: CrossStageGate, x: Tensor, guide: Tensor) -> Tensor:
    """Mean and maximum of the joined features."""
    both = torch.cat((x, guide), dim=1)
    maps = torch.cat((both.mean(dim=1, keepdim=True), both.amax(dim=1, keepdim=True)), dim=1)
    return torch.sigmoid(self.conv_gates(maps))


def as_published() -> None:
    """Every TSFNet of this process takes the published steps from now on."""
    Downsample.forward = published_halving  # type: ignore[method-assign]
    ChannelAttention.forward = published_attention  # type: ignore[method-assign]
    CrossStageGate.gates = published_gates  # type: ignore[method-assign]


def products(nf: int, pairs: int) -> float:
    """Thousands of millions of multiply-accumulates that make 256 x 256 pixels, Fourier transforms left out."""
    with FakeTensorMode(), torch.no_grad():
        network = TSFNet(8, nf=nf, n_blocks=pairs)
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 3, 32, 32))
    return float(counter.get_total_flops() / 2e9)


def difference(nf: int, pairs: int, side: int) -> dict[str, float]:
    """Products of both ways, and the largest difference of their images in float64, where no phase is near its cut."""
    torch.manual_seed(0)
    network, lr = TSFNet(8, nf=nf, n_blocks=pairs).double(), torch.rand(1, 3, side // 8, side // 8).double()
    ours = products(nf, pairs)
    with torch.no_grad():
        image = network(lr)
        as_published()
        far = float((network(lr) - image).abs().max())
    return {"ours": ours, "published": products(nf, pairs), "difference": far}


def measure(way: str, scale: int, nf: int, pairs: int, batch: int, side: int) -> dict[str, float]:
    """The fastest of a few steps in seconds, and the rise of the peak in MiB."""
    cuda = torch.cuda.is_available()
    group = Group(0, 1, torch.device("cuda", 0) if cuda else torch.device("cpu"))
    if not cuda:
        keep_freed_memory()
    if way == "published":
        as_published()
    torch.manual_seed(0)
    network = GeneratorOptions(which_model_G="TSFNet", nf=nf, n_blocks=pairs)
    train = TrainOptions(niter=100, **WAYS[way])
    task = Regression(
        Options(name="step", model="TSFNet_model", scale=scale, datasets={}, network_G=network, train=train)
    )
    raw = task.networks["G"].to(group.device)
    step_runner = StepRunner(
        task, {"G": wrap_for_training(raw, train, group)}, group, Precision(train.precision, group.device), train
    )
    given: dict[str, Any] = {
        name: torch.rand(batch, 3, one, one, device=group.device)
        for name, one in {"lr": side // scale, "hr": side}.items()
    }
    given["name"] = ["x"] * batch
    before = peak(cuda)
    times = []
    for step in range(1, STEPS + 1):
        started = processor(cuda)
        step_runner.step(step, given)
        times.append(processor(cuda) - started)
    return {"seconds": min(times[1:]), "memory_mib": peak(cuda) - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    sizes = {"nf": 64, "pairs": 2, "batch": 1, "side": 64}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS)[1:], default=list(WAYS)[1:], help="beside published")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    chosen = {name: getattr(arguments, name) for name in sizes}
    if arguments.one:
        way, scale = arguments.one
        print(json.dumps(measure(way, int(scale), **chosen)))
        return
    work = difference(arguments.nf, arguments.pairs, arguments.side)
    print(
        f"{work['published']:.2f} G multiply-accumulates as published, {work['ours']:.2f} G here; "
        f"images differ by {work['difference']:.1e}"
    )
    words = [word for name, value in chosen.items() for word in (f"--{name}", str(value))]
    runs: dict[tuple[str, int], list[dict[str, float]]] = {}
    for _ in range(arguments.rounds):
        for scale in SCALES:
            for way in ("published", *arguments.ways):
                command = [sys.executable, __file__, "--one", way, str(scale), *words]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                runs.setdefault((way, scale), []).append(json.loads(done.stdout.splitlines()[-1]))
    best = {key: {name: min(one[name] for one in found) for name in found[0]} for key, found in runs.items()}
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for (way, scale), one in best.items():
        first = best["published", scale]
        row = {
            "seconds": round(one["seconds"], 2),
            "speed_to_published": round(first["seconds"] / one["seconds"], 3),
            "memory_mib": round(one["memory_mib"], 1),
            "memory_to_published": round(one["memory_mib"] / first["memory_mib"], 3),
        }
        rows.setdefault(f"x{scale}", {})[way] = row
        print(
            f"x{scale} {way:<14}{row['seconds']:>7.2f} s {row['speed_to_published']:>6.2f}x speed "
            f"{row['memory_mib']:>7.0f} MiB {row['memory_to_published']:>5.2f}x memory"
        )
    cuda = torch.cuda.is_available()
    machine = torch.cuda.get_device_name() if cuda else f"{platform.machine()}, {torch.get_num_threads()} threads"
    content = {"machine": machine, "torch": torch.__version__, **chosen, "giga_products": work, "steps": rows}
    write_text(HERE / "results" / f"tsfnet-{'cuda' if cuda else 'cpu'}.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
