"""The contract of every operator: a class to inherit, with the operator's cases and its back-ends."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

# The largest difference from the float64 reference, as a share of the largest value of it. Half types are given inputs
# that they hold exactly, so that what is left is the rounding of results.
TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-5, torch.bfloat16: 1e-2, torch.float16: 2e-3}


class OperatorContract(ABC):
    """What `cases` lists as (tensors in float64, numbers), `call` computes by a back-end."""

    backends: Sequence[str] = ("reference",)
    types: Sequence[torch.dtype] = (torch.float32, torch.float64, torch.bfloat16)
    # How far two runs may differ where sums are made in any order; nothing unless determinism is asked for on a GPU.
    jitter: float = 0.0
    # How many of the tensors have a batch: the first ones; the rest are weights.
    batched: int = 3

    @abstractmethod
    def cases(self) -> list[tuple[list[Tensor], tuple[object, ...]]]: ...

    @abstractmethod
    def call(self, backend: str, tensors: Sequence[Tensor], numbers: tuple[object, ...]) -> Tensor: ...

    def results(self, backend: str, tensors: Sequence[Tensor], numbers: tuple[object, ...]) -> list[Tensor]:
        """The output and the gradient for each tensor, under a fixed cotangent."""
        leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
        output = self.call(backend, leaves, numbers)
        generator = torch.Generator().manual_seed(7)
        cotangent = torch.randn(output.shape, generator=generator).bfloat16().to(output)
        return [output.detach(), *torch.autograd.grad(output, leaves, cotangent)]

    def test_agrees_with_the_float64_reference(self) -> None:
        for tensors, numbers in self.cases():
            for kind in self.types:
                # Values a bfloat16 holds are held by all types.
                given = [tensor.bfloat16().double() for tensor in tensors]
                expected = self.results("reference", given, numbers)
                for backend in self.backends:
                    found = self.results(backend, [tensor.to(kind) for tensor in given], numbers)
                    for right, answer in zip(expected, found, strict=True):
                        assert answer.dtype is kind
                        assert answer.shape == right.shape
                        largest = right.abs().max() if right.numel() else torch.tensor(0.0)
                        difference = (answer.double() - right).abs()
                        assert not difference.numel() or difference.max() <= TOLERANCE[kind] * (largest + 1), (
                            f"{backend} {kind} {[tuple(one.shape) for one in tensors]} {numbers}"
                        )

    def test_gradcheck(self) -> None:
        small = [case for case in self.cases() if 0 < case[0][0].numel() <= 200]
        assert small
        for tensors, numbers in small:
            leaves = [tensor.clone().requires_grad_() for tensor in tensors]
            for backend in self.backends:
                call = self.call
                assert torch.autograd.gradcheck(
                    lambda *given, backend=backend, numbers=numbers, call=call: call(backend, given, numbers),
                    leaves,
                    nondet_tol=self.jitter,
                )

    def test_layout_does_not_matter(self) -> None:
        tensors, numbers = self.cases()[0]
        for backend in self.backends:
            expected = self.results(backend, tensors, numbers)
            for turn in range(2):
                strange = [
                    one.transpose(1, 3).contiguous().transpose(1, 3) if turn else one.repeat_interleave(2, -1)[..., ::2]
                    for one in tensors
                ]
                leaves = [one.detach().requires_grad_() for one in strange]
                output = self.call(backend, leaves, numbers)
                # Gradients may come in any layout as well.
                cotangent = torch.randn(output.shape, generator=torch.Generator().manual_seed(7)).bfloat16().to(output)
                strided = cotangent.repeat_interleave(2, -1)[..., ::2]
                found = [output.detach(), *torch.autograd.grad(output, leaves, strided)]
                for answer, right in zip(found, expected, strict=True):
                    torch.testing.assert_close(answer, right, atol=1e-12, rtol=0)

    def test_repeats_exactly(self) -> None:
        tensors, numbers = self.cases()[0]
        for backend in self.backends:
            first = self.results(backend, tensors, numbers)
            again = self.results(backend, copy.deepcopy(tensors), numbers)
            assert all(map(torch.equal, first, again))

    def test_an_empty_batch(self) -> None:
        tensors, numbers = self.cases()[0]
        for backend in self.backends:
            try:
                given = [one[:0] if at < self.batched else one for at, one in enumerate(tensors)]
                results = self.results(backend, given, numbers)
            except RuntimeError as error:
                pytest.fail(f"{backend}: {error}")
            assert all(len(one) == 0 for one in results[: 1 + self.batched])
            assert not any(one.any() for one in results[1 + self.batched :])
