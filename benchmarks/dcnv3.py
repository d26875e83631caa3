"""Time and memory of every DCNv3 back-end that is there, as ratios to plain torch in the same run.

python benchmarks/dcnv3.py [--table] writes benchmarks/results/dcnv3-<device>.json; --table prints the stored result.

Sizes are those of RGTNet (80 channels, 8 groups) and of InternImage's stages. Back-ends take turns, the best of several
counts. Memory is what the process's peak rose by, beyond inputs, outputs and gradients, in a process of its own a case;
on a GPU it is torch's own count. Built first into a temporary folder unless a build is in place.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from refsr.core.atomic import write_text
from refsr.ops import dcnv3, native
from refsr.ops.deformable_v3 import using

HERE = Path(__file__).resolve().parent
THREADS = 2


class Size(NamedTuple):
    """One call: 3x3 kernel, stride 1, padding 1."""

    network: str
    batch: int
    side: int
    channels: int
    groups: int

    def __str__(self) -> str:
        return f"{self.network} {self.batch}x{self.side}x{self.side}x{self.channels}/{self.groups}"


SIZES = [
    *(Size("RGTNet", batch, side, 80, 8) for batch, side in ((1, 64), (4, 64), (1, 128), (4, 128), (1, 256))),
    *(
        Size("InternImage", 2, side, channels, channels // 16)
        for side, channels in ((56, 64), (28, 128), (14, 256), (7, 512))
    ),
]
MEASURED_MEMORY = (2, 4, 5)


def tensors(size: Size, device: str) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (size.batch, size.side, size.side)
    drawn = (
        torch.rand(*shape, size.channels, generator=generator),
        torch.randn(*shape, size.groups * 18, generator=generator),
    )
    mask = torch.rand(*shape, size.groups, 9, generator=generator).softmax(-1).flatten(3)
    return [one.to(device).requires_grad_() for one in (*drawn, mask)]


def forward(backend: str, given: list[Tensor], size: Size) -> Tensor:
    with using(backend), torch.no_grad():
        return dcnv3(*given, 3, 1, 1, 1, size.groups, 1.0)


def both(backend: str, given: list[Tensor], size: Size) -> tuple[Tensor, ...]:
    with using(backend):
        output = dcnv3(*given, 3, 1, 1, 1, size.groups, 1.0)
        return torch.autograd.grad(output, given, torch.ones_like(output))


def milliseconds(runs: dict[str, Callable[[], object]], device: str, budget: float = 2.0) -> dict[str, float]:
    """The best time of each, in turns for about `budget` seconds but at least three times."""
    best = dict.fromkeys(runs, float("inf"))
    for run in runs.values():
        run()
    started, rounds = time.perf_counter(), 0
    while rounds < 3 or time.perf_counter() - started < budget:
        rounds += 1
        for name, run in runs.items():
            _wait(device)
            begin = time.perf_counter()
            run()
            _wait(device)
            best[name] = min(best[name], 1e3 * (time.perf_counter() - begin))
    return best


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _status(name: str) -> int:
    """A line of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def extra_bytes(backend: str, size: Size, what: str, device: str) -> int:
    """How far the peak rose beyond what was there and what came out."""
    given = tensors(size, device)
    small = Size(size.network, 1, 8, size.channels, size.groups)
    run = {"forward": forward, "forward+backward": both}[what]
    run(backend, tensors(small, device), small)
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = run(backend, given, size)
        peak = torch.cuda.max_memory_allocated()
    else:
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        result = run(backend, given, size)
        peak = _status("VmHWM")
    out = result if isinstance(result, tuple) else (result,)
    kept = sum(one.numel() * one.element_size() for one in out)
    if what == "forward+backward":
        # The output, and the cotangent that asks for its gradient.
        kept += 2 * given[0].numel() * given[0].element_size()
    return max(0, peak - before - kept)


def memory_in_process(backend: str, number: int, what: str, folder: str, device: str) -> int:
    command = [sys.executable, __file__, "--memory", backend, str(number), what, "--build", folder, "--device", device]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def copy_bandwidth() -> float:
    """Bytes a second that a copy on the GPU reads and writes."""
    source = torch.empty(1 << 28, dtype=torch.float32, device="cuda")
    target = torch.empty_like(source)
    best = milliseconds({"copy": lambda: target.copy_(source)}, "cuda")["copy"]
    return 2 * source.numel() * 4 / best * 1e3


def use_build(folder: str) -> str:
    """Loads the build in place, or one made into `folder`; says why there is none."""
    if native.LIBRARY.reason is None:
        return ""
    if not (Path(folder) / "refsr_dcnv3.so").exists():
        setup = HERE.parent / "codes" / "ops_dcn_v3" / "setup.py"
        subprocess.run(
            [sys.executable, str(setup), "--output", folder, *([] if torch.cuda.is_available() else ["--cpu-only"])],
            check=True,
        )
    native.LIBRARY = native.load(Path(folder))
    return native.LIBRARY.reason or ""


def measure(device: str, folder: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
        "threads": THREADS,
        "torch": torch.__version__,
        "build": native.LIBRARY.stamp,
        "sizes": {},
    }
    bandwidth = copy_bandwidth() if device == "cuda" else None
    for number, size in enumerate(SIZES):
        given = tensors(size, device)
        row: dict[str, Any] = {}
        for what, run in (("forward", forward), ("forward+backward", both)):
            runs = {name: partial(run, name, given, size) for name in ("reference", "native")}
            times = milliseconds(runs, device)
            row[what] = {"ms": times, "times_faster": times["reference"] / times["native"]}
            if number in MEASURED_MEMORY:
                extra = {name: memory_in_process(name, number, what, folder, device) for name in runs}
                row[what]["extra_bytes"] = extra
                row[what]["extra_share"] = extra["native"] / max(1, extra["reference"])
        if bandwidth:
            moved = sum(one.numel() * one.element_size() for one in given) + given[0].numel() * given[0].element_size()
            row["forward"]["share_of_copy_bandwidth"] = moved / row["forward"]["ms"]["native"] * 1e3 / bandwidth
        record["sizes"][str(size)] = row
        print(size, {what: round(row[what]["times_faster"], 1) for what in row}, flush=True)
    return record


def table(record: dict[str, Any]) -> str:
    lines = [
        f"{record['device']}, torch {record['torch']}, {record['threads']} threads; milliseconds",
        "",
        "| batch x side x side x channels / groups | forward: torch | compiled | times "
        "| forward+backward: torch | compiled | times |",
        "|---|---|---|---|---|---|---|",
    ]
    for size, row in record["sizes"].items():
        cells = []
        for what in ("forward", "forward+backward"):
            ms = row[what]["ms"]
            cells += [f"{ms['reference']:.2f}", f"{ms['native']:.2f}", f"{row[what]['times_faster']:.1f}"]
        lines.append(f"| {size} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--table", action="store_true", help="print the stored result as Markdown")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--build", help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    result = HERE / "results" / f"dcnv3-{arguments.device}.json"
    if arguments.table:
        print(table(json.loads(result.read_text())))
        return
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.build or scratch
        reason = use_build(folder)
        if reason:
            sys.exit(f"no compiled back-end to compare with: {reason}")
        if arguments.memory:
            backend, number, what = arguments.memory
            print(extra_bytes(backend, SIZES[int(number)], what, arguments.device))
            return
        record = measure(arguments.device, folder)
    write_text(result, json.dumps(record, indent=1) + "\n")
    print(table(record))


if __name__ == "__main__":
    main()
