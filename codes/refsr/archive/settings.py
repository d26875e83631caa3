"""What all scenes of an archive are restored with, as it travels to the workers."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from refsr.archive.references import Candidate
from refsr.core.version import __version__
from refsr.inference.inputs import RestoreOptions


@dataclass(frozen=True)
class ArchiveSettings:
    """The model, the options and where results go."""

    output: Path
    model: str
    """A model file that every worker finds, or the name of bundled weights."""
    model_digest: str
    """Of its weights, which every worker compares."""
    options: RestoreOptions
    device: str | None = None
    evidence: bool = False
    references: int = 1
    """How many are used for a scene at most."""
    without_reference: bool = False
    """Whether a scene of which no reference is found is restored from LR alone."""
    imports: tuple[str, ...] = ()
    """Modules that register names of one's own."""
    version: str = __version__
    command: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The command that hands out the work. A worker that outlives it holds nothing open for the next one."""

    def record(self) -> dict[str, Any]:
        """All that results depend on."""
        options = asdict(self.options)
        options.pop("spelling")
        return {
            "refsr": self.version, "model": self.model_digest, "options": options, "evidence": self.evidence,
            "references": self.references, "without_reference": self.without_reference,
        }  # fmt: skip


@dataclass(frozen=True)
class SceneWork:
    """A scene to restore."""

    name: str
    path: str
    candidates: tuple[Candidate, ...] = ()
    """References that may be used, the best first."""
    date: str | None = None
    """ISO 8601."""
    bounds: tuple[float, ...] | None = None
    """Left, bottom, right and top in degrees, where they are known."""


@dataclass(frozen=True)
class Outcome:
    """What became of a scene, or of some of its blocks, on a worker."""

    name: str
    seconds: float = 0.0
    """Of a processor."""
    elapsed: float = 0.0
    """Of the clock: more, where it waits for servers or a GPU."""
    reason: str | None = None
    """Why it failed; None where it did not."""
    fatal: bool = False
    """Whether nothing more can be written, so that other scenes would fail too."""
    missing: tuple[int, ...] = ()
    """Blocks that are left to restore: so many that several workers share them."""
    done: bool = False
    """Whether the scene's item is there."""
    megapixels: float = 0.0
    """Restored, in pixels of results."""
    blocks: int = 0
    """Restored."""
