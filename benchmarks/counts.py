"""What the systems do, in counts that do not depend on the machine, so that a slide is seen without a clock.

python benchmarks/counts.py            writes benchmarks/results/counts.json
python benchmarks/counts.py --check    only lists what differs from it, and exits 1 if anything does

`networks`: of each option file's network, forward at inference and forward with backward: multiply-accumulates,
convolutions, all operators, bytes that they make, and most bytes alive at once, by shapes alone and with compiled
deformable operators. `restore`: an image in tiles by each bundled model in plain torch, and how often a pixel
is computed in automatic tiles. `start`: what a command imports, and which files it opens how often.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from costs import ROOT, inputs, products
from torch.nn.attention import SDPBackend, sdpa_kernel

import refsr
from refsr.core.atomic import write_text
from refsr.core.options.load import load_options
from refsr.core.registry import bundled
from refsr.data.images import write_image
from refsr.inference import tile_memory
from refsr.inference.inputs import RestoreOptions
from refsr.inference.restorer import Restorer
from refsr.inference.tile_layout import lay_out
from refsr.inference.tile_memory import LiveBytes
from refsr.networks.descriptor import NetworkSpec
from refsr.ops import deformable_v2, deformable_v3, native

RESULT = ROOT / "benchmarks" / "results" / "counts.json"
FILES = (
    "rrsgan/published",
    "rgtgan/published",
    "rgtgan/train-dense",
    "specgan/published-x16",
    "tsfnet/ucmerced-x8",
    "refdiff/second-x8",
    "sisr/edsr-x4",
    "sisr/swinir-x4",
    "sisr/dat-x4",
    "flagship/x4",
)
SIDE = 64
"""Side of the result of networks, unless its size is fixed."""
IMAGE, TILE = 40, 20
"""Sides in LR pixels of the image that is restored, and of its tiles."""
LARGE = 480
MIDDLE = 128
"""Sides in LR pixels of an image in automatic tiles, and of tiles that it is cut into."""
MEMORY = 16e9
"""Bytes of memory, all of them free, of the machine that automatic tiles are made for."""
COMMANDS = ("info", "restore")
LOOSE = ("operators", "made_mb", "peak_mb", "modules_of_refsr")
"""Counts that may differ by TOLERANCE, and wholly where torch is another; all others are compared exactly."""
TOLERANCE = 0.03

Counts = dict[str, Any]


class Operators(LiveBytes):
    """Counts operators that make something, convolutions among them, and the bytes that they make."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = self.operators = self.made = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Under inference_mode a convolution is seen before it becomes the one operator of all convolutions.
        self.convolutions += function.name().startswith(("aten::conv", "aten::_conv"))
        self.operators += not function.is_view
        return super().__torch_dispatch__(function, types, args, kwargs)

    def _count(self, storage: torch.UntypedStorage) -> None:
        before = len(self._live)
        super()._count(storage)
        if len(self._live) > before:
            self.made += storage.nbytes()

    def counts(self) -> Counts:
        return {
            "convolutions": self.convolutions,
            "operators": self.operators,
            "made_mb": round(self.made / 1e6, 2),
            "peak_mb": round(self.peak / 1e6, 2),
        }


def networks(file: str) -> Counts:
    """Of an option file's network, for a result of SIDE x SIDE: at inference, and forward and backward."""
    options = load_options(ROOT / "options" / f"{file}.yml", paths=False)
    with _without_numbers(), torch.device("meta"):
        network = NetworkSpec.of(options.network_G, options.scale).build().eval().requires_grad_(False)
        given = inputs(network.descriptor, SIDE)  # type: ignore[arg-type]
        with Operators() as inference:
            network(*given)
        multiplied = products(network, given)
        network.requires_grad_(True)
        with Operators() as step:
            network(*given).square().mean().backward()
    return {"giga_products": round(multiplied / 1e9, 2), **inference.counts(), "step": step.counts()}


@contextlib.contextmanager
def _without_numbers() -> Iterator[None]:
    """Tensors on the device "meta" have shapes alone; operators follow them as if they were compiled for it."""
    stamp = {"operators": list(native.TYPES)}
    types = {name: {"meta": native.CPU_TYPES} for name in native.TYPES}
    with (
        patch.object(native, "LIBRARY", native.Native(None, stamp)),
        patch.object(native, "TYPES", types),
        patch.object(torch, "autocast", lambda *_, **__: contextlib.nullcontext()),
        patch.object(torch, "is_autocast_enabled", lambda *_: False),
        sdpa_kernel(SDPBackend.MATH),
    ):
        yield


def restored(name: str) -> Counts:
    """Of an image of IMAGE x IMAGE by a bundled model, and how often a pixel is computed in automatic tiles."""
    restorer = refsr.load(name, device="cpu")
    low, large = (drawn(side) for side in (IMAGE, IMAGE * restorer.scale))
    passes = 0

    def counted(*_: Any) -> None:
        nonlocal passes
        passes += 1

    with (
        deformable_v2.using("reference"),
        deformable_v3.using("reference"),
        patch.object(tile_memory, "_memory", lambda device: (MEMORY, MEMORY)),
    ):
        automatic = _times_computed(restorer)
        restorer.network.register_forward_hook(counted)
        with Operators() as operators:
            restorer.restore(low, large, tile=TILE, register="none")
    return {"passes": passes, **operators.counts(), "times_computed": automatic}


