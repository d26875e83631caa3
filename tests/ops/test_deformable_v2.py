"""DCNv2: the definition against loops and torchvision, its gradients, and clear errors."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from contract import OperatorContract
from harness.case import Case
from harness.run import Verdict, run_case
from torch import Tensor

from refsr.core.errors import OperatorError
from refsr.networks.blocks import dcn
from refsr.networks.blocks.dcn import DCNv2
from refsr.ops import dcnv2
from refsr.ops.deformable_v2 import reference, using, why_not
from refsr.ops.deformable_v2.library import operator
from refsr.ops.deformable_v2.reference import in_strips

PARITY = Path(__file__).resolve().parents[1] / "parity"

# Batch, channels in and out, height, width, kernel, stride, padding, dilation, deformable groups, convolution groups.
CASES = [
    (1, 2, 3, 5, 7, 3, 1, 1, 1, 1, 1),
    (2, 4, 2, 6, 5, 3, 2, 0, 1, 2, 2),
    (1, 4, 4, 7, 7, 2, 1, 2, 2, 4, 1),
    (3, 3, 6, 4, 3, 1, 1, 0, 1, 3, 3),
]


def given(case: tuple[int, ...], spread: float = 2.0) -> tuple[list[Tensor], tuple[int, int, int]]:
    B, inner, outer, H, W, K, stride, padding, dilation, G, groups = case
    generator = torch.Generator().manual_seed(sum(case))
    Ho, Wo = ((side + 2 * padding - dilation * (K - 1) - 1) // stride + 1 for side in (H, W))
    shapes = [
        (B, inner, H, W),
        (B, 2 * G * K * K, Ho, Wo),
        (B, G * K * K, Ho, Wo),
        (outer, inner // groups, K, K),
        (outer,),
    ]
    tensors = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    tensors[1] *= spread
    return tensors, (stride, padding, dilation)


# Of the compiled kernel: groups of each width that has code of its own, one that has none, strides, far-off places.
COMPILED = [
    (1, 2, 3, 5, 7, 3, 1, 1, 1, 1, 1),
    (2, 10, 5, 9, 8, 3, 1, 1, 1, 2, 1),
    (1, 20, 4, 6, 7, 3, 2, 0, 1, 2, 1),
    (1, 4, 4, 7, 7, 2, 1, 2, 2, 1, 1),
    (2, 16, 6, 5, 5, 1, 1, 0, 1, 2, 1),
    (1, 16, 3, 8, 6, 3, 3, 2, 2, 1, 1),
    (3, 9, 6, 20, 31, 5, 1, 2, 1, 3, 1),
]


def exact(case: tuple[int, ...], spread: float) -> tuple[list[Tensor], tuple[int, int, int]]:
    """Without a bias; offsets between whole pixels, where sampling has kinks, and exact in bfloat16."""
    (image, offset, mask, weight, _), numbers = given(case)
    parts = 8 if spread < 16 else 1
    return [image, (torch.floor(offset * spread * parts) + 0.5) / parts, mask, weight], numbers


@pytest.mark.usefixtures("compiled")
class TestDCNv2(OperatorContract):
    backends = ("reference", "native")

    def cases(self) -> list[tuple[list[Tensor], tuple[object, ...]]]:
        return [exact(case, spread) for case in COMPILED for spread in (0.5, 20.0)]

    def call(self, backend: str, tensors: Sequence[Tensor], numbers: tuple[object, ...]) -> Tensor:
        with using(backend):
            return dcnv2(*tensors, None, *numbers)  # type: ignore[arg-type]

    def test_opcheck(self) -> None:
        tensors, numbers = given(COMPILED[1])
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        torch.library.opcheck(operator, (*leaves, *numbers))

    def test_compiled_graphs_give_the_same(self) -> None:
        tensors, numbers = given(COMPILED[1])
        traced = torch.compile(lambda *parts: dcnv2(*parts, *numbers), backend="aot_eager", fullgraph=True)
        torch._dynamo.reset()
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        plain = torch.autograd.grad(dcnv2(*leaves, *numbers).square().sum(), leaves)
        for eager, graph in zip(plain, torch.autograd.grad(traced(*leaves).square().sum(), leaves), strict=True):
            torch.testing.assert_close(graph, eager)

    @pytest.mark.parametrize("case", COMPILED)
    def test_agrees_with_loops_and_a_bias(self, case: tuple[int, ...]) -> None:
        if case[3] > 10:
            pytest.skip("a minute of loops")
        tensors, numbers = given(case)
        leaves = [tensor.requires_grad_() for tensor in tensors]
        with using("native"):
            found = dcnv2(*leaves, *numbers)
        torch.testing.assert_close(found, loops([one.detach() for one in tensors], *numbers), atol=1e-11, rtol=0)
        (slope,) = torch.autograd.grad(found.sum(), leaves[4])
        assert torch.equal(slope, torch.full_like(slope, found[:, 0].numel()))

    def test_strips_of_samples_do_not_show(self) -> None:
        """An image larger than the samples that are taken at once."""
        tensors, numbers = exact((1, 10, 3, 70, 61, 3, 1, 1, 1, 2, 1), 2.0)
        expected = self.results("reference", tensors, numbers)
        for found, right in zip(self.results("native", tensors, numbers), expected, strict=True):
            torch.testing.assert_close(found, right, atol=1e-10, rtol=0)

    def test_what_is_not_a_number_stays_where_it_is(self) -> None:
        """Vectors reach beyond a group's channels, and places may be no numbers."""
        (image, offset, mask, weight), numbers = exact((1, 20, 2, 9, 8, 3, 1, 1, 1, 4, 1), 0.5)
        image[:, 5:10] = float("nan")
        weight[:, 5:10] = 0
        offset[:, 0, 4, 4] = float("nan")
        tensors = [one.float() for one in (image, offset, mask, weight)]
        leaves = [one.requires_grad_() for one in tensors]
        with using("native"):
            slopes = torch.autograd.grad(dcnv2(*leaves, None, *numbers).nansum(), leaves)
        points = 9
        for slope, each in ((slopes[1], 2 * points), (slopes[2], points)):
            assert torch.isfinite(slope[:, :each]).all()
            assert torch.isfinite(slope[:, 2 * each :]).all()

    @pytest.mark.parametrize("backend", ["reference", "native"])
    @pytest.mark.parametrize("case", sorted(PARITY.glob("rrsgan-*")), ids=lambda folder: folder.name)
    def test_published_numbers(self, backend: str, case: Path) -> None:
        with using(backend):
            outcome = run_case(Case.load(case))
        assert outcome.verdict is Verdict.PASSED, outcome

    def test_what_it_cannot_do_is_left_to_plain_torch(self) -> None:
        tensors, numbers = given(CASES[1])
        with using("native"), pytest.raises(OperatorError, match="no convolution groups"):
            dcnv2(*tensors, *numbers)
        torch.testing.assert_close(dcnv2(*tensors, *numbers), reference(*tensors, *numbers), atol=1e-12, rtol=0)


