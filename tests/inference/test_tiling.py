"""An image restored in tiles is the image restored in one piece, whatever its size and the tiles'."""

from __future__ import annotations

import logging

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from refsr.core.errors import UsageError
from refsr.inference import tile_layout as layout
from refsr.inference.tile_layout import automatic_tile_size, lay_out, window_of
from refsr.inference.tiling import BatchSource, restore_tiled
from refsr.networks.blocks.dcn import DCNv2
from refsr.networks.descriptor import Descriptor
from refsr.networks.rgtnet import RGTNet
from refsr.networks.rrsnet import RRSNet
from refsr.tasks.restore import single_pass

SCALE = 4
ROUNDING = 1e-6


def made(blocks: int = 1) -> RRSNet:
    torch.manual_seed(0)
    return RRSNet(nf=8, n_blocks=blocks, deformable_groups=2).eval()


@torch.no_grad()
def lively(moved: float, blocks: int = 1) -> RRSNet:
    """Random weights so large that the reference counts, and points that lie up to `moved` pixels off and more."""
    network = made(blocks)
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=0.1)
            layer.weight.data *= 0.3 if ".body." in name else 1
    for layer in network.modules():
        if isinstance(layer, DCNv2):
            nn.init.kaiming_normal_(layer.weight).mul_(2)
            nn.init.normal_(layer.conv_offset_mask.weight, std=0.01 * moved / 8)
            nn.init.uniform_(layer.conv_offset_mask.bias[: layer.offsets], -moved, moved)
    return network


def members(height: int, width: int, scale: int = SCALE, seed: int = 1) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    large = [torch.rand(2, 3, scale * height, scale * width) for _ in range(3)]
    return dict(zip(("lr_up", "ref", "ref_down"), large, strict=True)) | {"lr": torch.rand(2, 3, height, width)}


def off(network: nn.Module, batch: dict[str, Tensor], tile: int, overlap: int = 0) -> float:
    with torch.no_grad():
        return float(
            (restore_tiled(single_pass, network, batch, tile, overlap) - single_pass(network, batch)).abs().max()
        )


