"""Blocks of a scene hold each pixel once, and no tile is restored twice for them, whether tiles fade or not."""

from __future__ import annotations

import random

import numpy as np
import pytest
import rasterio
import torch
from torch import Tensor, nn

from refsr.core.progress import NoProgressBar
from refsr.core.registry import register_network
from refsr.inference import raster_blocks
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_blocks import Blocks
from refsr.inference.raster_job import RasterJob, raster_job
from refsr.inference.rasters import restore_raster, restore_to_memory
from refsr.inference.restorer import Restorer
from refsr.inference.tile_layout import Layout, Span, lay_out
from refsr.networks.descriptor import Descriptor, NetworkSpec
from refsr.runs.model_file import ModelCard

HEIGHT, WIDTH, SCALE = 60, 44, 2


class MeanOfAll(nn.Module):
    """Depends on all that it sees, so no tile is exact and neighbours fade."""

    def __init__(self, scale: int = SCALE, channels: int = 3) -> None:
        super().__init__()
        self.scale, self.channels = scale, channels
        self.share = nn.Parameter(torch.tensor(0.3))
        self.passes = 0

    def forward(self, lr: Tensor) -> Tensor:
        self.passes += 1
        larger = lr.repeat_interleave(self.scale, -2).repeat_interleave(self.scale, -1)
        return larger * (1 - self.share) + self.share * larger.mean(dim=(-2, -1), keepdim=True)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.scale, self.channels, ("lr",))


@pytest.fixture
def restorer(own_names) -> Restorer:
    register_network("MeanOfAll", MeanOfAll)
    spec = NetworkSpec("MeanOfAll", {})
    return Restorer(spec.build().eval(), ModelCard(spec, "regression"), torch.device("cpu"))


@pytest.fixture
def lr(tmp_path):
    """A raster of noise, with a hole as large as a block that reaches to the edge."""
    file = tmp_path / "lr.tif"
    values = np.random.default_rng(1).integers(1, 255, (3, HEIGHT, WIDTH), np.uint8)
    values[:, :21, 25:] = 0
    with rasterio.open(
        file, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=3, dtype="uint8", nodata=0, crs="EPSG:32633",
        transform=rasterio.Affine(10, 0, 4e5, 0, -10, 5e6),
    ) as sink:  # fmt: skip
        sink.write(values)
    return file


OPTIONS = RestoreOptions(tile=12, overlap=6, range=(0, 255), guard=False, consistent="off")


def layouts() -> list[Layout]:
    exact = Descriptor(2, 3, ("lr",), halo=3)
    fading = Descriptor(2, 3, ("lr",))
    sizes = {"lr": (61, 130)}
    whole = lay_out(exact, sizes, None, 0)
    return [whole, *(lay_out(one, sizes, 12, overlap) for one in (exact, fading) for overlap in (0, 6))]


@pytest.mark.parametrize("least", [1, 20, 50])
@pytest.mark.parametrize("layout", layouts(), ids=["whole", "exact", "wider", "fading", "narrow"])
def test_each_pixel_and_each_tile_is_in_one_block(layout: Layout, least: int, monkeypatch):
    monkeypatch.setattr(raster_blocks, "BLOCK", least)
    blocks = list(Blocks(layout))
    held = np.zeros((61, 130), int)
    for block in blocks:
        held[block.kept.within(raster_blocks.Window(0, 0, 61, 130))] += 1
    assert (held == 1).all()
    tiles = [(row.kept, column.kept) for block in blocks for row, column in block.tiles]
    assert sorted(tiles) == sorted((row.kept, column.kept) for row, column in layout)


@pytest.mark.parametrize("least", [1, 20, 50])
@pytest.mark.parametrize("layout", layouts(), ids=["whole", "exact", "wider", "fading", "narrow"])
def test_tiles_reach_into_the_blocks_that_say_so(layout: Layout, least: int, monkeypatch):
    monkeypatch.setattr(raster_blocks, "BLOCK", least)
    blocks = Blocks(layout)
    for number, block in enumerate(blocks):
        reached = [
            other for other, one in enumerate(blocks) if other != number and not one.reach.common(block.kept).empty
        ]
        assert list(block.before) == reached
        assert all(number in set(blocks.after(other)) for other in reached)
        assert block.seen.common(block.reach) == block.reach
    fades = any(span.fade_out for span in layout.rows)
    assert any(block.before for block in blocks) == (fades and len(blocks) > 1)


