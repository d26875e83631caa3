"""Cubes beside images: by name, by position, from folders and packed stores; what does not fit is one clear line."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from test_cube_files import cube_of, put_envi, put_tiff

from refsr.cli.main import main
from refsr.core.errors import DataError
from refsr.core.options.datasets import DatasetOptions
from refsr.core.window import Window
from refsr.data.build import build_dataset
from refsr.data.cubes.folder import CubeFolder
from refsr.data.images import write_image
from refsr.data.sets.paired import PairedSet
from refsr.data.stores import open_store
from refsr.data.stores.checking import verify
from refsr.data.stores.packed import PackedStore
from refsr.data.stores.packing import pack_folder
from refsr.data.stores.record import Header, pack

SCALE = 4
EAST, NORTH = 500_000, 4_480_000
CENTRES = (450.0, 550.0, 650.0, 860.0, 1400.0, 1650.0)


def built(root, images="HR", cubes="hsi", scale=SCALE, **options) -> PairedSet:
    options = {"mode": "hyperspectral", "lr": "from_hr", **options}
    return build_dataset(DatasetOptions(dataroot_GT=root / images, dataroot_hsi=root / cubes, **options), scale, 0)


def scene(rows=24, columns=28, bands=6):
    """A cube whose values rise evenly, so that bilinear values anywhere are known."""
    down, right = np.mgrid[:rows, :columns]
    return (1000 + 10 * down[..., None] + 20 * right[..., None] + 3 * np.arange(bands)).astype(np.uint16)


def place(east, north, side, crs="EPSG:32616"):
    rasterio = pytest.importorskip("rasterio")
    return {"crs": crs, "transform": rasterio.Affine(side, 0, east, 0, -side, north)}


def image(root, name, east, north, side=1.0, size=32):
    put_tiff(root / "HR" / f"{name}.tif", np.zeros((size, size, 3), np.uint8), **place(east, north, side))


def test_a_set_of_envi_cubes(tmp_path):
    """Options reach the values: what the sample holds is worked out by hand."""
    cube = cube_of("int16")[:4, :4]
    cube[1, 2, 3] = -9999
    put_envi(
        tmp_path / "hsi", cube, "bip", 2, 1, wavelength=f"{{{', '.join(map(str, CENTRES))}}}",
        wavelength_units="nm", bbl="{1, 1, 1, 1, 0, 1}", data_ignore_value=-9999,
    )  # fmt: skip
    write_image(tmp_path / "HR" / "a.png", np.zeros((32, 32, 3), np.uint8))
    dataset = built(tmp_path, range_hsi=[-100, 100], hsi={"bad_wavelength_ranges": [[600, 700]], "fill": "zero"})
    expected = np.where(cube == -9999, 0, cube)[:, :, [0, 1, 3, 5]]
    assert dataset.ratios["hsi"] == 8
    assert dataset.notes == [f"1 of 1 cubes have holes, {1 / 64:.2%} of their values, filled by zero"]
    np.testing.assert_allclose(dataset[0]["hsi"].permute(1, 2, 0), expected / 200 + 0.5, atol=1e-6)
    part = dataset.at(0, Window(8, 16, 16, 16))["hsi"]
    torch.testing.assert_close(part, dataset[0]["hsi"][:, 1:3, 2:4])
    torch.testing.assert_close(pickle.loads(pickle.dumps(dataset))[0]["hsi"], dataset[0]["hsi"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"hsi: a: 16 bits need the raw values .* range_hsi"),
        ({"bands_hsi": [1, 7]}, r"hsi: a: bands \[7\] are asked for, the cube has 1 to 6"),
        ({"hsi": {"wavelengths": [550]}}, "hsi: a: hsi.wavelengths needs wavelengths"),
        ({"hsi": {"divide_by": 100, "nodata": 7, "fill": "refuse"}}, "values of .* hold no data"),
        ({"hsi": {"pairing": "position", "ratio": 8}}, "a is no GeoTIFF with a coordinate system"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, options, message):
    cube = np.arange(96, dtype=np.int16).reshape(4, 4, 6)
    put_envi(tmp_path / "hsi", cube, code=2, map_info=f"{{UTM, 1, 1, {EAST}, {NORTH}, 8, 8, 16, North, WGS-84}}")
    write_image(tmp_path / "HR" / "a.png", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(DataError, match=message):
        built(tmp_path, **options)[0]


def test_a_cube_of_another_size_is_named(tmp_path):
    for name, side in (("a", 4), ("b", 5)):
        put_envi(tmp_path / "hsi", cube_of()[:side, :side], header=f"{name}.hdr", numbers=f"{name}.img")
        write_image(tmp_path / "HR" / f"{name}.png", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(DataError, match="sizes do not fit: b: hsi is 5x5, HR of 32x32 needs 4x4"):
        built(tmp_path, range_hsi=[0, 100])


def test_a_folder_with_lonely_numbers_is_refused(tmp_path):
    put_envi(tmp_path / "hsi", cube_of())
    (tmp_path / "hsi" / "b.bil").write_bytes(b"12")
    write_image(tmp_path / "HR" / "a.png", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(DataError, match=r"b\.bil: no b\.hdr beside it"):
        built(tmp_path)


def test_names_that_stand_for_two_cubes_are_refused(tmp_path):
    put_envi(tmp_path / "hsi", cube_of())
    np.save(tmp_path / "hsi" / "a.npy", cube_of())
    write_image(tmp_path / "HR" / "a.png", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(DataError, match=r"a\.hdr and a\.npy have the same key 'a'"):
        built(tmp_path)


def test_by_position_cubes_are_the_ground_under_images(tmp_path):
    """Images of 1 m inside a scene of 8 m: on its grid exactly, off it bilinear, in other pixels means."""
    cube = scene()
    put_tiff(tmp_path / "hsi" / "scene.tif", cube, **place(EAST, NORTH, 8))
    image(tmp_path, "on", EAST + 80, NORTH - 96)
    image(tmp_path, "off", EAST + 83, NORTH - 90)
    off, on = (built(tmp_path, range_hsi=[0, 10_000], hsi={"pairing": "position", "ratio": 8})[at] for at in (0, 1))
    np.testing.assert_allclose(on["hsi"].permute(1, 2, 0) * 10_000, cube[12:16, 10:14], atol=2e-3)
    down, right = np.mgrid[:4, :4] + np.array([11.25, 10.375])[:, None, None]
    known = (1000 + 10 * down + 20 * right)[..., None] + 3 * np.arange(6)
    np.testing.assert_allclose(off["hsi"].permute(1, 2, 0) * 10_000, known, atol=2e-3)

    coarse = built(tmp_path, range_hsi=[0, 10_000], hsi={"pairing": "position", "ratio": 16})
    means = cube[12:16, 10:14].reshape(2, 2, 2, 2, 6).mean((1, 3))
    np.testing.assert_allclose(coarse[1]["hsi"].permute(1, 2, 0) * 10_000, means, atol=2e-3)

    for dataset, ratio in ((built(tmp_path, range_hsi=[0, 10_000], hsi={"pairing": "position", "ratio": 8}), 8),
                           (coarse, 16)):  # fmt: skip
        part = dataset.at(0, Window(16, 0, 16, 32))["hsi"]
        torch.testing.assert_close(part, dataset[0]["hsi"][:, 16 // ratio :], rtol=0, atol=0)


def test_by_position_over_coordinate_systems(tmp_path):
    """The scene in degrees, the image in metres: values are those of the scene at the image's longitudes."""
    warp = pytest.importorskip("rasterio.warp")
    (left,), (top,) = warp.transform("EPSG:32616", "EPSG:4326", [EAST], [NORTH])
    step = 1e-4
    rows, columns = np.mgrid[:60, :60]
    cube = np.repeat((rows + 100 * columns)[..., None], 5, 2).astype(np.float32)
    put_tiff(tmp_path / "hsi" / "scene.tif", cube, **place(left - step, top + step, step, "EPSG:4326"))
    image(tmp_path, "a", EAST + 100, NORTH - 100, size=64)
    found = built(tmp_path, range_hsi=[0, 10_000], hsi={"pairing": "position", "ratio": 16})[0]["hsi"] * 10_000
    east, north = np.meshgrid(EAST + 108 + 16 * np.arange(4), NORTH - 108 - 16 * np.arange(4))
    longitude, latitude = warp.transform("EPSG:32616", "EPSG:4326", east.ravel(), north.ravel())
    known = (top + step - np.array(latitude)) / step - 0.5 + 100 * ((np.array(longitude) - left + step) / step - 0.5)
    np.testing.assert_allclose(found[2].ravel(), known, atol=0.05)


