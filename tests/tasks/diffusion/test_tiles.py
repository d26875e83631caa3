"""Sampling by tiles: the same image where a network sees no further than its tile, and no seam where it does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.options.sampling import SamplingOptions
from refsr.inference.tiling import restore_tiled
from refsr.networks.descriptor import Descriptor
from refsr.networks.refdiff.blocks import Conditions
from refsr.networks.refdiff.network import RefDiff
from refsr.tasks.diffusion.diffusion_restore import DiffusionRestore

HALO = 2


class Local(nn.Module):
    """A denoiser that looks two pixels of LR far, and knows how large an image it was shown."""

    sigma_data = 0.5

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.look = nn.Conv2d(7, 3, 5, padding=2)
        self.shown: set[tuple[int, int]] = set()
        self.passes = 0

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(scale=2, channels=3, inputs=("lr", "ref", "mask"), multiple=2, halo=HALO, stochastic=True)

    def conditions(self, lr: Tensor, ref: Tensor, mask: Tensor) -> Conditions:
        return Conditions(
            lr if lr.shape[-1] == ref.shape[-1] else lr.repeat_interleave(2, -1).repeat_interleave(2, -2), ref, mask
        )

    def prepare(self, lr: Tensor, ref: Tensor, mask: Tensor, convolved: bool = True) -> Conditions:
        return self.conditions(lr, ref, mask)

    def denoise(self, noisy: Tensor, sigma: Tensor | float, prepared: Conditions) -> Tensor:
        self.passes += 1
        self.shown.add((noisy.shape[-2], noisy.shape[-1]))
        change = F.conv2d(torch.cat(prepared, 1), self.look.weight, self.look.bias, padding=2).tanh()
        blurred = F.avg_pool2d(F.pad(noisy.float() / (1 + float(sigma)), (1, 1, 1, 1)), 3, 1)
        return change + 0.3 * blurred


def scene(height: int = 11, width: int = 16) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(2)
    sizes = {"lr": (3, height, width), "ref": (3, 2 * height, 2 * width), "mask": (1, 2 * height, 2 * width)}
    return {name: torch.rand(1, *size, generator=generator) for name, size in sizes.items()}


@pytest.mark.parametrize("sampler", ["unipc", "published"])
@pytest.mark.parametrize("consistency", ["none", "every"])
def test_tiles_make_the_image_that_is_made_in_one_piece(sampler, consistency):
    network = Local()
    restore = DiffusionRestore(SamplingOptions(sampler=sampler, steps=6, consistency=consistency), 3)
    with torch.no_grad():
        whole = restore(network, scene())
        assert network.shown == {(24, 32)}
        network.shown.clear()
        tiled = restore_tiled(restore, network, scene(), 4, HALO)
    assert whole.shape == (1, 3, 22, 32)
    assert float(whole.std()) > 0.05
    assert torch.allclose(tiled, whole, atol=1e-5)
    assert len(network.shown) > 1
    assert max(height * width for height, width in network.shown) <= 16 * 16


def test_no_seam_where_a_network_sees_farther_than_its_tiles():
    """It is as rough where tiles meet as elsewhere, and near to the image in one piece; not so tiles made apart."""
    torch.manual_seed(0)
    network = RefDiff(4, model_channels=8, channel_mult=[1, 2], num_blocks=1, dropout=0.0).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3e4 if parameter.abs().max() < 1e-4 else 1)
    generator = torch.Generator().manual_seed(2)
    smooth = F.interpolate(torch.rand(1, 7, 3, 3, generator=generator), size=(64, 64), mode="bicubic")
    given = {"lr": F.avg_pool2d(smooth[:, :3], 4), "ref": smooth[:, 3:6], "mask": smooth[:, 6:]}
    restore = DiffusionRestore(SamplingOptions(steps=4), 3)
    with torch.no_grad():
        whole = restore(network, given)
        tiled = restore_tiled(restore, network, given, 8, 4)
        apart = restore_tiled(restore.__call__, network, given, 8, 4)
    roughness = [(image[..., 1:] - image[..., :-1]).abs().mean(dim=(0, 1, 2)) for image in (tiled, apart)]
    at_seams = [float(one[27:35].mean() / one.median()) for one in roughness]
    assert at_seams[0] == pytest.approx(1, abs=0.05)
    assert at_seams[1] < 0.85
    assert float((tiled - whole).abs().mean()) < 0.02 < 0.1 < float((apart - whole).abs().mean())


def test_progress_counts_every_look():
    told: list[tuple[str, int]] = []
    counted = [0]

    class Counting:
        def advance(self, parts: int = 1, note: str = "") -> None:
            counted[0] += parts

        def __enter__(self) -> Counting:
            return self

        def __exit__(self, *error: object) -> None: ...

    def progress(label: str, total: int) -> Counting:
        told.append((label, total))
        return Counting()

    for sampler in ("heun", "dpm3m"):
        network = Local()
        with torch.no_grad():
            DiffusionRestore(SamplingOptions(sampler=sampler, steps=4)).by_tiles(network, scene(), (), progress)
        assert told[-1] == ("sampling", counted[0])
        assert network.passes == counted[0]
        counted[0] = 0
