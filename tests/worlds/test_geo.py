"""GeoTIFFs that other programs can place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refsr.core.seeding import numpy_generator
from refsr.geo.geotransform import Geotransform
from refsr.worlds.geo import draw_geotransform, utm_record, write_geotiff

rasterio = pytest.importorskip("rasterio")


@pytest.mark.parametrize(("latitude", "base"), [(47.0, 32600), (-33.0, 32700)])
def test_place_lies_at_its_latitude(latitude: float, base: int) -> None:
    from rasterio.warp import transform

    place = draw_geotransform(numpy_generator(0, "place"), latitude, 0.5)
    record = utm_record(place)
    assert base < record["epsg"] <= base + 60
    _, found = transform(place.crs, "EPSG:4326", [record["east"]], [record["north"]])
    assert found[0] == pytest.approx(latitude, abs=0.3)


def test_pixels_and_georeference_come_back(tmp_path: Path) -> None:
    image = numpy_generator(0, "image").integers(0, 255, (24, 32, 3), dtype=np.uint8)
    place = Geotransform.north_up("EPSG:32633", 400_000, 5_200_000, 0.5)
    write_geotiff(tmp_path / "a.tif", image, place)
    with rasterio.open(tmp_path / "a.tif") as source:
        assert source.crs.to_epsg() == 32633
        assert source.transform[:6] == (0.5, 0, 400_000, 0, -0.5, 5_200_000)
        np.testing.assert_array_equal(np.moveaxis(source.read(), 0, 2), image)
    assert utm_record(place.coarser(4)) == {"epsg": 32633, "east": 400_000, "north": 5_200_000, "pixel": 2.0}


def test_bands_say_what_they_are(tmp_path: Path) -> None:
    cube = numpy_generator(0, "cube").integers(0, 9999, (6, 5, 40), dtype=np.uint16)
    write_geotiff(tmp_path / "c.tif", cube, None, [f"{band} nm" for band in range(40)])
    with rasterio.open(tmp_path / "c.tif") as source:
        assert source.descriptions[7] == "7 nm"
        assert source.count == 40
        np.testing.assert_array_equal(np.moveaxis(source.read(), 0, 2), cube)
