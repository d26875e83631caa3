"""The deformable operators leave torch: ONNX graphs that another runtime computes to the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from refsr.ops import dcnv2, dcnv3
from refsr.ops.deformable_v3 import using


class Third(nn.Module):
    def forward(self, image: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        return dcnv3(image, offset, mask, 3, 1, 1, 1, 2, 1.0)


class Second(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4, 3, 3, generator=torch.Generator().manual_seed(1)))

    def forward(self, image: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        return dcnv2(image, offset, mask, self.weight, padding=1)


def given(module: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = [(1, 6, 7, 4), (1, 6, 7, 36), (1, 6, 7, 18)]
    if isinstance(module, Second):
        sizes = [(b, c, h, w) for b, h, w, c in sizes]
    image, offset, mask = (torch.randn(size, generator=generator) for size in sizes)
    return image, offset * 2, mask


@pytest.mark.parametrize("module", [Third(), Second()], ids=["dcnv3", "dcnv2"])
def test_an_exported_program_gives_the_same(module: nn.Module) -> None:
    tensors = given(module)
    program = torch.export.export(module, tensors)
    torch.testing.assert_close(program.module()(*tensors), module(*tensors))


@pytest.mark.parametrize("module", [Third(), Second()], ids=["dcnv3", "dcnv2"])
def test_an_onnx_graph_gives_the_same_elsewhere(module: nn.Module, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason="torch's ONNX export needs it")
    onnxruntime = pytest.importorskip("onnxruntime")
    tensors = given(module)
    with using("reference"):
        expected = module(*tensors).detach()
        torch.onnx.export(module, tensors, str(tmp_path / "op.onnx"), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "op.onnx"), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    (found,) = session.run(None, {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)})
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-5)
