"""The deformable operators leave torch: ONNX graphs that another runtime computes to the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch._dynamo.testing
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


def given(module: nn.Module, height: int = 6, width: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = [(1, height, width, channels) for channels in (4, 36, 18)]
    if isinstance(module, Second):
        sizes = [(b, c, h, w) for b, h, w, c in sizes]
    image, offset, mask = (torch.randn(size, generator=generator) for size in sizes)
    return image, offset * 2, mask


def any_size(module: nn.Module) -> tuple[dict[int, torch.export.Dim], ...]:
    height, width = (torch.export.Dim(name, min=4, max=4096) for name in ("height", "width"))
    return ({2: height, 3: width} if isinstance(module, Second) else {1: height, 2: width},) * 3


@pytest.mark.parametrize("module", [Third(), Second()], ids=["dcnv3", "dcnv2"])
def test_an_exported_program_gives_the_same_at_any_size(module: nn.Module) -> None:
    program = torch.export.export(module, given(module), dynamic_shapes=any_size(module)).module()
    for size in ((6, 7), (33, 20)):
        tensors = given(module, *size)
        torch.testing.assert_close(program(*tensors), module(*tensors), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("module", [Third(), Second()], ids=["dcnv3", "dcnv2"])
def test_one_compiled_graph_serves_many_sizes(module: nn.Module) -> None:
    torch._dynamo.reset()
    graphs = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(module, backend=graphs, dynamic=True, fullgraph=True)
    for size in ((34, 35), (40, 37), (51, 64)):
        tensors = given(module, *size)
        torch.testing.assert_close(compiled(*tensors), module(*tensors), atol=1e-4, rtol=1e-5)
    assert graphs.frame_count == 1


@pytest.mark.parametrize("module", [Third(), Second()], ids=["dcnv3", "dcnv2"])
def test_an_onnx_graph_gives_the_same_elsewhere(module: nn.Module, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package, reason="torch's ONNX export needs it")
    onnxruntime = pytest.importorskip("onnxruntime")
    module.eval()
    with using("reference"):
        torch.onnx.export(
            module,
            given(module),
            str(tmp_path / "op.onnx"),
            dynamo=True,
            verbose=False,
            dynamic_shapes=any_size(module),
        )
    session = onnxruntime.InferenceSession(str(tmp_path / "op.onnx"), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    for size in ((6, 7), (33, 20)):
        tensors = given(module, *size)
        (found,) = session.run(None, {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)})
        with using("reference"):
            np.testing.assert_allclose(found, module(*tensors).detach().numpy(), atol=1e-4)
