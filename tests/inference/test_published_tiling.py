"""Published tile scans: what is left when tile after tile is pasted as their scripts do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.inference.published_tiling import SCANS, scanned
from refsr.inference.tiling import restore_tiled
from refsr.networks.descriptor import Descriptor


class Marked(nn.Module):
    """Each pixel as a block, and the mean of the tile, so that every pixel tells which tile it came from."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale, self.seen = scale, 0

    def forward(self, lr: Tensor) -> Tensor:
        self.seen += 1
        return lr.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3) + lr.mean()

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(scale=self.scale, channels=3, inputs=("lr",))


def passed(network: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    restored: Tensor = network(batch["lr"])
    return restored


def pasted(lr: Tensor, network: Marked, side: int, step: int, dropped: int) -> Tensor:
    """The scripts' loops: from top to bottom and left to right, later tiles over earlier ones."""
    scale, (height, width) = network.scale, lr.shape[-2:]
    result = torch.full((1, 3, height * scale, width * scale), torch.nan)
    for down in range(0, height, step):
        for across in range(0, width, step):
            top, left = min(down, height - side), min(across, width - side)
            tile = network(lr[..., top : top + side, left : left + side])
            first_row, first_column = dropped * (top > 0), dropped * (left > 0)
            last_row, last_column = side - dropped * (top + side < height), side - dropped * (left + side < width)
            result[
                ...,
                (top + first_row) * scale : (top + last_row) * scale,
                (left + first_column) * scale : (left + last_column) * scale,
            ] = tile[..., first_row * scale : last_row * scale, first_column * scale : last_column * scale]
    return result


@settings(max_examples=40, deadline=None)
@given(
    st.integers(3, 9), st.integers(0, 20), st.integers(0, 20), st.sampled_from([2, 3]), st.sampled_from(sorted(SCANS))
)
def test_what_is_left_is_what_pasting_leaves(side, more_rows, more_columns, scale, scan):
    lr = torch.rand(1, 3, side + more_rows, side + more_columns, generator=torch.Generator().manual_seed(1))
    shared, dropped = (2, 1) if scan == "tsfnet-test" else (0, 0)
    network, published = Marked(scale), Marked(scale)
    found = restore_tiled(passed, network, {"lr": lr}, side, tiling=scan)
    assert torch.equal(found, pasted(lr, published, side, side - shared, dropped))
    assert network.seen <= published.seen


def test_a_tile_that_falls_on_another_is_restored_once():
    network = Marked(4)
    restore_tiled(passed, network, {"lr": torch.rand(1, 3, 16, 16)}, 16, tiling="tsfnet-test")
    assert network.seen == 1


@pytest.mark.parametrize(("scale", "side"), [(4, 64), (8, 32), (16, 16)])
def test_tiles_have_256_pixels_unless_told_otherwise(scale, side):
    sizes = {"lr": (600 // scale, 600 // scale)}
    found = scanned(Marked(scale).descriptor, sizes, None, "tsfnet-test")
    rows, columns = ([span.seen for span in spans] for spans in (found.rows, found.columns))
    assert {stop - start for start, stop in rows + columns} == {side}


@pytest.mark.parametrize(
    ("tile", "scan", "answer"),
    [
        (20, "tsfnet-val", "an LR image of 19 x 30 is smaller than its tiles of 20; val.tile: 19 would fit"),
        (2, "tsfnet-test", "tiles of 2 lose all they have"),
        (8, "tsfnet-tst", "'tsfnet-tst' is not known; did you mean 'tsfnet-test'"),
    ],
)
def test_scans_that_cannot_be(tile, scan, answer):
    with pytest.raises(UsageError, match=answer):
        restore_tiled(passed, Marked(2), {"lr": torch.rand(1, 3, 19, 30)}, tile, tiling=scan)
