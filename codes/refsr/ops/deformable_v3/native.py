"""The compiled back-end: finds the library, checks its build stamp, loads it once; says why it is not used."""

from __future__ import annotations

import json
import logging
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FOLDER = Path(__file__).resolve().parent.parent / "lib"
BUILD = "sh codes/ops_dcn_v3/make.sh builds it"
TYPES = {
    "cpu": (torch.float32, torch.float64, torch.bfloat16),
    "cuda": (torch.float32, torch.float64, torch.float16, torch.bfloat16),
}
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Native:
    """The compiled library: its build stamp, and why it is not loaded (None where it is)."""

    reason: str | None
    stamp: dict[str, Any] = field(default_factory=dict)

    def why_not(self, input: Tensor) -> str | None:
        """Why the compiled kernels are not used for this input; None where they are."""
        device = input.device.type
        if self.reason is not None:
            return self.reason
        if device not in TYPES:
            return f"there is no kernel for {device}"
        if device == "cuda":
            architectures = self.stamp.get("architectures")
            if not architectures:
                return "built without a CUDA part"
            capability = torch.cuda.get_device_capability(input.device)
            if not runs_on(architectures, capability):
                return f"built for {', '.join(architectures)}, this GPU is sm_{capability[0]}{capability[1]}"
        if input.dtype not in TYPES[device]:
            return f"there is no kernel for {input.dtype} on {device}"
        return None


def runs_on(architectures: list[str], capability: tuple[int, int]) -> bool:
    """Whether a GPU of this compute capability runs code for one of these: sm_XY machine code, compute_XY to finish."""
    for one in architectures:
        kind, _, name = one.partition("_")
        digits = name.rstrip("af")
        built = int(digits[:-1]), int(digits[-1])
        if name != digits:
            # Architecture- or family-specific code: only an exact match is accepted.
            fits = built == capability
        elif kind == "sm":
            fits = built[0] == capability[0] and built[1] <= capability[1]
        else:
            fits = built <= capability
        if fits:
            return True
    return False


def load(folder: Path = FOLDER) -> Native:
    """Loads the library in `folder` if it fits this torch and machine; logs an incompatible one, not a missing one."""
    library, note = folder / "refsr_dcnv3.so", folder / "refsr_dcnv3.json"
    if not library.is_file():
        return Native(f"not built ({BUILD})")
    try:
        stamp = json.loads(note.read_text())
        reason = incompatibility(stamp)
    except (OSError, ValueError, AttributeError) as error:
        stamp, reason = {}, f"its stamp {note.name} cannot be read ({type(error).__name__}); {BUILD} anew"
    if reason is None and hasattr(torch.ops.refsr_native, "dcnv3_forward"):
        # Defining an operator twice ends the process.
        reason = "another build of it is loaded already; a new process is needed for this one"
    if reason is None:
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except (OSError, RuntimeError) as error:
            reason = f"it does not load ({str(error).splitlines()[0]}); {BUILD} anew"
    if reason is not None:
        LOG.warning("DCNv3: the compiled operator is left aside: %s; plain torch serves", reason)
    return Native(reason, stamp)


def incompatibility(stamp: dict[str, Any]) -> str | None:
    """Why a library with this stamp must not be loaded here."""
    if stamp.get("torch") != torch.__version__:
        return f"built for torch {stamp.get('torch')}, this is {torch.__version__}; {BUILD} anew"
    if stamp.get("machine") != platform.machine():
        return f"built for {stamp.get('machine')}, this is {platform.machine()}"
    capability = torch.backends.cpu.get_cpu_capability()
    if stamp.get("instructions") == "AVX2" and not capability.startswith("AVX"):
        return f"built with AVX2, which this processor lacks ({capability})"
    return None
