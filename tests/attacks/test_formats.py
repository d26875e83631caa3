"""Results in each format and type: other programs open them, with equal pixels, and a COG is one."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from geo_world import STEPS, place, raw, write
from mixing import CARD, Mixing

from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_options import RasterOptions
from refsr.inference.rasters import restore_raster
from refsr.inference.restorer import Restorer

SLOW = ("uint16", "uint32", "int32", "float64")
TYPES = [pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW] + ["uint8", "int16", "float32"]
TIMES = 6
"""LR beside itself so often a side, so that a result has overviews."""
OFFSETS = {False: ("<H", "<I", 12, 8), True: ("<Q", "<Q", 20, 16)}
"""In a TIFF and a BigTIFF: how entries are counted, how offsets are written, bytes of an entry, the first's place."""
SUBFILE_TYPE, TILE_OFFSETS, REDUCED, MASK = 254, 324, 1, 4


def directories(content: bytes) -> list[tuple[int, int, int]]:
    """(place, kind, first tile's place) of each directory of a TIFF, in order, read from its bytes."""
    big = struct.unpack_from("<H", content, 2)[0] == 43
    count_as, offset_as, size, first = OFFSETS[big]
    first = 8 if big else 4
    (at,) = struct.unpack_from(offset_as, content, first)
    found = []
    while at:
        (count,) = struct.unpack_from(count_as, content, at)
        begin, kind, tile = at + struct.calcsize(count_as), 0, 0
        for entry in range(begin, begin + count * size, size):
            tag, form = struct.unpack_from("<HH", content, entry)
            (values,) = struct.unpack_from(offset_as, content, entry + 4)
            place_of = entry + 4 + struct.calcsize(offset_as)
            if tag == SUBFILE_TYPE:
                (kind,) = struct.unpack_from("<I", content, place_of)
            elif tag == TILE_OFFSETS:
                number = {4: "<I", 16: "<Q"}[form]
                inside = values * struct.calcsize(number) <= struct.calcsize(offset_as)
                start = place_of if inside else struct.unpack_from(offset_as, content, place_of)[0]
                offsets = struct.unpack_from(f"<{values}{number[1]}", content, start)
                tile = min(offset for offset in offsets if offset)
        found.append((at, kind, tile))
        (at,) = struct.unpack_from(offset_as, content, begin + count * size)
    return found


def check_cog(path: Path) -> None:
    """As the COG driver's documentation defines it: the ghost header, directories first, then tiles, coarse to fine."""
    content = path.read_bytes()
    assert content[:2] == b"II"
    header = content[:600]
    assert b"LAYOUT=IFDS_BEFORE_DATA" in header
    assert b"BLOCK_ORDER=ROW_MAJOR" in header
    assert b"KNOWN_INCOMPATIBLE_EDITION=NO" in header
    found = directories(content)
    assert found[0][1] == 0
    assert [kind & REDUCED for _, kind, _ in found] == sorted(kind & REDUCED for _, kind, _ in found)
    assert max(at for at, _, _ in found) < min(tile for _, _, tile in found)
    assert [at for at, _, _ in found] == sorted(at for at, _, _ in found)
    for wanted in (0, MASK):
        tiles = [tile for _, kind, tile in found if kind & MASK == wanted]
        assert tiles == sorted(tiles, reverse=True)
    with rasterio.open(path) as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.block_shapes == [(512, 512)] * source.count
        assert source.overviews(1) == [2]
        assert {source.overviews(band)[0] for band in source.indexes} == {2}
    with rasterio.open(path, overview_level=0) as coarse:
        assert coarse.shape == tuple(-(-side // 2) for side in source.shape)


def restored(folder: Path, dtype: str, name: str, **options: object) -> tuple[Path, Path]:
    """A result, and LR."""
    case = place()
    image = np.tile(raw(case.lr, dtype) if dtype in STEPS else (case.lr * 300.0 + 500).astype(dtype), (TIMES, TIMES, 1))
    hole = np.zeros(image.shape[:2], bool)
    hole[20:60, 30:90] = True
    # What has no mask of its own says by a value which pixels are empty; PNG says nothing.
    kind = "internal mask" if name.endswith(".tif") else "nodata"
    hole &= ".png" not in name
    lr = write(folder / "lr.tif", image, case.lr_home, hole if hole.any() else None, kind)
    ref = write(folder / "ref.tif", np.tile(case.ref_on_hr, (TIMES, TIMES, 1)), case.home)
    restorer = Restorer(Mixing(4), CARD, torch.device("cpu"))
    restore_raster(restorer, lr, [ref], folder / name, RestoreOptions(raster=RasterOptions(**options)))  # type: ignore[arg-type]
    return folder / name, lr


def pixels(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read()


@pytest.mark.parametrize("dtype", TYPES)
def test_a_cog_is_one_in_every_type(dtype: str, tmp_path: Path) -> None:
    made, lr = restored(tmp_path, dtype, "a.tif")
    check_cog(made)
    with rasterio.open(made) as source, rasterio.open(lr) as first:
        assert source.dtypes == (dtype,) * 3
        assert source.crs == first.crs
        expected = (first.dataset_mask() > 0).repeat(4, 0).repeat(4, 1)
        np.testing.assert_array_equal(source.dataset_mask() > 0, expected)
    plain, _ = restored(tmp_path, dtype, "b.tif", format="gtiff")
    np.testing.assert_array_equal(pixels(plain), pixels(made))
    with rasterio.open(plain) as source:
        assert source.driver == "GTiff"
        assert source.overviews(1) == []


def test_the_check_knows_what_is_no_cog(tmp_path: Path) -> None:
    plain, _ = restored(tmp_path, "uint8", "b.tif", format="gtiff")
    with pytest.raises(AssertionError):
        check_cog(plain)


OTHERS = [("a.png", "uint8"), ("a.png", "uint16"), ("a.zarr", "uint16"), ("a.zarr", "float32")]


@pytest.mark.parametrize(("name", "dtype"), OTHERS)
def test_other_formats_hold_the_same_pixels(name: str, dtype: str, tmp_path: Path) -> None:
    made, _ = restored(tmp_path, dtype, name)
    first = pixels(made)
    plain, _ = restored(tmp_path, dtype, f"{name}.tiff", format="gtiff")
    np.testing.assert_array_equal(first, pixels(plain))
    with rasterio.open(made) as source, rasterio.open(plain) as other:
        assert source.dtypes == (dtype,) * 3
        if name.endswith(".zarr"):
            assert source.crs == other.crs
            assert tuple(source.transform) == pytest.approx(tuple(other.transform), abs=1e-9)
            assert source.nodata == pytest.approx(other.nodata, nan_ok=True)
            np.testing.assert_array_equal(source.dataset_mask(), other.dataset_mask())
            assert (source.dataset_mask() == 0).any()
    if name.endswith(".png"):
        from refsr.data.images import read_image

        np.testing.assert_array_equal(read_image(made), np.moveaxis(first, 0, 2))
        assert made.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
