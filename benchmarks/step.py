"""Images a second and peak memory of RRSNet and RGTNet: restoring, a training step, and each way to save in one.

python benchmarks/step.py [--networks RRSNet --nf 64 --blocks 16 --batch 2 --side 64 --ways plain bf16]
writes benchmarks/results/step-<device>.json; networks that are not asked for keep their last results there.

`forward` restores without learning. Every other way runs the trainer's own step. Each has a process of its own; ways
take turns for several rounds and the fastest of each counts, as a ratio to the plain step. Memory is what the process's
peak rose by (a GPU's own count there). `separate encoders` runs them three times, once an image, as the published
code does.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from meters import peak, wall
from torch import Tensor, nn

from refsr.core.atomic import write_text
from refsr.core.memory import keep_freed_memory
from refsr.core.options.network import GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.runs.process_group import Group
from refsr.tasks.regression import Regression
from refsr.training.precision import Precision
from refsr.training.setup import wrap_for_training
from refsr.training.step import StepRunner

HERE = Path(__file__).resolve().parent
NETWORKS: dict[str, dict[str, Any]] = {
    "RRSNet": {"which_model_G": "RRSNet"},
    "RGTNet": {"which_model_G": "RGTNet"},
    "RGTNet dense": {"which_model_G": "RGTNet", "offsets": "dense", "enlarge": "pixel_shuffle"},
}
WAYS: dict[str, dict[str, Any]] = {
    "forward": {},
    "plain": {},
    "separate encoders": {},
    "channels_last": {"channels_last": True},
    "activation_checkpointing": {"activation_checkpointing": True},
    "accumulation 2": {"gradient_accumulation": 2},
    "bf16": {"precision": "bf16"},
    "compile": {"compile": True},
}
STEPS = 3


def one_by_one(encoder: nn.Module) -> None:
    """Makes an encoder take the three images of a batch in three passes."""
    whole = encoder.forward

    def forward(self: nn.Module, images: Tensor) -> list[Tensor]:
        passes = [whole(part) for part in images.chunk(3)]
        return [torch.cat(level) for level in zip(*passes, strict=True)]

    encoder.forward = MethodType(forward, encoder)  # type: ignore[method-assign]


def measure(name: str, way: str, nf: int, blocks: int, batch: int, side: int) -> dict[str, float]:
    """The fastest of a few steps in seconds, and the rise of the peak in MiB."""
    cuda = torch.cuda.is_available()
    group = Group(0, 1, torch.device("cuda", 0) if cuda else torch.device("cpu"))
    if not cuda:
        keep_freed_memory()
    torch.manual_seed(0)
    network = GeneratorOptions.model_validate({**NETWORKS[name], "nf": nf, "n_blocks": blocks})
    train = TrainOptions(niter=100, gradient_pixel_weight=1.0, **WAYS[way])
    task = Regression(
        Options(name="step", model=f"{network.which}_model", scale=4, datasets={}, network_G=network, train=train)
    )
    raw = task.networks["G"].to(group.device)
    if way == "separate encoders":
        one_by_one(raw.encoder)  # type: ignore[arg-type]
        one_by_one(raw.gradient_encoder)  # type: ignore[arg-type]
    if train.channels_last:
        raw.to(memory_format=torch.channels_last)
    step_runner = StepRunner(
        task, {"G": wrap_for_training(raw, train, group)}, group, Precision(train.precision, group.device), train
    )
    sizes = {"lr": side // 4, "lr_up": side, "ref": side, "ref_down": side, "hr": side}
    layout = torch.channels_last if train.channels_last else torch.contiguous_format
    given: dict[str, Any] = {
        name: torch.rand(batch, 3, one, one, device=group.device).contiguous(memory_format=layout)
        for name, one in sizes.items()
    }
    given["name"] = ["x"] * batch
    before = peak(cuda)
    times = []
    for step in range(1, STEPS + 2):
        started = wall(cuda)
        if way == "forward":
            with torch.inference_mode():
                task.restore(raw, given)
        else:
            step_runner.step(step, given)
        times.append(wall(cuda) - started)
    return {"seconds": min(times[1:]), "first_seconds": times[0], "memory_mib": peak(cuda) - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    sizes = {"nf": 64, "blocks": 16, "batch": 2, "side": 64}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    chosen = {name: getattr(arguments, name) for name in sizes}
    if arguments.one:
        print(json.dumps(measure(*arguments.one, **chosen)))
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    file = HERE / "results" / f"step-{device}.json"
    content: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    machine = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    content |= {"machine": f"{machine}, {torch.get_num_threads()} threads", "torch": torch.__version__}
    for name in arguments.networks:
        rows = compared(name, arguments.ways, arguments.rounds, chosen)
        content.setdefault("networks", {})[name] = {**chosen, "rounds": arguments.rounds, "ways": rows}
        write_text(file, json.dumps(content, indent=1) + "\n")
        for way, row in rows.items():
            print(
                f"{name:<14}{way:<20}{row['images_per_second']:>9.3f} images/s  {row['speed_to_plain']:>6.2f}x speed  "
                f"{row['memory_mib']:>8.0f} MiB  {row['memory_to_plain']:>5.2f}x memory"
            )


def compared(name: str, ways: list[str], rounds: int, chosen: dict[str, int]) -> dict[str, dict[str, float]]:
    """One network's rows: the best of the rounds, in which the ways take turns."""
    found: dict[str, list[dict[str, float]]] = {}
    words = [word for key, value in chosen.items() for word in (f"--{key}", str(value))]
    for _ in range(rounds):
        for way in ways:
            command = [sys.executable, __file__, "--one", name, way, *words]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                print(f"{name}, {way}: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            found.setdefault(way, []).append(json.loads(run.stdout.splitlines()[-1]))
    best = {way: {key: min(one[key] for one in runs) for key in runs[0]} for way, runs in found.items()}
    if "plain" not in best:
        raise SystemExit(f"{name}: nothing to compare with, the plain step did not run")
    plain = best["plain"]
    return {
        way: {
            "images_per_second": round(chosen["batch"] / one["seconds"], 3),
            "speed_to_plain": round(plain["seconds"] / one["seconds"], 3),
            "memory_mib": round(one["memory_mib"], 1),
            "memory_to_plain": round(one["memory_mib"] / plain["memory_mib"], 3),
            "first_step_seconds": round(one["first_seconds"], 2),
        }
        for way, one in best.items()
    }


if __name__ == "__main__":
    main()