def test_by_position_an_image_without_ground_is_named(tmp_path):
    put_tiff(tmp_path / "hsi" / "scene.tif", scene(), **place(EAST, NORTH, 8))
    image(tmp_path, "in", EAST + 80, NORTH - 96)
    image(tmp_path, "out", EAST - 12, NORTH - 90)
    with pytest.raises(DataError, match=r"covers the ground of 1 images: out \(1.5 pixels of scene beyond it\)"):
        built(tmp_path, range_hsi=[0, 1], hsi={"pairing": "position", "ratio": 8})


def test_by_name_cubes_of_another_place_are_named(tmp_path):
    image(tmp_path, "a", EAST, NORTH)
    put_tiff(tmp_path / "hsi" / "a.tif", scene(4, 4), **place(EAST, NORTH, 8))
    assert built(tmp_path, range_hsi=[0, 9999])[0]["hsi"].shape == (6, 4, 4)
    put_tiff(tmp_path / "hsi" / "a.tif", scene(4, 4), **place(EAST + 24, NORTH - 32, 8))
    with pytest.raises(DataError, match=r"a: corners are 5 pixels of the cube apart; hsi.pairing: position .*key_only"):
        built(tmp_path, range_hsi=[0, 9999])
    assert built(tmp_path, range_hsi=[0, 9999], hsi={"pairing": "key_only"})[0]["hsi"].shape == (6, 4, 4)
    put_tiff(tmp_path / "hsi" / "a.tif", scene(4, 4), **place(EAST, NORTH, 20))
    with pytest.raises(DataError, match=r"a: the image covers 0\.40 times the cube's width"):
        built(tmp_path, range_hsi=[0, 9999])


