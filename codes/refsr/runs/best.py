"""Which checkpoint was the best so far."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from refsr.core.atomic import write_text
from refsr.metrics import described

FILE = "best.json"


@dataclass(frozen=True)
class Best:
    """The best mean of a metric over a run's first validation set, and its step."""

    metric: str
    step: int
    value: float

    def beaten_by(self, value: float) -> bool:
        return value > self.value if described(self.metric).better == "higher" else value < self.value

    def write(self, checkpoints: Path) -> None:
        """`best.json` beside the checkpoints names the step."""
        write_text(checkpoints / FILE, json.dumps(asdict(self)) + "\n")

    @staticmethod
    def of(facts: Mapping[str, Any]) -> Best | None:
        """The best that a checkpoint knew of."""
        found = facts.get("best")
        return Best(**found) if found else None


def best_step(checkpoints: Path) -> int | None:
    """The step that `best.json` names, if its checkpoint is there."""
    try:
        step = int(json.loads((checkpoints / FILE).read_text(encoding="utf-8"))["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return step if (checkpoints / str(step)).is_dir() else None
