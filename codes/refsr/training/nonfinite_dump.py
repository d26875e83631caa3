"""The non-finite dump: batch, options and step of an iteration with a loss or gradient that is not finite."""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from refsr.core.atomic import write_text
from refsr.core.errors import RefsrError
from refsr.runs.model_file import write_tensors
from refsr.runs.process_group import Group
from refsr.runs.run_folder import RunFolder
from refsr.tasks.base import Batch
from refsr.training.step import NotFiniteError


def write_nonfinite_dump(
    folder: RunFolder, step: int, batch: Batch, error: NotFiniteError, options: str, group: Group
) -> RefsrError:
    """Writes batch, options and step of this process to `nonfinite_STEP`; returns the error that says so."""
    dump = folder.path / f"nonfinite_{step}"
    tensors = {name: member for name, member in batch.items() if isinstance(member, Tensor)}
    write_tensors(_file(dump, "batch", group), tensors, {"format": "refsr-batch-1", "step": str(step)})
    facts = {"step": step, "network": error.network, "terms": error.terms, "here": error.here, "names": batch["name"]}
    write_text(_file(dump, "step", group).with_suffix(".json"), json.dumps(facts, indent=1) + "\n")
    if group.is_main:
        write_text(dump / "options.yml", options)
    return RefsrError(
        f"iteration {step}: {error}; no step was taken. The batch ({', '.join(batch['name'][:4])}"
        f"{', ...' if len(batch['name']) > 4 else ''}), options and step are in {dump}. A smaller train.lr_G, "
        "train.clip_grad_norm, or other pixels in those images may help; train.on_nonfinite: skip continues without it"
    )


def _file(dump: Path, kind: str, group: Group) -> Path:
    return dump / f"{kind}_process{group.rank}.safetensors"
