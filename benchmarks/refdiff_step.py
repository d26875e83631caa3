"""What one evaluation of the published denoiser at 256 x 256 costs: multiply-accumulates, seconds, memory.

python benchmarks/refdiff_step.py [--side 256 --rounds 2 --ways fast] writes results/refdiff_step-cpu-SIDE.json.

`published` computes as the published code does: conditions beside features in every convolution, two hidden
convolutions a transform, doubling before a convolution. `again` is ours with conditions computed in every step,
`prepared` computes them once a restoration, `fast` also takes wide convolutions by Winograd's way, whose kernels are
transformed once a restoration. Each way runs in a process of its own with one thread, they take turns, and the fastest
evaluation counts, in seconds of the processor, as others may want it too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import MethodType

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from refsr.core.atomic import write_text
from refsr.core.memory import keep_freed_memory
from refsr.networks.refdiff import fast_convolution
from refsr.networks.refdiff.blocks import ConditionFeatures, Conditions, DecoderBlock
from refsr.networks.refdiff.fast_convolution import fast_convolutions
from refsr.networks.refdiff.layers import ResampledConv, SpatialFeatureTransform, nearest
from refsr.networks.refdiff.network import RefDiff
from refsr.networks.refdiff.unet import ConditionedUNet
from refsr.ops.winograd import OUTPUTS

HERE = Path(__file__).resolve().parent
WAYS = ("published", "again", "prepared", "fast")


def published_transform(self: SpatialFeatureTransform, features: Tensor, seen: Tensor) -> Tensor:
    """Features beside resized conditions, in each of two convolutions."""
    both = torch.cat((features, nearest(seen, features.shape[-2], features.shape[-1])), dim=1)
    scale: Tensor = self.scale(F.leaky_relu(self.scale_hidden(both), 0.1))
    shift: Tensor = self.shift(F.leaky_relu(self.shift_hidden(both), 0.1))
    return features * scale.sigmoid() + shift


def published_look(self: DecoderBlock, conditions: Conditions, height: int, width: int) -> ConditionFeatures:
    return conditions.structure, conditions.texture


def published_enlarged(self: ResampledConv, conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Doubled, then convolved."""
    wide: Tensor = conv(x.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1))
    return wide


def as_published(unet: ConditionedUNet) -> None:
    for part in unet.modules():
        if isinstance(part, SpatialFeatureTransform):
            part.forward = MethodType(published_transform, part)  # type: ignore[method-assign]
        elif isinstance(part, DecoderBlock):
            part.condition_features = MethodType(published_look, part)  # type: ignore[method-assign]
        elif isinstance(part, ResampledConv):
            part._upsampled_conv = MethodType(published_enlarged, part)  # type: ignore[method-assign]


def measure(way: str, side: int, nfe: int) -> dict[str, float]:
    """Of one evaluation; what is done once a restoration is told apart."""
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = _network(way)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        products = _products(network, way, side)
    images = torch.rand(3, 1, 3, side, side) * 2 - 1
    given = images[0], images[1], images[2, :, :1].abs()
    noisy = 3 * torch.randn(1, 3, side, side)
    with torch.inference_mode():
        started = time.process_time()
        with fast_convolutions(network) if way == "fast" else contextlib.nullcontext():
            prepared = network.prepare(*given, way in ("prepared", "fast"))
            once = time.process_time() - started
            seconds = []
            for _ in range(nfe):
                started = time.process_time()
                network.denoise(noisy, 3.0, prepared)
                seconds.append(time.process_time() - started)
    return {
        "gmac": products / 1e9,
        "seconds": min(seconds),
        "seconds_once": once,
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }


def _network(way: str) -> RefDiff:
    network = RefDiff(1).eval()
    if way == "published":
        as_published(network.unet)
    return network


def _products(network: RefDiff, way: str, side: int) -> float:
    """Multiply-accumulates of an evaluation, nothing computed."""
    image = torch.empty(1, 3, side, side)
    fast = 0.0

    def counted(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
        nonlocal fast
        tiles = x.shape[0] * math.prod(-(-length // OUTPUTS) for length in x.shape[-2:])
        fast += kernel.numel() * tiles
        return x.new_empty(x.shape[0], kernel.shape[1], *x.shape[-2:])

    real, fast_convolution.winograd_conv2d = fast_convolution.winograd_conv2d, counted
    with fast_convolutions(network) if way == "fast" else contextlib.nullcontext():
        prepared = network.prepare(image, image, image[:, :1], way in ("prepared", "fast"))
        with FlopCounterMode(display=False) as counter:
            network.denoise(image, 3.0, prepared)
    fast_convolution.winograd_conv2d = real
    return counter.get_total_flops() / 2 + fast


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--nfe", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=WAYS[1:], default=WAYS[1:], help="beside the published one")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.side, arguments.nfe)))
        return
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in (WAYS[0], *arguments.ways)}
    for _ in range(arguments.rounds):
        for way in runs:
            command = [sys.executable, __file__, "--one", way, "--side", str(arguments.side)]
            done = subprocess.run([*command, "--nfe", str(arguments.nfe)], capture_output=True, text=True, check=True)
            runs[way].append(json.loads(done.stdout.splitlines()[-1]))
            print(way, runs[way][-1], flush=True)
    best = {way: {key: min(one[key] for one in found) for key in found[0]} for way, found in runs.items()}
    first = best["published"]
    rows = {
        way: {
            "gmac": round(one["gmac"], 1),
            "gmac_to_published": round(one["gmac"] / first["gmac"], 4),
            "seconds_to_published": round(one["seconds"] / first["seconds"], 3),
            "seconds": round(one["seconds"], 1),
            "seconds_once": round(one["seconds_once"], 1),
            "memory_mib": round(one["memory_mib"]),
        }
        for way, one in best.items()
    }
    machine = f"{platform.machine()}, 1 thread"
    content = {"machine": machine, "torch": torch.__version__, "side": arguments.side, "ways": rows}
    write_text(HERE / "results" / f"refdiff_step-cpu-{arguments.side}.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
