"""What benchmarks that train share: small option files, learnt and measured, as far as not yet, on the small world."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refsr.core.options.load import load_options
from refsr.engine.checkpoint import steps
from refsr.engine.run_folder import RunFolder
from refsr.engine.validation.results import Results

ROOT = Path(__file__).resolve().parent.parent
WORLD = "dataset/small_world"


def small_world(work: Path) -> None:
    """The world of the small option files, below `work`."""
    if not (work / WORLD / "world.json").is_file():
        subprocess.run(["sh", str(ROOT / "scripts" / "small_world.sh"), str(work / WORLD)], check=True)


def refsr(work: Path, *words: str) -> None:
    """A command of refsr, called from `work`, where the paths of option files begin."""
    subprocess.run([sys.executable, "-m", "refsr", *words], check=True, cwd=work)


def learnt(
    work: Path, name: str, words: Sequence[str] = (), measures: Sequence[str] = (), spoilt: Sequence[str] = ()
) -> dict[str, Any]:
    """Trains and measures options/NAME.yml; its scores by method and measure: mean and 95 % interval."""
    file = ROOT / "options" / f"{name}.yml"
    options = load_options(file, [*words, f"path.root={work / 'exp'}"])
    run = RunFolder.of(options)
    assert options.train is not None
    if options.train.niter not in steps(run.checkpoints):
        refsr(work, "train", str(file), "--auto-resume", *words)
    kept = run.path / "results" / "test"
    if not (kept / "results.json").is_file():
        more = [word for measure in measures for word in ("--measure", measure)]
        more += [word for how in spoilt for word in ("--ref", how)]
        refsr(work, "val", str(file), "--dataset", "test", *more, *words)
    results = Results.read(kept)
    scores: dict[str, dict[str, list[float]]] = {}
    for one in results.table():
        scores.setdefault(one.method, {})[one.measure] = [round(one.mean, 4), round(one.low, 4), round(one.high, 4)]
    return {
        "run": options.name,
        "scale": options.scale,
        "network": results.about["weights"]["network"],
        "keywords": results.about["weights"]["keywords"],
        "parameters": results.about["weights"]["parameters"],
        "iterations": options.train.niter,
        "protocol": next(iter(results.protocols)),
        "notes": results.about.get("notes", []),
        "scores": scores,
    }
