"""SpecGAN at x16: what the released way to enlarge costs beside StyleGAN2's own, and what more bands cost.

python benchmarks/specgan.py [--rounds 2] writes benchmarks/results/specgan-<device>.json.

Restoring is timed at the published width, a step of training (both networks, pixel and adversarial loss) at a quarter
of it. Every line has a process of its own; lines take turns for several rounds and the least of each counts. Memory is
what the process's peak rose by, the weights included (a GPU's own count there). Products are counted, not measured.
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
from meters import peak, processor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from refsr.core.atomic import write_text
from refsr.core.memory import keep_freed_memory
from refsr.core.options.network import DiscriminatorOptions, GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.networks.specgan.network import SpecGAN
from refsr.runs.process_group import Group
from refsr.tasks.latent.spectral_gan import SpectralGAN
from refsr.training.precision import Precision
from refsr.training.step import StepRunner

HERE = Path(__file__).resolve().parent
SCALE, SIDE, BATCH = 16, 16, 2
UPSAMPLES = ("released", "stylegan2")
BANDS = (30, 48, 224)
LINES = [("released", 48), *(("stylegan2", bands) for bands in BANDS)]
QUARTER = {"style_channels": 128, "latent_channels": 128, "nf": 32, "growth": 16, "attention": 16}


def keywords(upsample: str, bands: int) -> dict[str, Any]:
    """The network as published but for these two."""
    return {"side": SIDE, "hsi_bands": bands, "upsample": upsample}


def name_of(upsample: str, bands: int) -> str:
    return f"{upsample}, {bands} bands"


def products(upsample: str, bands: int) -> dict[str, float]:
    """Thousands of millions of multiply-accumulates an image, and millions of parameters."""
    with FakeTensorMode():
        network = SpecGAN(SCALE, **keywords(upsample, bands)).requires_grad_(False)
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 3, SIDE, SIDE), torch.empty(1, bands, SIDE, SIDE))
    millions = sum(one.numel() for one in network.parameters()) / 1e6
    return {"giga_products": round(counter.get_total_flops() / 2e9, 3), "million_parameters": round(millions, 3)}


def restoring(upsample: str, bands: int, cuda: bool) -> dict[str, float]:
    """Seconds an image, and the rise of the peak in MiB."""
    before = peak(cuda)
    network = SpecGAN(SCALE, **keywords(upsample, bands)).eval().to(device(cuda))
    lr, hsi = (torch.rand(1, count, SIDE, SIDE, device=device(cuda)) for count in (3, bands))
    times = []
    with torch.inference_mode():
        for _ in range(2):
            started = processor(cuda)
            network(lr, hsi)
            times.append(processor(cuda) - started)
    return {"seconds": min(times), "memory_mib": peak(cuda) - before}


def learning(upsample: str, bands: int, cuda: bool) -> dict[str, float]:
    """Seconds a step, and the rise of the peak in MiB."""
    before = peak(cuda)
    group = Group(0, 1, device(cuda))
    sections = {
        "network_G": GeneratorOptions(which_model_G="SpecGAN", **keywords(upsample, bands), **QUARTER),
        "network_D": DiscriminatorOptions(which_model_D="StyleGAN2Discriminator", latent_channels=128),
    }
    train = TrainOptions(niter=100, pixel_criterion="l2", gan_weight=0.1)
    task = SpectralGAN(
        Options(name="step", model="SpecGAN_model", scale=SCALE, datasets={}, train=train, **sections)  # type: ignore[arg-type]
    )
    networks = {key: network.to(group.device) for key, network in task.networks.items()}
    step_runner = StepRunner(task, networks, group, Precision("fp32", group.device), train)
    shapes = {"lr": (3, SIDE), "hsi": (bands, SIDE), "hr": (3, SIDE * SCALE)}
    given: dict[str, Any] = {
        name: torch.rand(BATCH, count, side, side, device=group.device) for name, (count, side) in shapes.items()
    }
    given["name"] = ["x"] * BATCH
    times = []
    for step in range(1, 4):
        started = processor(cuda)
        step_runner.step(step, given)
        times.append(processor(cuda) - started)
    return {"seconds": min(times[1:]), "memory_mib": peak(cuda) - before}


def device(cuda: bool) -> torch.device:
    return torch.device("cuda", 0) if cuda else torch.device("cpu")


WAYS = {"restoring": restoring, "learning": learning}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    cuda = torch.cuda.is_available()
    if arguments.one:
        way, upsample, bands = arguments.one
        if not cuda:
            keep_freed_memory()
        torch.manual_seed(0)
        print(json.dumps(WAYS[way](upsample, int(bands), cuda)))
        return
    rows: dict[str, dict[str, Any]] = {name_of(*line): dict(products(*line)) for line in LINES}
    runs: dict[tuple[str, str, int], list[dict[str, float]]] = {}
    for _ in range(arguments.rounds):
        for way in WAYS:
            for upsample, bands in LINES:
                command = [sys.executable, __file__, "--one", way, upsample, str(bands)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found = json.loads(done.stdout.splitlines()[-1])
                runs.setdefault((way, upsample, bands), []).append(found)
                print(way, name_of(upsample, bands), found, flush=True)
    for upsample, bands in LINES:
        row = rows[name_of(upsample, bands)]
        for way in WAYS:
            best = {name: min(one[name] for one in runs[way, upsample, bands]) for name in ("seconds", "memory_mib")}
            first = {name: min(one[name] for one in runs[(way, *LINES[0])]) for name in best}
            row[way] = {
                "seconds": round(best["seconds"], 2),
                "time_to_released": round(best["seconds"] / first["seconds"], 3),
                "memory_mib": round(best["memory_mib"]),
                "memory_to_released": round(best["memory_mib"] / first["memory_mib"], 3),
            }
    machine = torch.cuda.get_device_name() if cuda else f"{platform.machine()}, {torch.get_num_threads()} threads"
    content = {"machine": machine, "torch": torch.__version__, "side": SIDE, "batch": BATCH, "rows": rows}
    write_text(HERE / "results" / f"specgan-{'cuda' if cuda else 'cpu'}.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
