"""Results that need not be measured again."""

from __future__ import annotations

from pathlib import Path

from refsr.core.digests import file_digest
from refsr.engine.validation.plan import Plan
from refsr.engine.validation.results import ABLATION, FILE, Results
from refsr.engine.validation.weights import Weights


def kept_results(folder: Path, weights: Weights, plan: Plan, count: int) -> Results | None:
    """The results in `folder`, if they hold all that is asked for, of these weights, on `count` images."""
    if not (folder / FILE).is_file():
        return None
    found = Results.read(folder)
    wanted = {f"{found.run}{ABLATION}{spoil}" for spoil in plan.ablations} | set(plan.neighbours)
    whole = wanted <= set(found.methods) and set(plan.judges.about) <= set(found.measures)
    same = found.about.get("weights", {}).get("sha256") == file_digest(weights.file)
    as_many = len({score.image for score in found.scores if score.image}) == count
    return found if same and whole and as_many and set(plan.protocols) <= set(found.protocols) else None