def unclamped(network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    restored: Tensor = network(*(batch[name] for name in ("lr", "lr_up", "ref", "ref_down")))
    return restored


@torch.no_grad()
def off_by_reference(network: RRSNet, batch: dict[str, Tensor], tile: int, overlap: int = 0) -> float:
    """The largest difference over what another reference makes of the image."""
    whole = unclamped(network, batch)
    other = unclamped(network, batch | {"ref": torch.rand_like(batch["ref"])})
    assert (other - whole).std() > 0.1 * whole.std(), "the reference does not count, so this test could not fail"
    tiled = restore_tiled(unclamped, network, batch, tile, overlap)
    return float((tiled - whole).abs().max() / (other - whole).std())


class Padded(nn.Module):
    """Sees exactly `halo` LR pixels, pads by zeros, and needs sides that are multiples of four."""

    descriptor = Descriptor(scale=2, channels=3, inputs=("lr", "hsi"), multiple=4, halo=4)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.reduce = nn.Conv2d(6, 8, 4, stride=4)
        self.enlarge = nn.Conv2d(8, 3 * 64, 3, padding=1)

    def forward(self, lr: Tensor, hsi: Tensor) -> Tensor:
        both = torch.cat((lr, F.interpolate(hsi, size=lr.shape[-2:], mode="nearest")), dim=1)
        return F.pixel_shuffle(self.enlarge(self.reduce(both)), 8).sigmoid()


class Everywhere(nn.Module):
    """Every output pixel depends, a little, on every input pixel."""

    descriptor = Descriptor(scale=SCALE, channels=3, inputs=("lr",))

    def forward(self, lr: Tensor) -> Tensor:
        return F.interpolate(lr, scale_factor=SCALE) * 0.9 + 0.1 * lr.mean()


@pytest.mark.parametrize(("height", "width", "tile"), [(38, 21, 22), (9, 64, 9), (33, 33, 1000), (40, 8, 8), (5, 3, 2)])
def test_tiles_change_nothing(height, width, tile):
    assert off(made(), members(height, width), tile) < ROUNDING


def test_realistic_moves_stay_within_the_margin(monkeypatch):
    """References are off by some ten pixels of HR; here points are moved by as much at every level."""
    network, batch = lively(moved=12), members(72, 16)
    assert off_by_reference(network, batch, 18) < 1e-3
    monkeypatch.setattr(layout, "MARGIN", 0)
    assert off_by_reference(network, batch, 18) > 1e-3, "no seam without a margin: this test could not fail"


def test_less_than_the_halo_is_said_and_gets_nearer_with_the_overlap(caplog):
    layout._warn_once.cache_clear()
    network, batch = lively(moved=1, blocks=4), members(80, 8)
    assert network.descriptor.halo == 31
    with caplog.at_level(logging.WARNING):
        found = [off_by_reference(network, batch, 20, overlap) for overlap in (1, 4, 12, 31)]
    assert found[0] > found[1] > found[2] > found[3]
    assert found[0] > 0.1, "no seam: this test could not fail"
    assert found[3] < 1e-3
    assert [record.message for record in caplog.records] == [
        f"tiles see {overlap} pixels around them, the network farther (its halo is 31): "
        "what is restored is near to the untiled image, not equal"
        for overlap in (1, 4, 12)
    ]


@pytest.mark.parametrize(("overlap", "exact"), [(11, False), (12, True), (13, True), (0, True)])
def test_tiles_fade_and_a_warning_is_logged_from_one_pixel_below_the_halo_on(caplog, overlap, exact):
    """With the halo itself a kept pixel sees all that it depends on; with one pixel less the outermost does not."""
    layout._warn_once.cache_clear()
    descriptor = Descriptor(scale=2, channels=1, inputs=("lr",), halo=12)
    with caplog.at_level(logging.WARNING):
        plan = lay_out(descriptor, {"lr": (200, 40)}, 60, overlap)
    assert len(plan.rows) == 4
    assert any(row.fade_in or row.fade_out for row in plan.rows) != exact
    assert ("near to the untiled image, not equal" in caplog.text) != exact


def test_a_network_without_a_halo_is_said_to_be_exact_in_one_tile_only(caplog):
    layout._warn_once.cache_clear()
    batch = {"lr": torch.rand(1, 3, 90, 70)}
    with caplog.at_level(logging.WARNING):
        assert off(Everywhere(), batch, 90) == 0
        assert not caplog.records
        assert ROUNDING < off(Everywhere(), batch, 32) < 0.01
        off(Everywhere(), batch, 40, overlap=5)
    assert [record.message for record in caplog.records] == [
        "the network has no halo: a pixel may depend on the whole image, so what is restored in tiles is not what it "
        "makes of the whole; a tile as large as the image is exact, where memory allows it"
    ]


def test_one_tile_that_covers_the_image_needs_no_notice(caplog):
    """Tiles are cut at multiples of the network's, so a smaller tile than the image may still be all of it."""
    layout._warn_once.cache_clear()
    descriptor = Descriptor(scale=2, channels=1, inputs=("lr",), multiple=16)
    with caplog.at_level(logging.WARNING):
        assert len(lay_out(descriptor, {"lr": (16, 16)}, 9, 0)) == 1
        assert not caplog.records
        assert len(lay_out(descriptor, {"lr": (32, 16)}, 9, 0)) == 2
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("tile", "told"), [(1, True), (4, True), (9, True), (12, False), (20, False), (24, False)])
def test_tiles_that_see_much_more_than_they_keep_are_told_of_a_wider_one(caplog, tile, told):
    layout._warn_once.cache_clear()
    descriptor, sizes = Descriptor(scale=2, channels=1, inputs=("lr",), halo=2), {"lr": (240, 240)}
    with caplog.at_level(logging.WARNING):
        assert lay_out(descriptor, sizes, tile, 0).seen > (8 if told else 1) * 240 * 240
        lay_out(descriptor, {"lr": (200, 300)}, tile, 0)
        wider = lay_out(descriptor, sizes, 20, 0)
    assert 3 < wider.seen / 240**2 <= 4
    times = {1: 441, 4: 36, 9: 10}
    assert [record.message for record in caplog.records] == told * [
        f"tiles of {tile} see 10 pixels around them, so a pixel is computed up to {times.get(tile)} times; "
        "in tiles of 20 it would be at most 4"
    ]


def test_tiles_of_a_small_image_compute_a_pixel_once_each_at_most(caplog):
    layout._warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        lay_out(Descriptor(scale=2, channels=1, inputs=("lr",), halo=22), {"lr": (24, 24)}, 6, 0)
    assert "computed up to 16 times" in caplog.text


def test_scrambled_rows_make_another_image_in_tiles(caplog):
    """The released enlargement moves pixels along whole rows of what it is given; the other leaves them."""
    layout._warn_once.cache_clear()
    found, batch = {}, members(4, 120)
    for enlarge in ("pixel_shuffle", "released"):
        torch.manual_seed(0)
        network = RGTNet(nf=8, n_blocks=0, deformable_groups=1, gtem_blocks=0, gtem_upsample=enlarge).eval()
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=0.1)
        with caplog.at_level(logging.WARNING):
            found[enlarge] = off(network, batch, 60)
        assert len(caplog.records) == (enlarge == "released")
    assert found["pixel_shuffle"] < 1e-4
    assert found["released"] > 0.1


