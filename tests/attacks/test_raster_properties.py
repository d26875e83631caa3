"""Scenes, tiles, blocks, holes and references drawn at random: what is restored does not depend on how it was cut."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from unittest import mock

import ground
import numpy as np
import rasterio
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mixing import CARD, Mixing
from rasterio.transform import Affine

from refsr.core.window import Window
from refsr.geo.raster_sink import RasterSink
from refsr.inference import raster_blocks
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_options import RasterOptions
from refsr.inference.rasters import restore_raster
from refsr.inference.restorer import Restorer

PIXEL = 10.0
"""Of LR, in metres."""


def mixing(scale: int) -> Restorer:
    return Restorer(Mixing(scale), CARD, torch.device("cpu"))


@st.composite
def hole(draw: st.DrawFn, height: int, width: int) -> np.ndarray:
    """Rectangles, and single pixels."""
    found = np.zeros((height, width), bool)
    for _ in range(draw(st.integers(0, 3))):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        found[top : top + draw(st.integers(1, height)), left : left + draw(st.integers(1, width))] = True
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    return found | (generator.random((height, width)) < draw(st.sampled_from((0.0, 0.0, 0.02, 0.4))))


@st.composite
def reference(draw: st.DrawFn, height: int, width: int) -> dict[str, Any]:
    """A grid somewhere around LR's ground, which may miss it, and its holes."""
    pixel = PIXEL * draw(st.sampled_from((0.11, 0.25, 0.4, 0.5, 1.0, 2.3)))
    rows, columns = draw(st.integers(8, 90)), draw(st.integers(8, 90))
    turn, flip = draw(st.sampled_from((0.0, 0.0, 20.0, 190.0))), draw(st.sampled_from((-1, 1)))
    # Its middle lies on LR, so that the two have ground in common.
    east = ground.EAST + PIXEL * width * draw(st.floats(0.1, 0.9))
    north = ground.NORTH - PIXEL * height * draw(st.floats(0.1, 0.9))
    affine = Affine.translation(east, north) @ Affine.rotation(turn) @ Affine.scale(pixel, flip * pixel)
    affine = affine @ Affine.translation(-columns / 2, -rows / 2)
    return {"affine": affine, "hole": draw(hole(rows, columns))}


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Any]:
    height, width = draw(st.integers(6, 60)), draw(st.integers(6, 60))
    return {
        "scale": draw(st.sampled_from((2, 3, 4))), "hole": draw(hole(height, width)),
        "refs": draw(st.lists(reference(height, width), min_size=1, max_size=3)),
        "tile": draw(st.integers(5, 40)), "block": draw(st.integers(1, 40)),
    }  # fmt: skip


def write(path: Path, affine: Affine, empty: np.ndarray) -> Path:
    height, width = empty.shape
    image = np.rint(ground.truth(affine, height, width)).astype(np.uint8)
    image[empty] = 0
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=3, dtype="uint8", crs=ground.HOME,
        transform=affine, nodata=0, photometric="RGB",
    ) as sink:  # fmt: skip
        sink.write(np.moveaxis(image, 2, 0))
    return path


class Recorder:
    """A sink that notes what is written, and writes it."""

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self._write = RasterSink.write

    def __call__(self, sink: RasterSink, window: Window, *arguments: Any) -> None:
        self.windows.append(window)
        self._write(sink, window, *arguments)

    def counts(self, height: int, width: int) -> np.ndarray:
        found = np.zeros((height, width), int)
        for window in self.windows:
            found[window.top : window.bottom, window.left : window.right] += 1
        return found


NUMBER = itertools.count()


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scene=scenes())
def test_tiles_and_blocks_change_no_pixel_by_more_than_rounding(scene: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / str(next(NUMBER))
    folder.mkdir()
    restorer, scale, empty = mixing(scene["scale"]), scene["scale"], scene["hole"]
    lr = write(folder / "lr.tif", ground.north_up(PIXEL), empty)
    refs = [write(folder / f"ref{at}.tif", one["affine"], one["hole"]) for at, one in enumerate(scene["refs"])]
    found = []
    for name, tile, block in (("whole", None, 512), ("tiles", scene["tile"], scene["block"])):
        recorder = Recorder()
        options = RestoreOptions(tile=tile, raster=RasterOptions(format="gtiff"))
        with mock.patch.object(raster_blocks, "BLOCK", block), mock.patch.object(
            RasterSink, "write", lambda sink, window, *rest, by=recorder: by(sink, window, *rest)
        ):  # fmt: skip
            restore_raster(restorer, lr, refs, folder / f"{name}.tif", options)
        height, width = (scale * side for side in empty.shape)
        assert (recorder.counts(height, width) == 1).all()
        with rasterio.open(folder / f"{name}.tif") as source:
            found.append(np.moveaxis(source.read(), 0, 2).astype(int))
            np.testing.assert_array_equal(source.dataset_mask() > 0, ~empty.repeat(scale, 0).repeat(scale, 1))
    apart = np.abs(found[0] - found[1])
    assert apart.max() <= 1
