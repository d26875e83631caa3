"""A network of an ONNX file as a module: onnxruntime computes it, in float32 on the CPU and without gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from refsr.core.errors import DataError, RefsrError
from refsr.core.memory import is_out_of_memory
from refsr.networks.descriptor import Descriptor
from refsr.runs.onnx_metadata import OnnxMetadata

RESULT = "restored"
"""The graph's first output."""


class OnnxNetwork(nn.Module):
    """A network that has a descriptor as others do, and no weights that torch sees: it cannot be trained or moved.

    All that is done around a network works: tiles, the reference's strength, the guard, holding to LR, evidence. One
    around a single-image network makes that image by itself, so that a pass without a reference costs no more than in
    torch. Lost are GPUs, other types, gradients, every size below that at which the graph was compared, and the
    measuring of what memory a tile takes.
    """

    def __init__(self, whole: Any, single: Any, metadata: OnnxMetadata) -> None:
        super().__init__()
        self.metadata = metadata
        self._whole, self._single = whole, single

    @property
    def descriptor(self) -> Descriptor:
        return self.metadata.descriptor

    def forward(self, *inputs: Tensor, base: Tensor | None = None) -> Tensor:
        named = dict(zip(self.metadata.inputs, inputs, strict=True))
        if self._single is not None:
            named["base"] = self.single_image(named["lr"]) if base is None else base
        return self._run(self._whole, named)

    def single_image(self, lr: Tensor) -> Tensor:
        """LR (B, C, h, w) -> what is made of it without a reference (B, C, s*h, s*w)."""
        return self._run(self._single, {"lr": lr})

    def _run(self, session: Any, named: dict[str, Tensor]) -> Tensor:
        lr = named["lr"]
        height, width = lr.shape[-2:]
        if min(height, width) < self.metadata.least:
            raise DataError(
                f"LR of {height}x{width}: this ONNX file was compared with torch from {self.metadata.least} pixels a "
                "side on, and takes no less; the model file that it was made of does"
            )
        taken = {one.name for one in session.get_inputs()}
        fed = {
            name: np.ascontiguousarray(tensor.detach().cpu().float().numpy())
            for name, tensor in named.items()
            if name in taken
        }
        try:
            # The graph takes one image at a time.
            found = [
                session.run(None, {name: array[turn : turn + 1] for name, array in fed.items()})[0]
                for turn in range(len(lr))
            ]
        except Exception as error:
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            first = str(error).partition("\n")[0]
            raise RefsrError(
                f"onnxruntime cannot compute {self.metadata.network} on LR {height}x{width}: {first}"
            ) from error
        return torch.from_numpy(np.concatenate(found)).to(lr.device, lr.dtype)