@pytest.mark.parametrize("case", [*CASES, *COMPILED])
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_strips_without_gradients_give_the_same(
    case: tuple[int, ...], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors, numbers = given(case)
    Wo, inner, taps = tensors[1].shape[3], tensors[0].shape[1], tensors[3][0, 0].numel()
    monkeypatch.setitem(in_strips.__globals__, "STRIP", rows * Wo * inner * taps)
    torch.testing.assert_close(in_strips(*tensors, *numbers), reference(*tensors, *numbers), atol=1e-12, rtol=0)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 1, 1), (2, 0, 1), (1, 2, 2), (3, 2, 2)])
def test_the_layer_in_strips_gives_the_same(
    backend: str, stride: int, padding: int, dilation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    layer = DCNv2(4, 3, stride=stride, padding=padding, dilation=dilation, deformable_groups=2).double()
    torch.nn.init.normal_(layer.conv_offset_mask.weight, std=0.3)
    x, feature = torch.rand(2, 2, 4, 19, 14, dtype=torch.float64)
    with using(backend):
        whole = layer(x, feature).detach()
        monkeypatch.setattr(dcn, "AT_ONCE", 4 * 8 * 54 * 14)
        calls: list[int] = []
        strips = layer._in_strips
        monkeypatch.setattr(layer, "_in_strips", lambda *given: calls.append(given[2]) or strips(*given))
        with torch.no_grad():
            cut = layer(x, feature)
    assert calls == [4]
    torch.testing.assert_close(cut, whole, atol=1e-12, rtol=0)


def test_a_cpu_does_not_import_torchvision() -> None:
    """It once did, for two seconds and 165 MiB."""
    call = (
        "import sys, torch; from refsr.networks.blocks.dcn import DCNv2; "
        "DCNv2(8, 2)(torch.rand(1, 8, 4, 4), torch.rand(1, 8, 4, 4)); "
        "sys.exit('torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", call], check=False).returncode == 0


def pixel(plane: Tensor, y: int, x: int) -> float:
    return float(plane[y, x]) if 0 <= y < plane.shape[0] and 0 <= x < plane.shape[1] else 0.0


def bilinear(plane: Tensor, y: float, x: float) -> float:
    top, left = math.floor(y), math.floor(x)
    down, right = y - top, x - left
    upper = (1 - right) * pixel(plane, top, left) + right * pixel(plane, top, left + 1)
    lower = (1 - right) * pixel(plane, top + 1, left) + right * pixel(plane, top + 1, left + 1)
    return (1 - down) * upper + down * lower


