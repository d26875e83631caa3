"""What benchmarks that train share: small option files, trained and evaluated once on the small world."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refsr.core.options.load import load_options
from refsr.core.options.schema import Options
from refsr.evaluation.results import Results
from refsr.runs.run_folder import RunFolder, checkpoint_steps

ROOT = Path(__file__).resolve().parent.parent
WORLD = "dataset/small_world"


def small_world(work: Path, folder: str = WORLD) -> None:
    """The world of the small option files, below `work`, by the script of its name."""
    if not (work / folder / "world.json").is_file():
        script = ROOT / "scripts" / f"{Path(folder).name}.sh"
        subprocess.run(["sh", str(script), str(work / folder)], check=True)


def refsr(work: Path, *words: str) -> None:
    """A command of refsr, called from `work`, where the paths of option files begin."""
    subprocess.run([sys.executable, "-m", "refsr", *words], check=True, cwd=work)


def trained(work: Path, name: str, words: Sequence[str] = ()) -> tuple[Options, RunFolder]:
    """Trains options/NAME.yml, and says where."""
    file = ROOT / "options" / f"{name}.yml"
    options = load_options(file, [*words, f"path.root={work / 'exp'}"])
    run = RunFolder.of(options)
    assert options.train is not None
    if options.train.niter not in checkpoint_steps(run.checkpoints):
        refsr(work, "train", str(file), "--auto-resume", *words)
    return options, run


def train_and_evaluate(
    work: Path,
    name: str,
    words: Sequence[str] = (),
    metrics: Sequence[str] = (),
    perturbed: Sequence[str] = (),
    cubes: Sequence[str] = (),
) -> dict[str, Any]:
    """Trains and measures options/NAME.yml; its scores by method and metric: mean and 95 % interval.

    `perturbed` references and `cubes` are measured too.
    """
    file = ROOT / "options" / f"{name}.yml"
    options, run = trained(work, name, words)
    assert options.train is not None
    kept = run.path / "results" / "test"
    if not (kept / "results.json").is_file():
        more = [word for metric in metrics for word in ("--metric", metric)]
        more += [word for how in perturbed for word in ("--ref", how)]
        more += [word for how in cubes for word in ("--hsi", how)]
        refsr(work, "val", str(file), "--dataset", "test", *more, *words)
    results = Results.read(kept)
    return {
        "run": options.name,
        "scale": options.scale,
        "network": results.about["weights"]["network"],
        "keywords": results.about["weights"]["keywords"],
        "parameters": results.about["weights"]["parameters"],
        "iterations": options.train.niter,
        "protocol": next(iter(results.protocols)),
        "notes": results.about.get("notes", []),
        "scores": scores_of(results),
    }


def scores_of(results: Results) -> dict[str, dict[str, list[float]]]:
    """By method and metric: mean and 95 % interval."""
    scores: dict[str, dict[str, list[float]]] = {}
    for one in results.table():
        scores.setdefault(one.method, {})[one.metric] = [round(one.mean, 4), round(one.low, 4), round(one.high, 4)]
    return scores