@pytest.mark.parametrize("compress", [False, True])
def test_packed_cubes_keep_type_bands_and_what_is_known_of_them(tmp_path, compress, capsys):
    cube = cube_of("int16")[:4, :4]
    cube[0, 0, 0] = -7
    put_envi(
        tmp_path / "set" / "hsi", cube, "bil", 2, wavelength=f"{{{', '.join(map(str, CENTRES))}}}",
        bbl="{1, 1, 1, 1, 0, 1}", data_ignore_value=-7,
        map_info=f"{{UTM, 1, 1, {EAST}, {NORTH}, 8, 8, 16, North, WGS-84}}",
    )  # fmt: skip
    write_image(tmp_path / "set" / "HR" / "a.png", np.zeros((32, 32, 3), np.uint8))
    command = ["pack", str(tmp_path / "set"), str(tmp_path), *(["--compress"] if compress else [])]
    assert main(command) == 0
    assert main(command) == 0
    assert "0 packed, 1 already packed" in capsys.readouterr().out
    assert compress or not verify(tmp_path / "hsi.lmdb")
    np.testing.assert_array_equal(open_store(tmp_path / "hsi.lmdb").read("a"), cube)
    how = {"range_hsi": [-100, 100], "hsi": {"wavelengths": [650, 450, 1650]}}
    plain = built(tmp_path / "set", **how)
    packed = built(tmp_path, "HR.lmdb", "hsi.lmdb", **how)
    torch.testing.assert_close(packed[0]["hsi"], plain[0]["hsi"], rtol=0, atol=0)
    assert packed.notes == plain.notes != []
    # Files that change are packed again, the numbers as well as the header.
    put_envi(tmp_path / "set" / "hsi", cube + 1, "bil", 2)
    assert main(command) == 0
    np.testing.assert_array_equal(open_store(tmp_path / "hsi.lmdb").read("a"), cube + 1)


def test_a_wrong_interleave_is_one_clear_line(tmp_path, capsys):
    """A file has its size in any order of its numbers, so a smooth cube tells it by its values."""
    down, right, band = np.meshgrid(np.linspace(0, 3, 16), np.linspace(0, 4, 20), np.linspace(0, 9, 48), indexing="ij")
    cube = (2000 + 700 * np.sin(down + 2 * right) + 900 * np.sin(band + down)).astype(np.uint16)
    header = put_envi(tmp_path / "hsi", cube, "bil")
    header.write_text(header.read_text().replace("interleave = bil", "interleave = bip"))
    write_image(tmp_path / "HR" / "a.png", np.zeros((64, 80, 3), np.uint8))
    with pytest.raises(DataError, match=r"a\.hdr: says interleave bip, but read as bil .* times as smooth"):
        built(tmp_path, range_hsi=[0, 4000])
    found = built(tmp_path, range_hsi=[0, 4000], hsi={"interleave": "bil"})[0]["hsi"]
    np.testing.assert_allclose(found.permute(1, 2, 0) * 4000, cube, atol=0.01)
    assert main(["pack", str(tmp_path / "hsi"), str(tmp_path / "hsi.lmdb")]) == 1
    assert "says interleave bip" in capsys.readouterr().err
    assert main(["pack", str(tmp_path / "hsi"), str(tmp_path / "hsi.lmdb"), "--interleave", "bil"]) == 0
    np.testing.assert_array_equal(open_store(tmp_path / "hsi.lmdb").read("a"), cube)


