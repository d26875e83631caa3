"""Which bands of LR and Ref a scene pairs: colours that both files name, and nothing else in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from refsr.core.errors import DataError
from refsr.inference.inputs import RestoreOptions
from refsr.inference.scene import Scene
from refsr.inference.scene_opening import open_scene

SIDE, SCALE = 16, 4
BANDS = {"red": 10, "green": 20, "blue": 30, "NIR": 40}
"""The one value of each band."""


def write(path: Path, side: int, pixel: float, names: tuple[str, ...]) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", height=side, width=side, count=len(names), dtype="uint16", crs="EPSG:32612",
        transform=rasterio.Affine(pixel, 0, 500_000, 0, -pixel, 4_650_000),
    ) as sink:  # fmt: skip
        sink.write(np.stack([np.full((side, side), BANDS[name], np.uint16) for name in names]))
        sink.descriptions = names
    return path


def opened(folder: Path, ref: tuple[str, ...], lines: list[str]) -> Scene:
    lr = write(folder / "lr.tif", SIDE, 10, ("blue", "green", "red", "NIR"))
    other = write(folder / "ref.tif", SIDE * SCALE, 2.5, ref)
    options = RestoreOptions(bands=[4, 3, 2], range=(0, 100), register="none")
    return open_scene(lr, [other], 3, SCALE, options, lines.append)


def test_near_infrared_of_lr_gets_that_of_ref(tmp_path):
    lines: list[str] = []
    scene = opened(tmp_path, ("red", "green", "blue", "NIR"), lines)
    try:
        assert scene.references is not None
        values, _ = scene.references.read(scene.grid.window)
        np.testing.assert_allclose(values[0, 0], [0.4, 0.1, 0.2], atol=1e-6)
        assert any("ref.tif" in line and "bands 4, 1, 2 (LR's: nir, red, green)" in line for line in lines)
    finally:
        scene.close()


def test_a_reference_without_lrs_colours_is_asked_about(tmp_path):
    with pytest.raises(DataError, match=r"ref\.tif: would give red, green, blue of Ref for nir, red, green of LR"):
        opened(tmp_path, ("red", "green", "blue"), [])
