"""Prepares UCMerced, AID or NWPU-RESISC45: train, val and test, each with HR and LR in class folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from refsr.core.atomic import write_text
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.prepare.derive import PrepareSettings
from refsr.data.prepare.run import PrepareReport, check_apart, check_settings, prepare_pairs
from refsr.data.scenes.catalogue import SceneSet, scene_set
from refsr.data.scenes.plan import SplitPlan, plan_split


def prepare_scenes(
    source: Path,
    target: Path,
    settings: PrepareSettings,
    name: str,
    lists: Path | None = None,
    incomplete: bool = False,
    workers: int = 0,
    progress: ProgressFactory = no_progress,
) -> PrepareReport:
    """Makes `target/<part>/<folder>/<class>/<image>` of the published set `name`, and the lists `target/<part>.txt`.

    The settings' seed draws the split, unless `lists` says it. What comes out depends on the images' names, their
    content, the settings and the lists alone; a rerun does only what is missing.
    """
    check_settings(settings)
    scenes = scene_set(name)
    check_apart(source, target)
    plan = plan_split(source, scenes, settings.seed, lists, incomplete)
    report = prepare_pairs(plan.pairs, target, settings, {"dataset": plan.record}, workers, progress)
    for file, content in plan.lists.items():
        write_text(target / file, content)
    return replace(report, notes=tuple(_notes(plan, scenes, report.adjusted)))


def _notes(plan: SplitPlan, scenes: SceneSet, adjusted: int) -> Iterator[str]:
    """How many images each part has, and what is not as it was published."""
    yield ", ".join(f"{part} {count}" for part, count in plan.record["images"].items())
    there = {pair.key.split("/")[0] for pair in plan.pairs}
    if lacking := [name for name in scenes.classes if name not in there]:
        yield f"without {len(lacking)} of {scenes.title}'s {len(scenes.classes)} classes: {', '.join(lacking)}"
    if adjusted:
        sides = f"{scenes.side} x {scenes.side}"
        yield f"{adjusted} of another size cut or mirrored to {sides} (prepare.json names them: adjusted_from)"
