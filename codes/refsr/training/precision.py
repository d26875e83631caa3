"""Mixed precision: number format of forward and backward passes, loss scaling; weights and optimisers are float32."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from refsr.core.errors import UsageError
from refsr.core.instructions import multiplies_bfloat16
from refsr.networks.descriptor import Descriptor

LOG = logging.getLogger(__name__)

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """Autocast to a number format, and loss scaling for fp16."""

    def __init__(self, kind: Literal["fp32", "bf16", "fp16"], device: torch.device) -> None:
        self.kind, self.device = kind, device
        if kind == "bf16" and device.type == "cpu" and not multiplies_bfloat16():
            LOG.warning(
                "train.precision: bf16 is emulated on this processor, which has no instructions for it (avx512_bf16, "
                "amx_bf16), and is many times slower than fp32"
            )
        self.scaler = torch.amp.GradScaler(device.type, enabled=kind == "fp16")

    def autocast(self) -> AbstractContextManager[None]:
        if self.kind == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, FORMATS[self.kind])

    def require_safe(self, descriptor: Descriptor, name: str) -> None:
        """A UsageError if the network's descriptor does not list this format as safe."""
        if FORMATS[self.kind] not in (torch.float32, *descriptor.safe_dtypes):
            safe = [kind for kind, dtype in FORMATS.items() if dtype in descriptor.safe_dtypes]
            raise UsageError(f"train.precision: {name} is not safe in {self.kind}; {' and '.join(safe)} are")
