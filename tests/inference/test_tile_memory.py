"""Tiles are as large as memory allows, and what a tile needs is measured and not guessed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import refsr
from refsr.inference import tile_memory
from refsr.inference.tile_layout import AUTOMATIC_SIDE
from refsr.inference.tile_memory import SIDES, affordable_side
from refsr.networks.descriptor import Descriptor

CPU = torch.device("cpu")


class Stages(nn.Module):
    """A network whose memory is known: at any time two planes of 7 channels are alive, at LR's size."""

    def __init__(self, halo: int | None = 3) -> None:
        super().__init__()
        self.descriptor = Descriptor(4, 3, ("lr",), halo=halo)

    def forward(self, lr: Tensor) -> Tensor:
        stage = lr.new_zeros(1, 7, *lr.shape[-2:])
        for _ in range(5):
            stage = stage + 1
        return stage


def restore(network: nn.Module, batch) -> Tensor:
    return network(batch["lr"])


def test_the_bytes_that_are_alive_at_once_are_counted():
    found = tile_memory._bytes_per_pixel(Stages(), Stages().descriptor, restore, CPU)
    assert found == pytest.approx(2 * 7 * 4)


@pytest.mark.parametrize("share", [0.9, 1.1, 3.0, 17.0, 1e6])
def test_the_side_is_the_largest_that_fits(share, monkeypatch):
    """`share` is what the budget has of the smallest side's need. The halo is so wide that each step saves work."""
    network = Stages(halo=70)
    each = 2 * 7 * 4 / 16
    monkeypatch.setattr(tile_memory, "MOST_OF_SYSTEM", 1e18)
    budget = share * AUTOMATIC_SIDE**2 * each
    monkeypatch.setattr(tile_memory, "_memory", lambda device: (budget / tile_memory.SHARE, 1e18))
    side = affordable_side(network, restore, CPU)
    assert side == max([one for one in SIDES if one**2 * each <= budget], default=AUTOMATIC_SIDE)
    # Where little is free it is the free memory that counts.
    monkeypatch.setattr(tile_memory, "_memory", lambda device: (1e18, budget / tile_memory.SHARE_OF_FREE))
    assert affordable_side(network, restore, CPU) == side


def test_new_pages_of_a_processor_are_not_worth_what_they_save(monkeypatch):
    network, each = Stages(halo=70), 2 * 7 * 4 / 16
    monkeypatch.setattr(tile_memory, "_memory", lambda device: (1e18, 1e18))
    monkeypatch.setattr(tile_memory, "MOST_OF_SYSTEM", 1.1 * SIDES[1] ** 2 * each)
    assert affordable_side(network, restore, CPU) == SIDES[1]


@pytest.mark.parametrize(("halo", "side"), [(0, 640), (3, 640), (22, 1920), (70, 2560)])
def test_a_tile_is_not_larger_than_what_saves_work(halo, side, monkeypatch):
    monkeypatch.setattr(tile_memory, "_memory", lambda device: (1e18, 1e18))
    assert affordable_side(Stages(halo), restore, CPU) == side


def test_results_that_tiles_change_do_not_depend_on_the_machine(monkeypatch):
    monkeypatch.setattr(tile_memory, "_memory", lambda device: (1e18, 1e18))
    assert affordable_side(Stages(halo=None), restore, CPU) == AUTOMATIC_SIDE
    assert affordable_side(Stages(halo=70), restore, CPU) == SIDES[-1]


def test_a_bundled_model_is_measured(monkeypatch):
    """The bytes of rrsnet-small-x4 for a pixel of LR, beside those of a smaller size.

    They grow with the area at most: strips of one size, in which plain torch samples, are a fixed part beside it.
    """
    restorer = refsr.load("rrsnet-small-x4", device="cpu")
    about = (
        restorer.network,
        restorer.network.descriptor,
        lambda network, batch: network(*(batch[name] for name in network.descriptor.inputs)),
        CPU,
    )
    small = tile_memory._bytes_per_pixel(*about)
    monkeypatch.setattr(tile_memory, "PROBE", 24)
    assert small <= 1.02 * tile_memory._bytes_per_pixel(*about)
    assert 10_000 < small < 1_000_000
