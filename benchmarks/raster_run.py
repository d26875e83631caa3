"""Restores one raster by one program, and prints as JSON what that took: benchmarks/rasters.py calls it for each case.

Each run is a process of its own, so that its memory is counted alone, and imports nothing but the program that it is
about: opensr-utils may live in an environment without refsr.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path


def processor_seconds() -> float:
    """User and system time of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mib() -> float:
    """The most memory since this program began; the counter of getrusage begins with that of its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 2**10


def refsr(lr: Path, ref: Path | None, output: Path) -> float:
    """The processor's time when the work began."""
    import enlarging  # noqa: F401  # registers the network
    import torch

    from refsr.inference.inputs import RestoreOptions
    from refsr.inference.rasters import restore_raster
    from refsr.inference.restorer import Restorer
    from refsr.networks.descriptor import NetworkSpec
    from refsr.runs.model_file import ModelCard

    torch.set_num_threads(1)
    spec = NetworkSpec("Enlarging", {"reference": ref is not None})
    restorer = Restorer(spec.build(), ModelCard(spec, "regression"), torch.device("cpu"))
    begun = processor_seconds()
    # The scenes repeat one texture, which registration could not tell apart; its cost is in benchmarks/registration.py.
    restore_raster(restorer, lr, [] if ref is None else [ref], output, RestoreOptions(register="none"))
    return begun


def opensr(lr: Path, ref: Path | None, output: Path) -> float:
    """The same; without a model it enlarges bilinearly, and it knows no references."""
    assert ref is None
    import torch
    from opensr_utils.pipeline import large_file_processing

    torch.set_num_threads(1)
    begun = processor_seconds()
    # Everything else as it comes: windows of 128 that overlap by 8.
    large_file_processing(str(lr), model=None, factor=4, device="cpu", output_path=str(output)).run()
    return begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=("refsr", "opensr"))
    parser.add_argument("lr", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--ref", type=Path)
    given = parser.parse_args()
    started = time.perf_counter()
    begun = (refsr if given.program == "refsr" else opensr)(given.lr, given.ref, given.output)
    took = {
        "processor_seconds": processor_seconds() - begun,
        "startup_seconds": begun,
        "wall_seconds": time.perf_counter() - started,
        "peak_mib": peak_mib(),
        "bytes": given.output.stat().st_size,
    }
    print(json.dumps(took), file=sys.stdout)


if __name__ == "__main__":
    main()