@pytest.fixture(params=[9, 20], ids=["one tile", "some tiles"])
def small_blocks(request, monkeypatch):
    monkeypatch.setattr(raster_blocks, "BLOCK", request.param)


def in_one(restorer: Restorer, lr) -> np.ndarray:
    """The same tiles as one image in memory, by the raster's own values and fill."""
    with raster_job(restorer, lr, [], OPTIONS, lambda _: None) as job:
        whole = raster_blocks.Window(0, 0, HEIGHT, WIDTH)
        job.source.load(whole, whole)
        sink = raster_blocks.Pieces()
        restorer.restore_layout(job.source, job.layout, sink, OPTIONS)
        image = raster_blocks.pixels_of(sink.all, whole.times(SCALE))
        valid = job.source.valid.repeat(SCALE, 0).repeat(SCALE, 1)
        return np.where(valid[:, :, None], job.scene.range.raw(image, "uint8"), 0)


def test_a_raster_by_blocks_is_the_image_in_the_same_tiles(restorer, lr, small_blocks):
    np.testing.assert_array_equal(restore_to_memory(restorer, lr, [], OPTIONS), in_one(restorer, lr))


def test_no_tile_is_restored_twice(restorer, lr, tmp_path, small_blocks):
    report = restore_raster(restorer, lr, [], tmp_path / "out.tif", OPTIONS)
    with raster_job(restorer, lr, [], OPTIONS, lambda _: None) as job:
        assert len(job.blocks) == report.blocks > 4
        tiles, layout = restorer.network.passes, len(job.layout)
        held = [job.tiles_of(number, NoProgressBar()).all for number in range(len(job.blocks))]
        empty = sum(len(block.tiles) for block, pieces in zip(job.blocks, held, strict=True) if not pieces)
    assert tiles == sum(map(len, held)) == layout - empty


def made(job: RasterJob, numbers: list[int]) -> dict[int, bytes]:
    return {number: job.restored(number, NoProgressBar()).pixels.tobytes() for number in numbers}


@pytest.mark.parametrize("most", [512e6, 5e3, 0])
def test_blocks_are_the_same_in_any_order_and_alone(restorer, lr, small_blocks, most, monkeypatch):
    monkeypatch.setattr(raster_blocks, "MOST_WAITING", most)
    with raster_job(restorer, lr, [], OPTIONS, lambda _: None) as job:
        numbers = list(range(len(job.blocks)))
        expected = made(job, numbers)
        shuffled = random.Random(3).sample(numbers, len(numbers))
    with raster_job(restorer, lr, [], OPTIONS, lambda _: None) as job:
        assert made(job, shuffled) == expected
    for number in (5, len(numbers) - 1):
        with raster_job(restorer, lr, [], OPTIONS, lambda _: None) as job:
            assert made(job, [number])[number] == expected[number]


@pytest.mark.parametrize("most", [5e4, 512e6])
def test_what_waits_is_bounded_and_gone_at_the_end(restorer, lr, small_blocks, most, monkeypatch):
    monkeypatch.setattr(raster_blocks, "MOST_WAITING", most)
    with raster_job(restorer, lr, [], OPTIONS, lambda _: None) as job:
        for number in range(len(job.blocks)):
            job.restored(number, NoProgressBar())
            waiting = [pieces for found in job._waiting._waiting.values() for pieces in found.values()]
            assert job._waiting._bytes == sum(piece.pixels.nbytes for pieces in waiting for piece in pieces) <= most
    assert not job._waiting._waiting
    assert job._waiting._bytes == 0


def test_blocks_end_where_the_next_tiles_begin_to_fade_in():
    spans = [Span((0, 18), (0, 15), 0, 6), Span((6, 30), (9, 27), 6, 6), Span((18, 36), (21, 36), 6, 0)]
    blocks = Blocks(Layout(spans, [Span((0, 5), (0, 5))]))
    assert [len(blocks), blocks[0].kept] == [1, (0, 0, 36, 5)]
