"""RRSNet, RRSGAN, RGTNet and RGTGAN side by side: the small option files trained on one synthetic world and measured.

python benchmarks/reference_gans.py WORK writes benchmarks/results/reference-gans.json.

WORK takes the world and the runs; what is there already is kept, so a second call goes on. Each network is measured
with its own reference, with another place's and with none. The GANs start from what the networks have learnt, so they
have more steps. RGTNet and RGTGAN are there as released, and in the reading that the paper suggests (dense).
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

from refsr.core.atomic import write_text
from refsr.core.options.load import load_options
from refsr.engine.checkpoint import steps
from refsr.engine.run_folder import RunFolder
from refsr.engine.validation.results import Results

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WORLD = "dataset/small_world"
FILES = ("rrsnet/small", "rgtnet/small", "rgtnet/small-dense", "rrsgan/small", "rgtgan/small", "rgtgan/small-dense")
MEASURES = ("st-lpips", "gms")
SPOILT = ("swap", "blank")


def refsr(work: Path, *words: str) -> None:
    """A command of refsr, called from `work`."""
    subprocess.run([sys.executable, "-m", "refsr", *words], check=True, cwd=work)


def learnt(work: Path, name: str) -> dict[str, Any]:
    """Trains and measures one option file, as far as that is not done; its scores by method and measure."""
    file = ROOT / "options" / f"{name}.yml"
    options = load_options(file, [f"path.root={work / 'exp'}"])
    run = RunFolder.of(options)
    assert options.train is not None
    if options.train.niter not in steps(run.checkpoints):
        refsr(work, "train", str(file), "--auto-resume")
    kept = run.path / "results" / "test"
    if not (kept / "results.json").is_file():
        words = [word for measure in MEASURES for word in ("--measure", measure)]
        words += [word for how in SPOILT for word in ("--ref", how)]
        refsr(work, "val", str(file), "--dataset", "test", *words)
    results = Results.read(kept)
    scores: dict[str, dict[str, list[float]]] = {}
    for one in results.table():
        scores.setdefault(one.method, {})[one.measure] = [round(one.mean, 4), round(one.low, 4), round(one.high, 4)]
    return {
        "network": results.about["weights"]["keywords"],
        "parameters": results.about["weights"]["parameters"],
        "iterations": options.train.niter,
        "protocol": next(iter(results.protocols)),
        "notes": results.about.get("notes", []),
        "scores": scores,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    work = parser.parse_args().work.resolve()
    if not (work / WORLD / "world.json").is_file():
        subprocess.run(["sh", str(ROOT / "scripts" / "small_world.sh"), str(work / WORLD)], check=True)
    content = {
        "world": json.loads((work / WORLD / "world.json").read_text())["knobs"],
        "score": "mean over the held-out places and its 95 % bootstrap interval",
        "machine": f"{platform.machine()}, CPU",
        "torch": torch.__version__,
        "systems": {name: learnt(work, name) for name in FILES},
    }
    write_text(HERE / "results" / "reference-gans.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