def loops(tensors: list[Tensor], stride: int, padding: int, dilation: int) -> Tensor:
    """The published definition, one sample at a time."""
    image, offset, mask, weight, bias = tensors
    K, share = weight.shape[3], weight.shape[1]
    per_offset = image.shape[1] // (mask.shape[1] // (K * K))
    per_group = weight.shape[0] // (image.shape[1] // share)
    result = bias[None, :, None, None].repeat(len(image), 1, *offset.shape[2:])
    for b, o, i, j in torch.cartesian_prod(*map(torch.arange, result.shape)).tolist():
        for c in range(share):
            channel = o // per_group * share + c
            for tap in range(K * K):
                at = channel // per_offset * K * K + tap
                y = i * stride - padding + tap // K * dilation + float(offset[b, 2 * at, i, j])
                x = j * stride - padding + tap % K * dilation + float(offset[b, 2 * at + 1, i, j])
                sample = bilinear(image[b, channel], y, x) * mask[b, at, i, j]
                result[b, o, i, j] += weight[o, c, tap // K, tap % K] * sample
    return result


@pytest.mark.parametrize("case", CASES)
def test_both_ways_agree_with_loops(case: tuple[int, ...]) -> None:
    tensors, numbers = given(case)
    expected = loops(tensors, *numbers)
    torch.testing.assert_close(reference(*tensors, *numbers), expected, atol=1e-11, rtol=0)
    torch.testing.assert_close(dcnv2(*tensors, *numbers), expected, atol=1e-11, rtol=0)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("spread", [2.0, 100.0])
def test_gradients_agree_with_torchvision(case: tuple[int, ...], spread: float) -> None:
    deform_conv2d = pytest.importorskip("torchvision.ops").deform_conv2d
    tensors, (stride, padding, dilation) = given(case, spread)
    leaves = [tensor.requires_grad_() for tensor in tensors]
    image, offset, mask, weight, bias = leaves
    theirs = deform_conv2d(image, offset, weight, bias, stride, padding, dilation, mask)
    ours = reference(image, offset, mask, weight, bias, stride, padding, dilation)
    torch.testing.assert_close(ours, theirs, atol=1e-11, rtol=0)
    cotangent = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=ours.dtype)
    for mine, other in zip(
        torch.autograd.grad(ours, leaves, cotangent), torch.autograd.grad(theirs, leaves, cotangent), strict=True
    ):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=0)


@pytest.mark.parametrize("size", [(5, 7), (37, 53), (64, 120)])
def test_whole_offsets_choose_the_cell_that_torchvision_chooses(size: tuple[int, int]) -> None:
    """A layer starts with offsets of zero, where the slope depends on the side that one looks at."""
    deform_conv2d = pytest.importorskip("torchvision.ops").deform_conv2d
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 2, *size, generator=generator)
    offset = torch.randint(-3, 4, (1, 18, *size), generator=generator).float().requires_grad_()
    mask, weight = torch.rand(1, 9, *size, generator=generator), torch.randn(2, 2, 3, 3, generator=generator)
    (ours,) = torch.autograd.grad(reference(image, offset, mask, weight, None, 1, 1, 1).square().sum(), offset)
    (theirs,) = torch.autograd.grad(deform_conv2d(image, offset, weight, None, 1, 1, 1, mask).square().sum(), offset)
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)


def test_gradcheck_of_the_reference() -> None:
    tensors, numbers = given((1, 2, 2, 3, 4, 2, 1, 1, 1, 2, 1))
    leaves = [tensor.requires_grad_() for tensor in tensors]
    assert torch.autograd.gradcheck(lambda *parts: reference(*parts, *numbers), leaves)


def test_plain_torch_serves_what_torchvision_refuses() -> None:
    tensors, numbers = given(CASES[0])
    half = [tensor.bfloat16() for tensor in tensors]
    assert why_not(half[0]) is not None
    expected = dcnv2(*(tensor.double() for tensor in half), *numbers)
    found = dcnv2(*half, *numbers)
    assert found.dtype is torch.bfloat16
    torch.testing.assert_close(found.double(), expected, atol=0.02, rtol=0.01)
    empty = [tensor[:0] if at < 3 else tensor for at, tensor in enumerate(tensors)]
    assert dcnv2(*empty, *numbers).shape == (0, 3, 5, 7)


@pytest.mark.parametrize(
    ("at", "shape", "words"),
    [
        (0, (2, 5, 7), "input has shape"),
        (1, (1, 17, 5, 7), "offset has shape"),
        (2, (1, 9, 5, 6), "mask has shape"),
        (3, (3, 2, 3, 2), "weight has shape"),
        (4, (4,), "bias has shape"),
    ],
)
def test_wrong_shapes_are_named(at: int, shape: tuple[int, ...], words: str) -> None:
    tensors, numbers = given(CASES[0])
    tensors[at] = torch.zeros(shape, dtype=torch.float64)
    with pytest.raises(OperatorError, match=words):
        dcnv2(*tensors, *numbers)


def test_wrong_numbers_and_types_are_named() -> None:
    tensors, _ = given(CASES[0])
    with pytest.raises(OperatorError, match="stride 0"):
        dcnv2(*tensors, stride=0, padding=1)
    with pytest.raises(OperatorError, match=r"type torch\.int64"):
        dcnv2(tensors[0].long(), *tensors[1:], padding=1)
