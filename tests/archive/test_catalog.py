"""Catalogs of every kind give the same scenes; wrong ones are refused in a line."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import ground
import numpy as np
import pyarrow
import pystac
import pytest
import shapely
from made_archives import write_csv, write_raster
from pyarrow import parquet

from refsr.archive.catalog import overlooked_columns, parsed_date, read_catalog
from refsr.archive.footprints import footprint_of, shared, split_at_meridian
from refsr.core.errors import DataError, UsageError
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid

DATE = datetime(2024, 6, 1, 10, 30, tzinfo=timezone.utc)
BOX = shapely.box(10, 50, 10.1, 50.1)


@pytest.fixture
def rasters(tmp_path):
    """Two rasters, one in a folder below."""
    image = np.full((8, 8, 3), 90, np.uint8)
    write_raster(tmp_path / "in" / "a.tif", image, 0)
    write_raster(tmp_path / "in" / "deep" / "b.tif", image, 80)
    (tmp_path / "in" / "notes.txt").write_text("no raster")
    return tmp_path / "in"


def projjson(crs, kind="GeographicCRS"):
    """What GeoParquet holds of a CRS, as far as it matters here."""
    authority, code = crs.split(":")
    return {"type": kind, "name": crs, "id": {"authority": authority, "code": code}}


def item(name, href, **more):
    made = pystac.Item(name, json.loads(shapely.to_geojson(BOX)), list(BOX.bounds), DATE, {"gsd": 10, **more})
    made.add_asset("visual", pystac.Asset(href, media_type=pystac.MediaType.COG))
    made.add_asset("thumbnail", pystac.Asset("small.png", media_type=pystac.MediaType.PNG, roles=["thumbnail"]))
    return made


def test_a_folder_is_searched_to_its_depth(rasters):
    found = list(read_catalog(rasters))
    assert [scene.name for scene in found] == ["a", "deep-b"]
    measured = found[1].measured()
    assert measured.pixel == pytest.approx(10)
    east, north, _, _ = measured.footprint.bounds
    assert east == pytest.approx(-111 + 80 / 75_000, abs=2e-3)
    assert north == pytest.approx(42.0, abs=0.1)


def test_blocks_of_an_interrupted_run_are_no_scenes(rasters):
    """They lie in a hidden folder beside the result that was begun there."""
    blocks = rasters / ".sharp.tif.blocks"
    blocks.mkdir()
    (blocks / "0-0.tif").write_bytes((rasters / "a.tif").read_bytes())
    assert [scene.name for scene in read_catalog(rasters)] == ["a", "deep-b"]


def test_a_csv_has_paths_beside_it_and_addresses_as_they_are(tmp_path, rasters):
    rows = [
        {
            "path": "in/a.tif",
            "id": "",
            "datetime": "2024-06-01T10:30:00Z",
            "cloud_cover": 12,
            "references": "r.tif | s3://b/k.tif",
        },
        {"path": "https://example.org/x.tif", "id": "far off", "datetime": "", "cloud_cover": "", "references": ""},
    ]
    one, two = read_catalog(write_csv(tmp_path / "c.csv", rows))
    assert (one.name, one.path, one.date, one.clouds) == ("a", str(rasters / "a.tif"), DATE, 12.0)
    assert one.references == (str(tmp_path / "r.tif"), "s3://b/k.tif")
    assert (two.name, two.path, two.date, two.references) == ("far-off", "https://example.org/x.tif", None, ())


def test_stac_item_collections_and_catalogs_name_their_rasters(tmp_path):
    items = [item("one", "one.tif", **{"eo:cloud_cover": 3.5}), item("two", "https://example.org/two.tif")]
    file = tmp_path / "items.json"
    file.write_text(json.dumps(pystac.ItemCollection(items).to_dict()))
    found = list(read_catalog(file))
    assert [(one.name, one.path) for one in found] == [
        ("one", str(tmp_path / "one.tif")), ("two", "https://example.org/two.tif"),
    ]  # fmt: skip
    assert found[0].footprint.equals(BOX)
    assert (found[0].date, found[0].pixel, found[0].clouds) == (DATE, 10.0, 3.5)
    catalog = pystac.Catalog("c", "all")
    catalog.add_items([item("one", "one.tif"), item("two", "two.tif")])
    catalog.normalize_and_save(str(tmp_path / "c"), pystac.CatalogType.SELF_CONTAINED)
    assert [one.name for one in read_catalog(tmp_path / "c")] == ["one", "two"]
    assert next(iter(read_catalog(tmp_path / "c"))).path == str(tmp_path / "c" / "one" / "one.tif")


def test_an_item_with_several_rasters_needs_a_name(tmp_path):
    several = item("one", "one.tif")
    several.assets = {key: pystac.Asset(f"{key}.tif", media_type=pystac.MediaType.COG) for key in ("B02", "B03")}
    file = tmp_path / "items.json"
    file.write_text(json.dumps(pystac.ItemCollection([several]).to_dict()))
    with pytest.raises(DataError, match=r"item one has 2 rasters \(B02, B03\); name one: --asset KEY"):
        list(read_catalog(file))
    assert next(iter(read_catalog(file, "B03"))).path == str(tmp_path / "B03.tif")
    with pytest.raises(DataError, match="item one has no asset 'B3'; did you mean 'B03'"):
        list(read_catalog(file, "B3"))


def test_geoparquet_has_geometries(tmp_path):
    columns = {"path": ["a.tif", None], "id": ["a", "failed"], "datetime": [DATE, None]}
    table = pyarrow.table({**columns, "geometry": [shapely.to_wkb(BOX), None]})
    parquet.write_table(table, tmp_path / "c.parquet")
    (one,) = read_catalog(tmp_path / "c.parquet")
    assert (one.name, one.path, one.date) == ("a", str(tmp_path / "a.tif"), DATE)
    assert one.footprint.equals(BOX)


def test_a_folder_named_from_here_gives_paths_for_workers_elsewhere(rasters, monkeypatch):
    monkeypatch.chdir(rasters.parent)
    assert [scene.path for scene in read_catalog(Path("in"))] == [
        str(rasters / "a.tif"), str(rasters / "deep" / "b.tif"),
    ]  # fmt: skip


def test_geoparquet_lists_references_as_text_or_as_a_list(tmp_path):
    for references in ("r.tif|k.tif", ["r.tif", "k.tif"]):
        parquet.write_table(pyarrow.table({"path": ["a.tif"], "references": [references]}), tmp_path / "c.parquet")
        (one,) = read_catalog(tmp_path / "c.parquet")
        assert one.references == (str(tmp_path / "r.tif"), str(tmp_path / "k.tif"))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            {"crs": projjson("EPSG:32612", "ProjectedCRS")},
            r"geometry is in EPSG:32612; expected longitude and latitude",
        ),
        ({"crs": None}, r"geometry is in an unknown CRS; expected longitude and latitude"),
        ({"encoding": "polygon"}, r"geometry is encoded as polygon; expected WKB"),
    ],
)
def test_geometries_that_are_no_longitude_and_latitude_are_refused(tmp_path, column, message):
    """Metres taken for degrees would place every scene elsewhere."""
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", **column}}}
    table = pyarrow.table({"path": ["a.tif"], "geometry": [shapely.to_wkb(BOX)]})
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "c.parquet")
    with pytest.raises(DataError, match=message):
        list(read_catalog(tmp_path / "c.parquet"))


@pytest.mark.parametrize("crs", ["OGC:CRS84", "EPSG:4326"])
def test_geometries_in_longitude_and_latitude_are_taken(tmp_path, crs):
    geo = {"columns": {"geometry": {"encoding": "WKB", "crs": projjson(crs)}}}
    table = pyarrow.table({"path": ["a.tif"], "geometry": [shapely.to_wkb(BOX)]})
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), tmp_path / "c.parquet")
    (one,) = read_catalog(tmp_path / "c.parquet")
    assert one.footprint.equals(BOX)


def test_a_cloud_cover_that_is_no_number_is_not_known(tmp_path):
    """NaN would rank references at random, and no item can hold it."""
    (one,) = read_catalog(write_csv(tmp_path / "c.csv", [{"path": "a.tif", "cloud_cover": "nan"}]))
    assert one.clouds is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv", "file\na.tif\n", r"c\.csv: has no column path"),
        ("c.csv", "path\n", r"c\.csv: holds no scene"),
        ("c.csv", "path,id\na.tif,x\nb.tif,x\n", r"c\.csv: x is the name of two scenes, .*a\.tif and .*b\.tif"),
        ("c.csv", "path,datetime\na.tif,June\n", r"c\.csv: line 2: 'June' is no date"),
        ("c.json", "[1]", r"c\.json: is no STAC"),
        ("c.json", '{"type": "Polygon"}', "is of type 'Polygon'"),
        ("c.json", '{"type": "FeatureCollection", "features": [{"type": "Feature"}]}', r"c\.json: is no STAC that can"),
        (
            "c.json",
            json.dumps({"type": "FeatureCollection", "features": [{**item("a", "a.tif").to_dict(), "geometry": {}}]}),
            r"c\.json: is no STAC that can",
        ),
        ("c.parquet", "no table", r"c\.parquet: cannot be read as GeoParquet"),
    ],
)
def test_wrong_catalogs_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        list(read_catalog(tmp_path / name))


def test_other_files_are_no_catalogs(tmp_path):
    (tmp_path / "c.txt").write_text("a.tif")
    with pytest.raises(UsageError, match="is no catalog; expected a STAC ItemCollection"):
        list(read_catalog(tmp_path / "c.txt"))
    with pytest.raises(DataError, match="no such file"):
        list(read_catalog(tmp_path / "d.csv"))


def test_dates_without_a_zone_are_utc():
    assert parsed_date("2024-06-01 10:30") == DATE
    assert parsed_date(None) is None


def test_dates_of_any_zone_are_given_in_utc():
    """STAC wants it, and dates of several zones would not sort as texts."""
    found = parsed_date("2024-06-01T12:30:00+02:00")
    assert found == DATE
    assert found.isoformat() == "2024-06-01T10:30:00+00:00"


def test_footprints_across_the_meridian_are_split_and_share_what_they_share():
    grid = Grid(Geotransform.north_up("EPSG:4326", 179.5, 1, 0.01), 100, 100)
    whole = footprint_of(grid)
    assert whole.geom_type == "MultiPolygon"
    assert whole.area == pytest.approx(1.0)
    assert whole.bounds == pytest.approx((-180, 0, 180, 1))
    assert shared(whole, split_at_meridian(shapely.box(180, 0, 181, 1))) == pytest.approx(0.5)
    utm = Grid(Geotransform.north_up("EPSG:32601", 166_000, 100_000, 10), 100, 100)
    assert footprint_of(utm).area > 0


def test_the_footprint_is_where_the_pixels_are():
    grid = Grid(Geotransform.north_up(ground.HOME, ground.EAST, ground.NORTH, 10), 50, 80)
    west, _, _, north = footprint_of(grid).bounds
    assert west == pytest.approx(-111.0, abs=1e-6)
    assert north == pytest.approx(42.0003, abs=0.01)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_misspelt_column_is_named_with_the_one_it_is_near_to(tmp_path, kind):
    """It was ignored in silence, and its references were ranked without it."""
    file = tmp_path / f"c.{kind}"
    row = {"path": "a.tif", "cloud_cvoer": 10, "owner": "me", "Date Time": "2024-06-01"}
    if kind == "csv":
        write_csv(file, [row])
    else:
        parquet.write_table(pyarrow.Table.from_pylist([row]), file)
    assert overlooked_columns(file) == [
        f"{file}: its column 'cloud_cvoer' is ignored; did you mean cloud_cover?",
        f"{file}: its column 'Date Time' is ignored; did you mean datetime?",
    ]


def test_columns_that_mean_something_else_are_no_mistakes(tmp_path):
    row = {"path": "a.tif", "references_used": "r", "cloud_cover": 1, "cloud_covered": 2, "grid": 3}
    assert overlooked_columns(write_csv(tmp_path / "c.csv", [row])) == []