@pytest.mark.parametrize("kind", ["noise", "even", "ramp", "stripes"])
def test_cubes_that_tell_no_order_are_taken_as_they_say(tmp_path, kind):
    down, right, band = np.meshgrid(np.arange(16), np.arange(20), np.arange(12), indexing="ij")
    noise = np.random.default_rng(0).integers(0, 999, down.shape)
    kinds = {"noise": noise, "even": 0 * down, "ramp": down + right + band, "stripes": 100 * (down % 2)}
    cube = kinds[kind].astype(np.uint16)
    for interleave in ("bsq", "bil", "bip"):
        put_envi(tmp_path / interleave, cube, interleave)
        np.testing.assert_array_equal(CubeFolder(tmp_path / interleave).read("a"), cube)
        assert CubeFolder(tmp_path / interleave).info("a").bands == 12


def test_several_arrays_of_a_mat_file_are_packed_by_name(tmp_path, capsys):
    from scipy.io import savemat

    (tmp_path / "hsi").mkdir()
    savemat(tmp_path / "hsi" / "a.mat", {"raw": cube_of(), "clean": cube_of("float32")})
    assert main(["pack", str(tmp_path / "hsi"), str(tmp_path / "hsi.lmdb")]) == 1
    assert "hsi.variable names the one to take" in capsys.readouterr().err
    assert main(["pack", str(tmp_path / "hsi"), str(tmp_path / "hsi.lmdb"), "--variable", "clean"]) == 0
    np.testing.assert_array_equal(open_store(tmp_path / "hsi.lmdb").read("a"), cube_of("float32"))


def test_records_of_images_are_what_they_were(tmp_path):
    """Stores from before cubes had wavelengths hold five fields, and their digests still hold."""
    header, _ = pack(cube_of("uint8"), "raw", "a.png:1:2")
    assert set(json.loads(header.encode())) == {"shape", "dtype", "codec", "digest", "source"}
    assert header.digest == "ad2dfe0a25cae2a35c4192a0abd24ab5"
    assert Header.decode(header.encode()) == header
    other, _ = pack(cube_of("uint8"), "raw", "a.png:1:2", {"wavelengths": [1.0]})
    assert other.digest != header.digest
    write_image(tmp_path / "HR" / "a.png", np.zeros((8, 8, 3), np.uint8))
    pack_folder(tmp_path / "HR", tmp_path / "HR.lmdb")
    assert PackedStore(tmp_path / "HR.lmdb").header("a").beside is None


def test_by_position_a_part_on_a_finer_grid_is_that_of_the_whole(tmp_path):
    """At a part's borders values are interpolated with the cube's cells beyond it, on every side."""
    cube = scene()
    put_tiff(tmp_path / "hsi" / "scene.tif", cube, **place(EAST, NORTH, 8))
    image(tmp_path, "on", EAST + 80, NORTH - 96)
    dataset = built(tmp_path, range_hsi=[0, 10_000], hsi={"pairing": "position", "ratio": 2})
    whole = dataset[0]["hsi"]
    down, right = (np.mgrid[:16, :16] + 0.5) / 4 + np.array([11.5, 9.5])[:, None, None]
    known = (1000 + 10 * down + 20 * right)[..., None] + 3 * np.arange(6)
    np.testing.assert_allclose(whole.permute(1, 2, 0) * 10_000, known, atol=2e-3)
    for top, left in ((0, 0), (0, 16), (16, 0), (16, 16), (8, 8)):
        part = dataset.at(0, Window(top, left, 16, 16))["hsi"]
        expected = whole[:, top // 2 : top // 2 + 8, left // 2 : left // 2 + 8]
        torch.testing.assert_close(part, expected, rtol=0, atol=0)