def drawn(side: int) -> Any:
    """(side, side, 3) of noise."""
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


def _times_computed(restorer: Restorer) -> dict[str, float]:
    """How often a pixel of a LARGE image is computed in automatic tiles, and in tiles of MIDDLE."""
    options, size = RestoreOptions(), (LARGE, LARGE)
    tilings = {"automatic": restorer.tile_for(size, options), "middle": (MIDDLE, 0)}
    layouts = {name: lay_out(restorer.descriptor(options), {"lr": size}, *tiling) for name, tiling in tilings.items()}
    return {name: round(layout.seen / LARGE**2, 3) for name, layout in layouts.items()}


WATCHED = (
    *("cv2", "lmdb", "matplotlib", "numpy", "pandas", "pydantic", "rasterio", "safetensors", "scipy", "tensorboard"),
    *("torch", "torch._dynamo", "torch._inductor", "torch.onnx", "torchmetrics", "torchvision", "yaml"),
)
"""Packages whose import takes time."""
WATCH = """
import json, sys
opened = []
def seen(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        opened.append(arguments[0])
sys.addaudithook(seen)
from refsr.cli.main import main
main(sys.argv[2:])
json.dump({"modules": list(sys.modules), "opened": opened}, open(sys.argv[1], "w"))
"""


def started(command: str) -> Counts:
    """What a command imports when it starts, and how often it opens each file that holds no code."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        words = [command]
        if command == "restore":
            for name, side in (("lr", IMAGE), ("ref", IMAGE * 4)):
                write_image(folder / f"{name}.png", drawn(side))
            words += ["--lr", f"{folder}/lr.png", "--ref", f"{folder}/ref.png", "-o", f"{folder}/sr.png"]
            words += ["--device=cpu", "--register=none"]
        report = folder / "report.json"
        # Whether operators were compiled here is not what the command does.
        surroundings = {**os.environ, "REFSR_OPERATORS": str(folder)}
        subprocess.run(
            [sys.executable, "-c", WATCH, str(report), *words], check=True, capture_output=True, env=surroundings
        )
        seen = json.loads(report.read_text())
        counted: dict[str, int] = {}
        for file in map(Path, seen["opened"]):
            name = _counted_as(file, folder)
            if name:
                counted[name] = counted.get(name, 0) + 1
    return {
        "modules_of_refsr": sum(name.split(".")[0] == "refsr" for name in seen["modules"]),
        "packages": [name for name in WATCHED if name in seen["modules"]],
        "opened": dict(sorted(counted.items())),
    }


def _counted_as(file: Path, folder: Path) -> str:
    """The name under which an opened file counts: that of an input or a file of the package, else that of a result."""
    if file.suffix in (".py", ".pyc", ".so") or file.name == "report.json":
        return ""
    if file.is_relative_to(folder):
        return file.name if file.name in ("lr.png", "ref.png") else "result"
    return file.name if file.is_relative_to(ROOT / "codes") else ""


def parts() -> dict[str, tuple[Callable[[str], Counts], tuple[str, ...]]]:
    """What is counted: by part, how, and of what."""
    return {
        "networks": (networks, FILES),
        "restore": (restored, tuple(bundled())),
        "start": (started, COMMANDS),
    }


def differences(stored: Mapping[str, Any], found: Mapping[str, Any], same_torch: bool) -> Iterator[str]:
    """Lines of what differs; LOOSE counts are compared where both come from the same torch."""
    for name in stored | found:
        before, now = stored.get(name), found.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from (f"{name}.{line}" for line in differences(before, now, same_torch))
        elif name not in LOOSE or before is None or now is None:
            if now != before:
                yield f"{name}: {now}, stored {before}"
        elif same_torch and abs(now - before) > TOLERANCE * before:
            yield f"{name}: {now}, stored {before}"


def check(part: str, name: str) -> list[str]:
    """What of one part differs from what is stored."""
    stored = json.loads(RESULT.read_text())
    counting, _ = parts()[part]
    return list(differences(stored[part][name], counting(name), stored["torch"] == _torch()))


def _torch() -> str:
    return ".".join(torch.__version__.split(".")[:2])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        counted = ((part, name) for part, (_, names) in parts().items() for name in names)
        wrong = [f"{part}.{name}.{line}" for part, name in counted for line in check(part, name)]
        print(*wrong, sep="\n")
        return 1 if wrong else 0
    content: dict[str, Any] = {"torch": _torch(), "side": SIDE, "image": IMAGE, "tile": TILE}
    for part, (counting, names) in parts().items():
        content[part] = {name: counting(name) for name in names}
    write_text(RESULT, json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
