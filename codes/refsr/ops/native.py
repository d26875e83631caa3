"""The compiled operators: finds their library, checks its build stamp, loads it once; says why one is not used."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refsr.ops.build_stamp import BUILD, FOLDER, LIBRARY_NAME, NOT_BUILT, missing, stamp_of

CPU_TYPES = (torch.float32, torch.float64, torch.bfloat16)
TYPES: dict[str, dict[str, tuple[torch.dtype, ...]]] = {
    "dcnv2": {"cpu": CPU_TYPES},
    "dcnv3": {"cpu": CPU_TYPES, "cuda": (*CPU_TYPES, torch.float16)},
}
"""Of each operator's kernels, by device."""
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Native:
    """The compiled library: its build stamp, and why it is not loaded (None where it is)."""

    reason: str | None
    stamp: dict[str, Any] = field(default_factory=dict)

    def why_not(self, operator: str, input: Tensor) -> str | None:
        """Why the compiled kernels of an operator are not used for this input; None where they are."""
        device, types = input.device.type, TYPES[operator]
        if self.reason is not None:
            return self.reason
        if (reason := missing(operator, self.stamp)) is not None:
            return reason
        if device not in types:
            return f"there is no kernel for {device}"
        if device == "cuda":
            architectures = self.stamp.get("architectures")
            if not architectures:
                return "built without a CUDA part"
            capability = torch.cuda.get_device_capability(input.device)
            if not runs_on(architectures, capability):
                return f"built for {', '.join(architectures)}, this GPU is sm_{capability[0]}{capability[1]}"
        if input.dtype not in types[device]:
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
    library = folder / LIBRARY_NAME
    if not library.is_file():
        return Native(NOT_BUILT)
    stamp, reason = stamp_of(folder, torch.__version__)
    if reason is None and hasattr(torch.ops.refsr_native, "dcnv3_forward"):
        # Defining an operator twice ends the process.
        reason = "another build of it is loaded already; a new process is needed for this one"
    if reason is None:
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except (OSError, RuntimeError) as error:
            reason = f"it does not load ({str(error).splitlines()[0]}); {BUILD} anew"
    if reason is not None:
        LOG.warning("the compiled operators are left aside: %s; plain torch serves", reason)
    return Native(reason, stamp)


LIBRARY: Native = load()
"""What is installed; loaded when an operator is first imported."""
