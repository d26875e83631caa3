"""DCNv3: the reference, and the compiled back-end against it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from contract import OperatorContract
from harness.case import Case
from harness.run import Verdict, run_case
from torch import Tensor

from refsr.core.errors import OperatorError
from refsr.networks.blocks.dcn import DCNv3FromFeature
from refsr.ops import dcnv3, native
from refsr.ops.deformable_v3 import Geometry, using
from refsr.ops.deformable_v3.library import operator

PARITY = Path(__file__).resolve().parents[1] / "parity"


def drawn(seed: int, batch: int, height: int, width: int, spread: float, numbers: Geometry, each: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sides = (batch, numbers.output_side(height), numbers.output_side(width))
    rand = lambda *shape: torch.rand(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    places = (rand(*sides, numbers.groups * numbers.points * 2) - 0.5) * 2 * spread
    # Between whole pixels, where sampling has kinks, for all offset scales in use, and exact in bfloat16.
    parts = 8 if spread < 16 else 1
    offset = (torch.floor(places * parts) + 0.5) / parts
    image = rand(batch, height, width, numbers.groups * each) * 2 - 1
    return [image, offset, rand(*sides, numbers.groups * numbers.points)]


def cases() -> list[tuple[list[Tensor], tuple[object, ...]]]:
    fixed = [
        (2, 5, 7, 2.0, Geometry(3, 1, 1, 1, 2, 1.0), 1),
        (1, 4, 3, 9.0, Geometry(3, 1, 1, 1, 1, 0.5, True), 3),
        (1, 9, 8, 3.0, Geometry(3, 1, 1, 1, 8, 1.0), 10),
        (1, 6, 6, 1e6, Geometry(3, 1, 1, 1, 2, 1.0), 4),
    ]
    pick = random.Random(5)
    for _ in range(14):
        kernel, dilation = pick.randint(1, 7), pick.choice([1, 1, 2, 3])
        reach = dilation * (kernel - 1) + 1
        shape = Geometry(
            kernel,
            pick.randint(1, 3),
            pick.randint(0, reach // 2),
            dilation,
            pick.randint(1, 5),
            pick.choice([0.5, 1.0, 1.5]),
            kernel % 2 == 1 and kernel > 1 and pick.random() < 0.4,
        )
        side = pick.choice([2, 3, 5, 7, 11]) + reach - 1
        spread = pick.choice([0.5, 3.0, 40.0])
        fixed.append((pick.randint(1, 7), side, side + 2, spread, shape, pick.choice([1, 3, 8, 11, 16])))
    return [(drawn(seed, *rest[:4], rest[4], rest[5]), tuple(rest[4])) for seed, rest in enumerate(fixed)]


@pytest.mark.usefixtures("compiled")
class TestDCNv3(OperatorContract):
    backends = ("reference", "native")

    def cases(self) -> list[tuple[list[Tensor], tuple[object, ...]]]:
        return cases()

    def call(self, backend: str, tensors: Sequence[Tensor], numbers: tuple[object, ...]) -> Tensor:
        with using(backend):
            return dcnv3(*tensors, *numbers)  # type: ignore[arg-type]

    @pytest.mark.parametrize("number", [0, 1, 2, 5, 9])
    def test_opcheck(self, number: int) -> None:
        tensors, numbers = cases()[number]
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        torch.library.opcheck(operator, (*leaves, *numbers))

    @pytest.mark.parametrize("backend", ["reference", "native"])
    def test_compiled_graphs_give_the_same(self, backend: str) -> None:
        tensors, numbers = cases()[0]
        # The tracer only: code generation is torch's own affair and takes a minute.
        traced = torch.compile(lambda *given: self.call(backend, given, numbers), backend="aot_eager", fullgraph=True)
        torch._dynamo.reset()
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        output = self.call(backend, leaves, numbers)
        plain = torch.autograd.grad(output.square().sum(), leaves)
        for eager, graph in zip(plain, torch.autograd.grad(traced(*leaves).square().sum(), leaves), strict=True):
            torch.testing.assert_close(graph, eager)

    def test_deterministic_algorithms_are_allowed(self) -> None:
        tensors, numbers = cases()[2]
        expected = self.results("native", tensors, numbers)
        torch.use_deterministic_algorithms(True)
        try:
            found = self.results("native", tensors, numbers)
        finally:
            torch.use_deterministic_algorithms(False)
        assert all(map(torch.equal, expected, found))

    @pytest.mark.parametrize("side", [3, 4, 8, 16, 100])
    def test_places_a_breath_inside_the_edge(self, side: int) -> None:
        """Rounding once put them beyond the last pixel, where the next row or foreign memory was read and written."""
        below = torch.tensor(float(side)).nextafter(torch.tensor(0.0))
        places = torch.tensor([float(below), -1 + 2**-24, -(2**-30), side - 1.5])
        pairs = torch.cartesian_prod(places, places)
        image = torch.rand(len(pairs), side, side, 3, generator=torch.Generator().manual_seed(side))
        # A kernel of one point: at the first pixel it lies where its offset says, elsewhere far away.
        offset = torch.full((len(pairs), side, side, 2), -1e4)
        offset[:, 0, 0] = pairs
        tensors, numbers = [image, offset, torch.ones(len(pairs), side, side, 1)], tuple(Geometry(1, 1, 0, 1, 1, 1.0))
        expected = self.results("reference", [one.double() for one in tensors], numbers)
        for answer, right in zip(self.results("native", tensors, numbers), expected, strict=True):
            torch.testing.assert_close(answer.double(), right, atol=1e-5, rtol=0)

    @pytest.mark.parametrize("size", [(5, 7), (37, 53), (64, 120)])
    def test_whole_offsets_choose_one_cell(self, size: tuple[int, int]) -> None:
        """A layer starts with offsets of zero, where the slope depends on the side that one looks at."""
        generator = torch.Generator().manual_seed(0)
        image = torch.randn(1, *size, 2, generator=generator)
        offset = torch.randint(-3, 4, (1, *size, 18), generator=generator).float()
        tensors, numbers = [image, offset, torch.rand(1, *size, 9, generator=generator)], (3, 1, 1, 1, 1, 1.0)
        for one, other in zip(*(self.results(way, tensors, numbers) for way in self.backends), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)

    def test_half_precision_on_a_cpu_is_left_to_the_reference(self) -> None:
        tensors, numbers = cases()[0]
        given = [tensor.half() for tensor in tensors]
        assert dcnv3(*given, *numbers).dtype is torch.float16  # type: ignore[arg-type]
        with pytest.raises(OperatorError, match=r"no kernel for torch\.float16 on cpu"):
            self.call("native", given, numbers)

    def test_a_second_copy_is_left_aside(self, compiled: native.Native, tmp_path: Path) -> None:
        """Loading it once printed a stack from C++, since an operator may be defined but once a process."""
        (tmp_path / "refsr_dcnv3.so").write_bytes(b"whatever")
        (tmp_path / "refsr_dcnv3.json").write_text(json.dumps(compiled.stamp))
        found = native.load(tmp_path)
        assert found.reason is not None
        assert "loaded already" in found.reason

    @pytest.mark.parametrize("backend", ["reference", "native"])
    @pytest.mark.parametrize("case", sorted(PARITY.glob("rgtgan-dcnv3*")), ids=lambda folder: folder.name)
    def test_published_numbers(self, backend: str, case: Path) -> None:
        with using(backend):
            outcome = run_case(Case.load(case))
        assert outcome.verdict is Verdict.PASSED, outcome


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.usefixtures("compiled")
class TestDCNv3OnCUDA(OperatorContract):
    backends = ("reference", "native")
    types = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
    jitter = 1e-10

    @pytest.fixture(autouse=True)
    def _served(self, compiled: native.Native) -> None:
        reason = compiled.why_not("dcnv3", torch.empty(0, device="cuda"))
        if reason is not None:
            pytest.skip(reason)

    def cases(self) -> list[tuple[list[Tensor], tuple[object, ...]]]:
        return [([tensor.cuda() for tensor in tensors], numbers) for tensors, numbers in cases()]

    def call(self, backend: str, tensors: Sequence[Tensor], numbers: tuple[object, ...]) -> Tensor:
        with using(backend):
            return dcnv3(*tensors, *numbers)  # type: ignore[arg-type]

    def test_repeats_exactly(self) -> None:
        """Where determinism is asked for; the reference has no such path there."""
        torch.use_deterministic_algorithms(True)
        try:
            for tensors, numbers in self.cases():
                for kind in self.types:
                    given = [tensor.to(kind) for tensor in tensors]
                    first, again = self.results("native", given, numbers), self.results("native", given, numbers)
                    assert all(map(torch.equal, first, again))
        finally:
            torch.use_deterministic_algorithms(False)

    def test_both_ways_of_summing_agree(self) -> None:
        for tensors, numbers in self.cases():
            free = self.results("native", tensors, numbers)
            torch.use_deterministic_algorithms(True)
            try:
                fixed = self.results("native", tensors, numbers)
            finally:
                torch.use_deterministic_algorithms(False)
            for one, other in zip(free, fixed, strict=True):
                torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


def test_no_offset_and_equal_masks_give_a_box_mean() -> None:
    image = torch.rand(1, 6, 5, 4)
    result = dcnv3(image, torch.zeros(1, 6, 5, 36), torch.full((1, 6, 5, 18), 1 / 9), 3, 1, 1, 1, 2, 1.0)
    mean = torch.nn.functional.avg_pool2d(image.permute(0, 3, 1, 2), 3, 1, 1)
    assert torch.allclose(result.permute(0, 3, 1, 2), mean, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"input": torch.zeros(2, 5, 7)}, r"input has shape \(2, 5, 7\)"),
        ({"offset": torch.zeros(2, 5, 7, 35)}, r"offset has shape \(2, 5, 7, 35\).*\(2, 5, 7, 36\)"),
        ({"mask": torch.zeros(2, 5, 6, 18)}, r"mask has shape \(2, 5, 6, 18\).*\(2, 5, 7, 18\)"),
        ({"mask": torch.zeros(2, 5, 7, 18).double()}, r"mask is torch.float64 .* input is torch.float32"),
        ({"groups": 3}, "no multiple of 3 groups"),
        ({"stride": 0}, "stride is 0"),
        ({"kernel": 2, "remove_center": True}, "odd kernel"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], words: str) -> None:
    right = {"input": torch.zeros(2, 5, 7, 4), "offset": torch.zeros(2, 5, 7, 36), "mask": torch.zeros(2, 5, 7, 18)}
    numbers = {"kernel": 3, "stride": 1, "padding": 1, "dilation": 1, "groups": 2, "offset_scale": 1.0}
    with pytest.raises(OperatorError, match=words):
        dcnv3(**{**right, **numbers, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.usefixtures("compiled")
def test_the_layer_under_checkpointing_and_autocast(backend: str) -> None:
    torch.manual_seed(0)
    layer = DCNv3FromFeature(8, group=2)
    torch.nn.init.normal_(layer.offset.weight)
    x, feature = torch.rand(1, 6, 5, 8, requires_grad=True), torch.rand(1, 6, 5, 8)
    with using(backend):
        plain = torch.autograd.grad(layer(x, feature).sum(), x)[0]
        kept = torch.utils.checkpoint.checkpoint(layer, x, feature, use_reentrant=False)
        assert torch.equal(torch.autograd.grad(kept.sum(), x)[0], plain)
        with torch.autocast("cpu", torch.bfloat16):
            low = layer(x, feature)
        assert torch.allclose(low.float(), layer(x, feature), atol=0.05)


@pytest.mark.parametrize(
    ("built", "device", "serves"),
    [
        (["sm_80", "sm_90"], (9, 0), True),
        (["sm_80"], (8, 9), True),
        (["sm_86"], (8, 0), False),
        (["sm_80", "sm_90"], (12, 0), False),
        (["sm_80", "compute_90"], (12, 0), True),
        (["compute_90"], (8, 0), False),
        (["sm_90a"], (9, 0), True),
        (["compute_90a"], (12, 0), False),
    ],
)
def test_a_gpu_that_it_was_not_built_for_is_named(built: list[str], device: tuple[int, int], serves: bool) -> None:
    assert native.runs_on(built, device) is serves


def test_a_build_for_another_torch_is_left_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "refsr_dcnv3.so").write_bytes(b"")
    (tmp_path / "refsr_dcnv3.json").write_text(json.dumps({"torch": "1.0"}))
    found = native.load(tmp_path)
    assert found.reason is not None
    assert "built for torch 1.0" in found.reason
    assert "plain torch serves" in caplog.text
