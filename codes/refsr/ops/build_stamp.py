"""What the compiled operators were built for, by their stamp; read without torch, which takes seconds to import."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from refsr.core.instructions import vector_instructions

FOLDER = Path(os.environ.get("REFSR_OPERATORS") or Path(__file__).resolve().parent / "lib")
"""Where the compiled operators are; the variable names another folder, an empty one for plain torch."""
LIBRARY_NAME = "refsr_dcnv3.so"
BUILD = "sh codes/ops_dcn_v3/make.sh builds it"
NOT_BUILT = f"not built ({BUILD})"


def stamp_of(folder: Path, torch_version: str) -> tuple[dict[str, Any], str | None]:
    """The stamp of the library in `folder`, and why that must not be loaded here; None where it may."""
    note = folder / Path(LIBRARY_NAME).with_suffix(".json")
    try:
        stamp: dict[str, Any] = json.loads(note.read_text())
        return stamp, incompatibility(stamp, torch_version)
    except (OSError, ValueError, AttributeError) as error:
        return {}, f"its stamp {note.name} cannot be read ({type(error).__name__}); {BUILD} anew"


def incompatibility(stamp: dict[str, Any], torch_version: str) -> str | None:
    """Why a library with this stamp must not be loaded here."""
    if stamp.get("torch") != torch_version:
        return f"built for torch {stamp.get('torch')}, this is {torch_version}; {BUILD} anew"
    if stamp.get("machine") != platform.machine():
        return f"built for {stamp.get('machine')}, this is {platform.machine()}"
    found = vector_instructions()
    if stamp.get("instructions") == "AVX2" and not found.startswith("AVX"):
        return f"built with AVX2, which this processor lacks ({found})"
    return None


def missing(operator: str, stamp: dict[str, Any]) -> str | None:
    """Why a library with this stamp lacks an operator; None where it has it."""
    return None if operator in stamp.get("operators", ()) else f"built before it was compiled; {BUILD} anew"
