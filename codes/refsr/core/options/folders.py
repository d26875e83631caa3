"""Whether the files and folders that options name are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from refsr.core.bundled import bundled
from refsr.core.errors import nearest
from refsr.core.options.contradictions import Finding
from refsr.core.options.problems import clip
from refsr.core.options.schema import Options

_FILES = ("resume_state", "pretrain_model_D", "pretrain_model_D_grad", "perceptual_weights")


def missing_paths(options: Options) -> Iterator[Finding]:
    """What the options name and is not there, with the nearest name beside it that is."""
    for name, dataset in options.datasets.items():
        for key, folder in dataset.roots().items():
            message = _missing(folder, wants_folder=True)
            if message:
                yield Finding(("datasets", name, key), message)
    for key in _FILES:
        file = getattr(options.path, key)
        message = _missing(file, wants_folder=False) if file is not None else ""
        if message:
            yield Finding(("path", key), message)
    start = options.path.pretrain_model_G
    if start is not None and str(start) not in bundled():
        # A model file or the folder of a run.
        message = _missing(start, wants_folder=start.is_dir())
        if message:
            yield Finding(("path", "pretrain_model_G"), message)


def _missing(path: Path, wants_folder: bool) -> str:
    try:
        if path.is_dir() if wants_folder else path.is_file():
            return ""
        kind = "folder" if wants_folder else "file"
        if path.exists():
            return f"'{clip(str(path))}' is not a {kind}"
        return f"no {kind} '{clip(str(path))}'{_hint(path)}"
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return f"'{clip(str(path))}' cannot be looked at: {reason}"


def _hint(path: Path) -> str:
    for parent in path.parents:
        if parent.is_dir():
            wrong = path.relative_to(parent).parts[0]
            near = nearest(wrong, sorted(entry.name for entry in parent.iterdir()))
            right = Path(parent, near, *path.relative_to(parent).parts[1:]) if near is not None else None
            if right is not None and right.exists():
                return f"; did you mean '{clip(str(right))}'?"
            return "" if path.is_absolute() else f" (from {Path.cwd()})"
    return ""
