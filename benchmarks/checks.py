"""What the checks on reading cost: their share of the processor's time in training and in restoring.

OMP_NUM_THREADS=1 python benchmarks/checks.py

Every function that only checks (the gate, headers, end marks, checksums, digests, pages of LMDB, finite and flat
results, values beyond the range, agreement) is replaced by one that notes the time it takes, from outside to outside.
Training is the small RRSNet of the quickstart, from packed stores and from folders of PNG with checksums, each image
read for the first time in the first epoch; restoring is a folder of PNG with checksums by the fastest bundled model.
Shares are of the same run.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from loading import textured

import refsr
from refsr.core import foreign_files
from refsr.core.atomic import write_text
from refsr.core.options.load import load_options
from refsr.core.progress import NoProgressBar
from refsr.data import ranges
from refsr.data.images import ends, headers, write_image
from refsr.data.stores import pages
from refsr.data.stores.checksums import Checksums, write_checksums
from refsr.data.stores.packed import PackedStore
from refsr.data.stores.packing import pack_folder
from refsr.inference import agreement
from refsr.inference.files import restore_folder
from refsr.inference.flat_results import FlatnessCheck
from refsr.ops.resize import imresize
from refsr.runs.process_group import ALONE
from refsr.tasks import restore
from refsr.training.trainer import train

PLACES, SIDE, SCALE, BATCH, EPOCHS = 16, 480, 4, 4, 3
OPTIONS = Path(__file__).resolve().parent.parent / "options" / "quickstart" / "RRSNet.yml"
RESULT = Path(__file__).parent / "results" / "checks.json"
MODEL = "refsr-x4-fast"
KEYS = {"HR": "GT", "LR": "LQ", "LR_UX4": "LQ_UX4", "Ref": "Ref", "Ref_DUX4": "Ref_DUX4"}
FUNCTIONS: tuple[Callable[..., Any], ...] = (
    foreign_files.require_file, foreign_files.require_pixels, headers.kind_of, headers.png_info, ends.check_end,
    pages.check_pages, ranges.beyond_range, restore.require_finite, agreement.check_headers,
)  # fmt: skip
METHODS = ((Checksums, "check"), (PackedStore, "_check"), (FlatnessCheck, "add"), (FlatnessCheck, "require_structure"))


@dataclass
class Times:
    """Seconds of the processor by check; what one calls counts as its own."""

    seconds: dict[str, float] = field(default_factory=dict)
    running: bool = False

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            if self.running:
                return function(*arguments, **keywords)
            self.running, began = True, time.process_time()
            try:
                return function(*arguments, **keywords)
            finally:
                taken = time.process_time() - began
                self.seconds[function.__qualname__] = self.seconds.get(function.__qualname__, 0.0) + taken
                self.running = False

        return call


@contextmanager
def timed_checks() -> Iterator[Times]:
    """Within it all checks note their times, wherever they were imported to."""
    times, changed = Times(), []
    modules = [module for name, module in sys.modules.items() if name.startswith("refsr")]
    for function in FUNCTIONS:
        for module in modules:
            for name, found in list(vars(module).items()):
                if found is function:
                    changed.append((module, name, found))
                    setattr(module, name, times.timed(function))
    for of, name in METHODS:
        changed.append((of, name, vars(of)[name]))
        setattr(of, name, times.timed(vars(of)[name]))
    try:
        yield times
    finally:
        for owner, name, plain in changed:
            setattr(owner, name, plain)


class Steps(NoProgressBar):
    """Processor's time, and that of checks, after each iteration."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self.seen: list[tuple[float, dict[str, float]]] = []

    def advance(self, parts: int = 1, note: str = "") -> None:
        if parts:
            self.seen.append((time.process_time(), dict(self._times.seconds)))

    def share(self, first: int, last: int) -> dict[str, Any]:
        """Of the iterations after `first` to `last`, counted from 0."""
        (begin, before), (end, after) = self.seen[first], self.seen[last]
        return shares(end - begin, {name: took - before.get(name, 0.0) for name, took in after.items()}, last - first)


def shares(seconds: float, checks: dict[str, float], count: int) -> dict[str, Any]:
    parts = {name: round(took / seconds, 6) for name, took in sorted(checks.items(), key=lambda one: -one[1]) if took}
    return {
        "seconds_each": round(seconds / count, 4),
        "share": round(sum(checks.values()) / seconds, 5),
        "parts": parts,
    }


def make_places(root: Path) -> None:
    """Folders with checksums, and stores packed of them."""
    generator = np.random.default_rng(0)
    for number in range(PLACES):
        hr = textured(generator, SIDE)
        lr = np.clip(np.rint(imresize(hr / 255, 1 / SCALE) * 255), 0, 255).astype(np.uint8)
        up = np.clip(np.rint(imresize(lr / 255, SCALE) * 255), 0, 255).astype(np.uint8)
        for kind, image in {"HR": hr, "LR": lr, "LR_UX4": up, "Ref": hr[::-1], "Ref_DUX4": up[::-1]}.items():
            write_image(root / kind / f"{number:02}.png", np.ascontiguousarray(image))
    for kind in KEYS:
        write_checksums(root / kind, (root / kind).glob("*.png"))
        pack_folder(root / kind, root / f"{kind}.lmdb")


def training(root: Path, suffix: str) -> dict[str, Any]:
    """Shares in the first epoch, in which all is read for the first time, and in later ones."""
    words = [f"datasets.train.dataroot_{key}={root / kind}{suffix}" for kind, key in KEYS.items()]
    words += [
        f"datasets.{name}.dataroot_{key}={root / kind}{suffix}"
        for name in ("val", "test")
        for kind, key in KEYS.items()
    ]
    epoch = PLACES // BATCH
    words += [f"path.root={root / 'exp'}", f"name=from{suffix or '_folders'}", f"train.niter={EPOCHS * epoch}"]
    words += [
        "datasets.train.n_workers=0",
        "train.val_freq=0",
        "logger.save_checkpoint_freq=1000",
        "train.warmup_iter=-1",
    ]
    options = load_options(OPTIONS, words)
    with timed_checks() as times:
        steps = Steps(times)
        train(options, ALONE, lambda label, total: steps)
    return {"first epoch": steps.share(0, epoch - 1), "later epochs": steps.share(epoch, EPOCHS * epoch - 1)}


def restoring(root: Path) -> dict[str, Any]:
    restorer = refsr.load(MODEL, device="cpu")
    with timed_checks() as times:
        began = time.process_time()
        restore_folder(restorer, {"lr": root / "LR", "ref": root / "Ref"}, root / "restored")
        seconds = time.process_time() - began
    return shares(seconds, times.seconds, PLACES)


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_places(root)
        found = {
            "training from packed stores": training(root, ".lmdb"),
            "training from folders with checksums": training(root, ""),
            "restoring a folder with checksums": restoring(root),
        }
    about = {
        "what": f"{PLACES} places of {SIDE}, batch {BATCH}, {OPTIONS.parent.name}/{OPTIONS.name}; restoring by {MODEL}",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    write_text(RESULT, json.dumps({"about": about, "shares": found}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
