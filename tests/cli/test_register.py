"""`refsr register`: Ref lies on LR afterwards, with tie points and a page that say so, or one line says why not."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import Affine
from rasterio.warp import transform
from scipy.ndimage import zoom

from towns import in_bytes, town

CRS, EAST, NORTH, PIXEL, SCALE, SIDE, MARGIN = "EPSG:32612", 500_000.0, 4_650_000.0, 2.5, 4, 320, 48
RIGHT, DOWN = 7, -5
"""By how many pixels Ref's header is wrong."""


def wide_town(seed: int) -> np.ndarray:
    """(H, W, 3) in 8 bits with a margin."""
    return in_bytes(town(seed, SIDE + 2 * MARGIN, 400, noise=0.02))


WIDE, OTHER = wide_town(1), wide_town(2)
HR = WIDE[MARGIN : MARGIN + SIDE, MARGIN : MARGIN + SIDE]
LR = HR.reshape(SIDE // SCALE, SCALE, SIDE // SCALE, SCALE, 3).mean((1, 3)).round().astype(np.uint8)


def write(path: Path, image: np.ndarray, right: float, down: float, pixel: float, dtype: str = "uint8") -> Path:
    affine = Affine(pixel, 0, EAST + right * PIXEL, 0, -pixel, NORTH - down * PIXEL)
    with rasterio.open(
        path, "w", driver="GTiff", height=image.shape[0], width=image.shape[1], count=image.shape[2], dtype=dtype,
        crs=CRS, transform=affine,
    ) as sink:  # fmt: skip
        sink.write(np.moveaxis(image.astype(dtype), 2, 0))
    return path


def register(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "refsr", "register", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a pair of rasters, Ref of five bands in 16 bits under a wrong header, and what the command made."""
    folder = tmp_path_factory.mktemp("register")
    write(folder / "lr.tif", LR, 0, 0, SCALE * PIXEL)
    five = np.concatenate([WIDE, WIDE[:, :, :2]], axis=2).astype(np.uint16) * 200
    write(folder / "ref.tif", five, RIGHT - MARGIN, DOWN - MARGIN, PIXEL, "uint16")
    words = "--lr lr.tif --ref ref.tif -o out.tif --report page.html --points points.geojson"
    done = register(folder, *words.split())
    assert done.returncode == 0, done.stderr
    assert "out.tif: 320x320, 4 times as fine as lr.tif" in done.stdout
    return folder


def test_ref_lies_on_lrs_fine_grid_in_its_own_type_and_bands(made):
    with rasterio.open(made / "out.tif") as source:
        assert (source.height, source.width, source.count, source.dtypes[0]) == (SIDE, SIDE, 5, "uint16")
        assert source.crs.to_string() == CRS
        assert source.transform.almost_equals(Affine(PIXEL, 0, EAST, 0, -PIXEL, NORTH), 1e-6)
        found = np.moveaxis(source.read(), 0, 2) / 200
        assert source.tags()["REFSR_REGISTRATION"] == "auto"
        assert "px" in source.tags()["REFSR_REGISTERED"]
        valid = source.dataset_mask() > 0
    inner = np.s_[24:-24, 24:-24]
    assert valid[inner].all()
    wrong = WIDE[MARGIN - DOWN :, MARGIN - RIGHT :][:SIDE, :SIDE]
    assert np.abs(found[..., :3] - HR)[inner].mean() < 0.25 * np.abs(wrong - HR.astype(float))[inner].mean()


def test_tie_points_say_where_the_ground_lies_and_where_ref_shows_it(made):
    found = json.loads((made / "points.geojson").read_text())
    assert found["type"] == "FeatureCollection"
    kept = [one for one in found["features"] if one["properties"]["kept"]]
    assert len(kept) > 10
    offsets = np.array([[one["properties"][name] for name in ("right", "down")] for one in kept])
    # Ref's header says that its ground lies further to the right than it does.
    assert np.abs(np.median(offsets, axis=0) - [RIGHT, DOWN]).max() < 0.5
    for one in kept[:5]:
        about, (longitude, latitude) = one["properties"], one["geometry"]["coordinates"]
        (east,), (north,) = transform("EPSG:4326", CRS, [longitude], [latitude])
        assert abs(east - (EAST + (about["x"] + 0.5) * PIXEL)) < 0.05
        assert abs(north - (NORTH - (about["y"] + 0.5) * PIXEL)) < 0.05
        # The same ground is MARGIN pixels further inside Ref.
        assert np.hypot(about["ref_x"] - about["x"] - MARGIN, about["ref_y"] - about["y"] - MARGIN) < 2


def test_the_page_stands_alone_and_shows_what_was_found(made):
    text = (made / "page.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", text)
    for label in ("Checkerboard before", "Checkerboard after", "Ref before", "Ref after", "Weight", "LR, upsampled"):
        assert f'data-label="{label}"' in text
    assert text.count("<line ") > 10
    assert "Ground without a match" in text
    assert len(text) < 4_000_000


def test_the_page_shows_the_colours_that_the_file_names(tmp_path):
    """Bands in the order of Sentinel-2, blue first, were once shown as red, green, blue."""
    blue_first = np.tile(np.array([20, 100, 200, 60]), (16, 16, 1)) * 100 + np.arange(16)[:, None]
    for name, pixel in (("lr.tif", SCALE * PIXEL), ("ref.tif", PIXEL)):
        file = write(tmp_path / name, blue_first, 0, 0, pixel, "uint16")
        with rasterio.open(file, "r+") as raster:
            raster.descriptions = ("B02", "B03", "B04", "B08")
    words = "--lr lr.tif --ref ref.tif -o out.tif --report page.html --mode none"
    done = register(tmp_path, *words.split())
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for label in ("LR", "Ref before"):
        source = re.search(rf'<img src="data:[^,]*,([^"]*)" alt="{label} of', page)
        assert source is not None
        red, _, blue = np.asarray(Image.open(io.BytesIO(base64.b64decode(source[1]))).convert("RGB"))[2, 2]
        assert red > 2 * blue


def test_bands_of_other_kinds_are_laid_and_not_compared(tmp_path):
    """Near infrared, and what is no picture at all, once counted as much as red, green and blue."""
    noise = np.random.default_rng(0).integers(0, 256, (SIDE // SCALE, SIDE // SCALE, 3)).astype(np.uint8)
    write(tmp_path / "lr.tif", np.concatenate([noise, LR], axis=2), 0, 0, SCALE * PIXEL)
    with rasterio.open(tmp_path / "lr.tif", "r+") as raster:
        raster.descriptions = ("class", "quality", "nir", "red", "green", "blue")
    write(tmp_path / "ref.tif", WIDE, RIGHT - MARGIN, DOWN - MARGIN, PIXEL)
    words = ["--lr", "lr.tif", "--ref", "ref.tif", "-o"]
    done = register(tmp_path, *words, "out.tif")
    assert done.returncode == 0, done.stderr
    assert "LR: lr.tif: compared: bands 4, 5, 6 (by descriptions)" in done.stderr
    noisy = register(tmp_path, *words, "b.tif", "--bands", "1", "2", "3")
    assert noisy.returncode == 1
    assert "is not registered" in noisy.stderr


def test_a_repeated_call_needs_overwrite_and_gives_the_same_bytes(made):
    words = "--lr lr.tif --ref ref.tif -o out.tif"
    again = register(made, *words.split())
    assert again.returncode == 2
    assert again.stderr.strip() == "refsr: out.tif: is there already (--overwrite replaces it)"
    before = (made / "out.tif").read_bytes()
    assert register(made, *words.split(), "--overwrite").returncode == 0
    assert (made / "out.tif").read_bytes() == before


def test_other_ground_is_refused_in_one_line_and_nothing_is_written(made):
    write(made / "other.tif", OTHER, -MARGIN, -MARGIN, PIXEL)
    words = "--lr lr.tif --ref other.tif -o no.tif --report no.html --points no.geojson"
    refused = register(made, *words.split())
    assert refused.returncode == 1
    (line,) = refused.stderr.strip().splitlines()[-1:]
    assert line.startswith("refsr: other.tif: is not registered to lr.tif: ")
    assert not list(made.glob("*no.*"))


def test_images_are_searched_for(tmp_path):
    """Turned and scaled about the middle by Pillow, of another size."""
    Image.fromarray(LR).save(tmp_path / "lr.png")
    turned = Image.fromarray(WIDE).rotate(-3, Image.Resampling.BICUBIC).crop((20, 20, 396, 396))
    Image.fromarray(np.asarray(turned)).resize((414, 414), Image.Resampling.BICUBIC).save(tmp_path / "ref.png")
    done = register(
        tmp_path,
        *["--lr", "lr.png", "--ref", "ref.png", "-o", "out.png", "--points", "p.geojson", "--report", "page.html"],
    )
    assert done.returncode == 0, done.stderr
    found = np.asarray(Image.open(tmp_path / "out.png")).astype(float)
    assert found.shape == HR.shape
    inner = np.s_[32:-32, 32:-32]
    smooth = zoom(LR.astype(float), (SCALE, SCALE, 1), order=3, mode="grid-constant", grid_mode=True)
    assert np.abs(found - HR)[inner].mean() < 0.6 * np.abs(smooth - HR)[inner].mean()
    assert json.loads((tmp_path / "p.geojson").read_text())["properties"]["scale"] == SCALE


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("--lr lr.tif --ref ref.tif -o lr.tif --overwrite", "lr.tif: is LR or Ref itself; choose another name"),
        ("--lr lr.tif --ref ref.tif -o a.tif --points a.tif", "name one file twice"),
        ("--lr lr.tif --ref ref.tif -o a.tif --scale 0", "scale 0 is out of range, 1 to 64 is allowed"),
        ("--lr lr.tif --ref nowhere.tif -o a.tif", "nowhere.tif: "),
        ("--lr lr.tif --ref ref.tif -o a.xyz", "a.xyz: a raster is written to .tif"),
    ],
)
def test_mistakes_get_one_line(made, words, answer):
    done = register(made, *words.split())
    assert done.returncode in (1, 2)
    assert answer in done.stderr.strip().splitlines()[-1]
    assert not list(made.glob("a.*"))
