"""`refsr restore` of parts of a scene, at other pixel sizes, with other bands and control points."""

from __future__ import annotations

import json

import ground
import numpy as np
import pytest
import rasterio
import torch

from refsr.cli.main import main
from refsr.inference import scene_opening
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.model_file import ModelCard, write_model

SCALE = 2


def write(path, image: np.ndarray, **more) -> None:
    height, width, count = image.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=count, dtype=image.dtype, **more
    ) as sink:
        sink.write(np.moveaxis(image, 2, 0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with random weights; LR of four bands of 10 m, Ref of 5 m, with a grid and without one."""
    folder = tmp_path_factory.mktemp("place")
    spec = NetworkSpec("RRSNet", {"scale": SCALE, "nf": 4, "n_blocks": 0, "deformable_groups": 1})
    torch.manual_seed(0)
    write_model(folder / "w.safetensors", spec.build().state_dict(), ModelCard(spec, "RRSNet_model"))
    draw = np.random.default_rng(0)
    lr = draw.integers(1, 256, (40, 48, 4), np.uint8)
    ref = draw.integers(1, 256, (80, 96, 3), np.uint8)
    place = {"crs": ground.HOME, "photometric": "RGB"}
    write(folder / "lr.tif", lr, transform=ground.north_up(10), alpha="NO", **place)
    write(folder / "ref.tif", ref, transform=ground.north_up(5), **place)
    write(folder / "bare.tif", ref, photometric="RGB")
    write(folder / "bare2.tif", ref, photometric="RGB")
    points = [(0, 0), (96, 0), (0, 80), (90, 70)]
    rows = [f"{column},{row},{ground.EAST + 5 * column},{ground.NORTH - 5 * row}" for column, row in points]
    (folder / "points.csv").write_text("\n".join(["column,row,x,y", *rows]))
    (folder / "two.csv").write_text("\n".join(["column,row,x,y", *rows[:2]]))
    square = [[100, 100], [300, 100], [300, 300], [100, 300], [100, 100]]
    ring = [[ground.EAST + x, ground.NORTH - y] for x, y in square]
    crs = {"type": "name", "properties": {"name": ground.HOME}}
    (folder / "area.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring], "crs": crs}))
    tiny = [[[ground.EAST + x / 1000, ground.NORTH - y / 1000] for x, y in square]]
    (folder / "tiny.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": tiny, "crs": crs}))
    far = {"type": "Polygon", "coordinates": [[[10, 50], [11, 50], [11, 51], [10, 50]]]}
    (folder / "far.geojson").write_text(json.dumps(far))
    return folder


@pytest.fixture(autouse=True)
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)
    # The scene is small: a margin as large as those of real ones would be all of it.
    monkeypatch.setattr(scene_opening, "AROUND_SCOPE", 12)


def command(output, *words: object, ref: str = "ref.tif") -> list[str]:
    start = ["restore", "--model", "w.safetensors", "--device", "cpu", "--lr", "lr.tif", "--ref", ref]
    return [*start, "-o", str(output), *map(str, words)]


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory) -> np.ndarray:
    output = tmp_path_factory.mktemp("whole") / "out.tif"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(command(output)) == 0
    return read(output)


def read(path) -> np.ndarray:
    with rasterio.open(path) as source:
        return np.moveaxis(source.read(), 0, 2)


def test_four_bands_in_four_bands_out(whole):
    assert whole.shape == (80, 96, 4)


def test_a_band_that_is_taken_several_times_comes_back_once(tmp_path):
    assert main(command(tmp_path / "out.tif", "--bands", 2, 2, 2, "--bands-ref", 1, 2, 3)) == 0
    assert read(tmp_path / "out.tif").shape == (80, 96, 4)


def test_a_box(whole, tmp_path, capsys):
    box = (ground.EAST + 100, ground.NORTH - 300, ground.EAST + 250, ground.NORTH - 100)
    assert main(command(tmp_path / "out.tif", "--bbox", *box)) == 0
    assert "40x30, 4 bands, uint8" in capsys.readouterr().out
    assert np.abs(read(tmp_path / "out.tif")[:, :, :3].astype(int) - whole[20:60, 20:50, :3]).max() <= 1


def test_an_area_at_another_size_without_other_bands(whole, tmp_path, capsys):
    words = ("--aoi", "area.geojson", "--resolution", 8, "--other-bands", "drop")
    assert main(command(tmp_path / "out.tif", *words)) == 0
    assert "25x25, 3 bands, uint8" in capsys.readouterr().out
    with rasterio.open(tmp_path / "out.tif") as made:
        assert made.transform.a == 8
        assert made.dataset_mask().all()


def test_control_points(whole, tmp_path):
    assert main(command(tmp_path / "out.tif", "--gcps", "points.csv", ref="bare.tif")) == 0
    np.testing.assert_array_equal(read(tmp_path / "out.tif"), whole)


def test_a_box_cuts_a_reference_that_is_paired_by_pixel_alike(whole, tmp_path):
    box = (ground.EAST + 300, ground.NORTH - 400, ground.EAST + 480, ground.NORTH - 280)
    assert main(command(tmp_path / "out.tif", "--bbox", *box, ref="bare.tif")) == 0
    assert np.abs(read(tmp_path / "out.tif")[:, :, :3].astype(int) - whole[56:, 60:, :3]).max() <= 1


def test_control_points_are_of_one_reference(tmp_path, capsys):
    words = command(tmp_path / "out.tif", "--gcps", "points.csv", ref="bare.tif")
    assert main([*words, "--ref", "bare2.tif"]) == 2
    assert "bare.tif and bare2.tif both have no grid" in capsys.readouterr().err
    assert main([*command(tmp_path / "out.tif", "--gcps", "points.csv"), "--ref", "ref.tif"]) == 2
    assert "all have one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "answer"),
    [
        (("--bbox", 5, 5, 1, 6), 2, "LEFT BOTTOM RIGHT TOP"),
        (("--bbox", 5, 5, 6, 6), 1, "shares no ground with LR"),
        (("--bbox", 41.99, -111.01, 42.01, -110.99, "--bbox-crs", "EPSG:4326"), 1, "x and y swapped"),
        (("--bbox", 5, 5, 6, 6, "--bbox-crs", "EPSG:x"), 1, "no coordinate system"),
        (
            ("--aoi", "far.geojson"),
            1,
            "y 50.00000 to 51.00000 (EPSG:4326) shares no ground",
        ),
        (("--aoi", "tiny.geojson"), 1, "holds the centre of none"),
        (("--aoi", "none.geojson"), 1, "none.geojson"),
        (("--resolution", 3), 2, "interpolated only"),
        (("--resolution", -3), 2, "above 0"),
        (("--gcps", "two.csv"), 1, "two.csv: 2 control points"),
        (("--gcps", "points.csv", "--gcps-crs", "EPSG:x"), 1, "no coordinate system"),
        (("--other-bands", "guide"), 2, "guided"),
    ],
)
def test_mistakes_are_one_line(words, code, answer, tmp_path, capsys):
    assert main(command(tmp_path / "out.tif", *words)) == code
    error = capsys.readouterr().err
    # Lines of what was decided before may precede it.
    assert answer in error.splitlines()[-1]
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())
