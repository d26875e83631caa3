"""A run's results, measured only as far as they are not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from refsr.core.digests import file_digest
from refsr.core.errors import DataError
from refsr.core.options.schema import Options
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.build import build_dataset
from refsr.evaluation.evaluate import evaluate
from refsr.evaluation.plan import Plan
from refsr.evaluation.results import ABLATION, FILE, Results
from refsr.evaluation.weights import Weights, load_weights
from refsr.runs.model_file import model_file_at
from refsr.runs.process_group import Group
from refsr.tasks.inference import descriptor_of


def measured_once(
    run: Path,
    options: Options,
    name: str,
    plan: Plan,
    folder: Path,
    group: Group,
    progress: ProgressFactory = no_progress,
) -> Results:
    """Scores of a run's network on its set `name`, read from `folder` or put there."""
    weights = load_weights(model_file_at(run, averaged=options.val.use_ema))
    if "ref" not in descriptor_of(weights.network).inputs:
        plan = replace(plan, ablations=())
    dataset = build_dataset(options.datasets[name], options.scale, options.run_seed)
    if not len(dataset):
        raise DataError(f"{dataset.name}: has no image to measure on")
    count = len(dataset) if plan.limit is None else min(plan.limit, len(dataset))
    kept = kept_results(folder, weights, plan, count)
    if kept is not None:
        return kept
    results = evaluate(options, name, dataset, weights, plan, group, folder, progress)
    if group.is_main:
        results.write(folder)
    return results


def kept_results(folder: Path, weights: Weights, plan: Plan, count: int) -> Results | None:
    """The results in `folder`, if they hold all that is asked for, of these weights, on `count` images."""
    if not (folder / FILE).is_file():
        return None
    found = Results.read(folder)
    wanted = {f"{found.run}{ABLATION}{perturb}" for perturb in plan.ablations} | set(plan.neighbours)
    whole = wanted <= set(found.methods) and set(plan.judges.about) <= set(found.metrics)
    same = found.about.get("weights", {}).get("sha256") == file_digest(weights.file)
    as_many = len({score.image for score in found.scores if score.image}) == count
    return found if same and whole and as_many and set(plan.protocols) <= set(found.protocols) else None
