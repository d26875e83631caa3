"""The contract of every network: a class to inherit, with how to build a small one and its inputs."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from refsr.networks.descriptor import INPUTS, DescribedNetwork, Descriptor

LARGE = ("noisy", "lr_up", "ref", "ref_down", "ref_weight", "mask", "base")
"""Inputs of the result's size; the others have LR's."""


class NetworkContract(ABC):
    """`build` makes a small network from a scale and a number of bands; all else is read from its descriptor."""

    scales: tuple[int, ...] = (4,)
    bands: tuple[int, ...] = (1, 3, 5)
    bounded: bool = True
    """Whether the network has a halo; one that says so by mistake, or fails to, is found out."""
    halo_bound: int = 64
    """The halo of the network that `build` makes may not be larger, or the test of it takes too long."""

    enough: int = 4
    """LR pixels a side, times the descriptor's multiple, from which on every parameter counts."""

    @abstractmethod
    def build(self, scale: int = 4, channels: int = 3) -> nn.Module: ...

    def freeze_sampling(self, network: nn.Module) -> None:  # noqa: B027
        """Keeps deformable sampling at its grid, whatever else the weights are; where there is any."""

    def made(self, scale: int = 4, channels: int = 3, live: bool = False) -> tuple[Any, Descriptor]:
        """A small network from fixed seeds; `live` gives parameters that start at zero numbers too."""
        torch.manual_seed(3)
        network = self.build(scale, channels)
        if live:
            with torch.no_grad():
                for parameter in network.parameters():
                    if not parameter.any():
                        parameter.normal_(std=0.1)
        assert isinstance(network, DescribedNetwork)
        return network, network.descriptor

    def inputs(self, descriptor: Descriptor, height: int, width: int, batch: int = 1) -> list[Tensor]:
        generator = torch.Generator().manual_seed(5)
        shapes: list[tuple[int, ...]] = []
        height, width = self.size(descriptor, height, width)
        for name in self.arguments(descriptor):
            times = descriptor.scale if name in LARGE else 1
            bands = {"mask": 1, "ref_weight": 1, "hsi": descriptor.hsi_bands}.get(name, descriptor.channels)
            shapes.append((batch,) if name == "sigma" else (batch, bands, height * times, width * times))
        return [torch.rand(shape, generator=generator) for shape in shapes]

    def size(self, descriptor: Descriptor, height: int, width: int) -> tuple[int, int]:
        """The wanted size of LR, or the only one that there is."""
        return (height, width) if descriptor.side is None else (descriptor.side, descriptor.side)

    def arguments(self, descriptor: Descriptor) -> tuple[str, ...]:
        """What forward takes."""
        return (("noisy", "sigma") if descriptor.stochastic else ()) + descriptor.inputs

    def test_the_descriptor_is_what_forward_takes(self) -> None:
        network, descriptor = self.made()
        taken = inspect.signature(network.forward).parameters.values()
        assert tuple(one.name for one in taken if one.kind is not one.KEYWORD_ONLY) == self.arguments(descriptor)
        switches = [one.name for one in taken if one.kind is one.KEYWORD_ONLY]
        assert switches == (["every_stage"] if descriptor.stages > 1 else []) + list(descriptor.optional)
        assert [name for name in INPUTS if name in descriptor.inputs] == list(descriptor.inputs)

    def test_every_stage_gives_an_image_the_result_first(self) -> None:
        network, descriptor = self.made()
        if descriptor.stages == 1:
            return
        inputs = self.inputs(descriptor, descriptor.multiple, 2 * descriptor.multiple)
        with torch.no_grad():
            result, images = network(*inputs), network(*inputs, every_stage=True)
        assert [image.shape for image in images] == [result.shape] * descriptor.stages
        assert torch.equal(images[0], result)
        assert not any(torch.equal(image, result) for image in images[1:])

    @pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 3), (3, 2)])
    def test_any_multiple_will_do(self, size: tuple[int, int]) -> None:
        for scale in self.scales:
            network, descriptor = self.made(scale)
            assert descriptor.scale == scale
            height, width = self.size(descriptor, *(side * descriptor.multiple for side in size))
            with torch.no_grad():
                result = network(*self.inputs(descriptor, height, width, batch=2))
            assert result.shape == (2, descriptor.channels, scale * height, scale * width)
            assert result.isfinite().all()

    def test_bands(self) -> None:
        for channels in self.bands:
            network, descriptor = self.made(channels=channels)
            side = 2 * descriptor.multiple
            assert descriptor.channels == channels
            assert network(*self.inputs(descriptor, side, side)).shape[1] == channels

    def test_every_parameter_gets_a_gradient_and_every_input_counts(self) -> None:
        network, descriptor = self.made(live=True)
        side = self.enough * descriptor.multiple
        inputs = [one.requires_grad_() for one in self.inputs(descriptor, side, side, batch=2)]
        network(*inputs).square().mean().backward()
        silent = [name for name, parameter in network.named_parameters() if parameter.grad is None]
        silent += [name for name, one in network.named_parameters() if one.grad is not None and not one.grad.any()]
        assert silent == []
        assert all(one.grad is not None and one.grad.any() for one in inputs)

    def test_every_parameter_takes_part_from_the_start(self) -> None:
        network, descriptor = self.made()
        network(*self.inputs(descriptor, descriptor.multiple, descriptor.multiple)).sum().backward()
        assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []

    def test_the_batch_does_not_matter(self) -> None:
        network, descriptor = self.made(live=True)
        network = network.double().eval()
        side = 3 * descriptor.multiple
        inputs = [one.double() for one in self.inputs(descriptor, side + descriptor.multiple, side, batch=2)]
        with torch.no_grad():
            together = network(*inputs)
            alone = torch.cat([network(*(one[turn : turn + 1] for one in inputs)) for turn in range(2)])
        assert torch.allclose(together, alone, atol=1e-10)

    def test_inputs_stay_as_they_are(self) -> None:
        network, descriptor = self.made()
        inputs = self.inputs(descriptor, 2 * descriptor.multiple, descriptor.multiple)
        before = [one.clone() for one in inputs]
        network(*inputs)
        assert all(map(torch.equal, inputs, before))

    def test_safe_types_differ_by_rounding_only(self) -> None:
        network, descriptor = self.made(live=True)
        side = 3 * descriptor.multiple
        inputs = self.inputs(descriptor, side, side)
        with torch.no_grad():
            exact = network.double()(*(one.double() for one in inputs))
            network.float()
            for kind in descriptor.safe_dtypes:
                with torch.autocast("cpu", kind, enabled=kind is not torch.float32):
                    found = network(*inputs)
                error = (found.double() - exact).norm() / exact.norm()
                assert error < 64 * torch.finfo(kind).eps ** 0.9, f"{kind}: {error}"

    def test_training_under_autocast(self) -> None:
        network, descriptor = self.made(live=True)
        inputs = self.inputs(descriptor, 2 * descriptor.multiple, 2 * descriptor.multiple)
        with torch.autocast("cpu", torch.bfloat16):
            loss = network(*inputs).float().square().mean()
        loss.backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.dtype is torch.float32, name
            assert parameter.grad.isfinite().all(), name

    def test_saving_and_loading(self) -> None:
        network, descriptor = self.made(live=True)
        inputs = self.inputs(descriptor, descriptor.multiple, 2 * descriptor.multiple)
        content = save({key: value.contiguous() for key, value in network.state_dict().items()})
        torch.manual_seed(99)
        other: Any = self.build(descriptor.scale, 3)
        assert not torch.equal(other(*inputs), network(*inputs))
        other.load_state_dict(load(content), strict=True)
        assert torch.equal(other(*inputs), network(*inputs))

    def test_repeats_exactly(self) -> None:
        results = []
        for _ in range(2):
            network, descriptor = self.made()
            output = network(*self.inputs(descriptor, 2 * descriptor.multiple, 3 * descriptor.multiple))
            output.square().sum().backward()
            results.append([output.detach(), *(parameter.grad for parameter in network.parameters())])
        assert all(map(torch.equal, *results))

    def test_channels_last_gives_the_same(self) -> None:
        network, descriptor = self.made(live=True)
        side = 3 * descriptor.multiple
        inputs = self.inputs(descriptor, side, side, batch=2)
        with torch.no_grad():
            plain = network(*inputs)
            network.to(memory_format=torch.channels_last)
            found = network(*(one.to(memory_format=torch.channels_last) if one.dim() == 4 else one for one in inputs))
        assert torch.allclose(plain, found, atol=1e-5 * float(plain.abs().max()))

    def test_activations_can_be_recomputed(self) -> None:
        """Its parts are modules of their own, so whoever trains can checkpoint them from outside."""
        results = []
        for recompute in (False, True):
            network, descriptor = self.made(live=True)
            if recompute:
                for part in network.children():
                    part.forward = functools.partial(checkpoint, part.forward, use_reentrant=False)
            network(*self.inputs(descriptor, 2 * descriptor.multiple, descriptor.multiple)).square().sum().backward()
            results.append([parameter.grad for parameter in network.parameters()])
        assert all(map(torch.equal, *results))

    def test_it_compiles_as_one_graph(self) -> None:
        network, descriptor = self.made(live=True)
        inputs = self.inputs(descriptor, 2 * descriptor.multiple, 3 * descriptor.multiple)
        compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
        with torch.no_grad():
            assert torch.allclose(compiled(*inputs), network(*inputs), atol=1e-5)

    def test_the_halo_is_how_far_a_pixel_sees(self) -> None:
        """Exactly: the inputs that an output block's gradient reaches end at the halo."""
        for scale in self.scales:
            network, descriptor = self.made(scale, live=True)
            halo, multiple = descriptor.halo, descriptor.multiple
            assert (halo is not None) == self.bounded
            if halo is None:
                continue
            assert halo <= self.halo_bound
            self.freeze_sampling(network)
            network = network.double()
            # A few rows of low-resolution pixels are enough for what happens along them.
            reach = -(-(halo + 2) // multiple) * multiple
            length = 2 * reach + multiple
            inputs = [one.double().requires_grad_() for one in self.inputs(descriptor, multiple, length)]
            block = network(*inputs)[..., scale * reach : scale * (reach + multiple)]
            farthest = 0
            for column in range(scale * multiple):
                pixel = reach + column // scale
                for one, slope in zip(
                    inputs, torch.autograd.grad(block[..., column].sum(), inputs, retain_graph=True), strict=True
                ):
                    reached = slope.abs().amax(dim=(0, 1, 2)).nonzero().flatten() // (one.shape[-1] // length)
                    farthest = max(farthest, pixel - int(reached.min()), int(reached.max()) - pixel)
            assert farthest == halo