@pytest.mark.parametrize(("height", "width"), [(40, 36), (37, 22), (33, 41)])
@pytest.mark.parametrize("tile", [1, 8, 11, 20])
def test_multiples_and_padding_are_those_of_the_whole_image(height, width, tile):
    batch = {"lr": torch.rand(1, 3, height, width), "hsi": torch.rand(1, 3, height, width)}
    assert off(Padded(), batch, tile) < ROUNDING


def test_members_coarser_than_lr_are_cut_between_their_pixels():
    batch = {"lr": torch.rand(1, 3, 48, 60), "hsi": torch.rand(1, 3, 8, 10)}
    plan = lay_out(Padded.descriptor, BatchSource(batch).sizes, 16, 0)
    assert {edge % 12 for row, column in plan for span in (row, column) for edge in span.seen} == {0}
    assert len(plan) == 20
    assert off(Padded(), batch, 16) < ROUNDING


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 90),
    tile=st.integers(1, 40),
    overlap=st.integers(0, 20),
    multiple=st.integers(1, 5),
    halo=st.one_of(st.none(), st.integers(0, 12)),
)
def test_every_pixel_is_kept_and_weights_sum_to_one(length, tile, overlap, multiple, halo):
    descriptor = Descriptor(scale=2, channels=1, inputs=("lr",), multiple=multiple, halo=halo)
    plan = lay_out(descriptor, {"lr": (length, 7)}, tile, overlap)
    total = torch.zeros(2 * length, dtype=torch.float64)
    for row in plan.rows:
        assert 0 <= row.seen[0] <= row.kept[0] < row.kept[1] <= row.seen[1] <= length
        assert row.seen[0] % multiple == 0
        assert row.seen[1] % multiple == 0 or row.seen[1] == length
        total[2 * row.kept[0] : 2 * row.kept[1]] += torch.tensor(row.weights(2), dtype=torch.float64)
    assert torch.allclose(total, torch.ones_like(total))


def test_what_a_pass_sees_does_not_grow_with_the_image():
    for halo in (None, 0, 15, 31, 97):
        for scale in (2, 4, 8):
            descriptor = Descriptor(scale=scale, channels=1, inputs=("lr",), halo=halo)
            small = automatic_tile_size(descriptor, 10, 10)
            assert small == (None, 0)
            for height, width in ((3000, 5000), (400_000 // scale, 5)):
                plan = lay_out(descriptor, {"lr": (height, width)}, *automatic_tile_size(descriptor, height, width))
                seen = max(window.height * window.width for window in (window_of(*tile) for tile in plan))
                assert seen * scale**2 <= 1.1 * layout.AUTOMATIC_SIDE**2
                assert len(plan) > 1


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_automatic_tiles_keep_the_halo_as_long_as_a_pixel_is_computed_four_times_at_most(scale):
    side = layout.AUTOMATIC_SIDE // scale
    kept = []
    for halo in range(side // 2 - layout.MARGIN):
        descriptor = Descriptor(scale=scale, channels=1, inputs=("lr",), halo=halo)
        tile, overlap = automatic_tile_size(descriptor, 5000, 5000)
        affordable = (side / (side - 2 * (halo + layout.MARGIN))) ** 2 <= 4
        assert (overlap == 0) == affordable, halo
        assert tile + 2 * (overlap or halo + layout.MARGIN) == side
        kept.append(affordable)
    assert kept == sorted(kept, reverse=True)
    assert len(set(kept)) == 2


def test_only_a_tile_at_a_time_reaches_the_network():
    sizes = []

    def watched(network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        sizes.append(tuple(batch["ref"].shape[-2:]))
        assert "hr" not in batch
        return single_pass(network, batch)

    network = made(blocks=0)
    batch = members(60, 40) | {"hr": torch.zeros(1)}
    restore_tiled(watched, network, batch, 16, 4)
    side = SCALE * (16 + 8)
    assert len(sizes) == 4 * 3
    assert max(max(size) for size in sizes) <= side


@pytest.mark.parametrize(("tile", "overlap"), [(0, 0), (-3, 0), (4, -1)])
def test_impossible_tiles_are_named(tile, overlap):
    with pytest.raises(UsageError, match=f"tiles of {tile} with an overlap of {overlap}"):
        restore_tiled(single_pass, made(0), members(9, 9), tile, overlap)


@pytest.mark.parametrize(("multiple", "overlap"), [(1, 13), (4, 13), (8, 13), (8, 16), (32, 13)])
def test_tiles_on_a_grid_see_at_least_the_overlap(multiple, overlap):
    """What a tile sees is rounded up to the grid, never down."""
    descriptor = Descriptor(scale=2, channels=1, inputs=("lr",), multiple=multiple, halo=12)
    plan = lay_out(descriptor, {"lr": (160, 160)}, 32, overlap)
    assert len(plan) == 25
    around = -(-overlap // multiple) * multiple
    for row in plan.rows:
        assert row.seen == (max(0, row.kept[0] - around), min(160, row.kept[1] + around))
