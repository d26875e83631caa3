"""Cubes come out of every format as they went in, with what the file says of them; broken files are one clear line."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.cubes.cube_file import CubeFile, CubeHints
from refsr.data.cubes.envi import ORDERS, TYPES
from refsr.data.cubes.files import open_cube

ROWS, COLUMNS, BANDS = 5, 7, 6
CENTRES = (450.5, 550.0, 650.25, 860.0, 1650.0, 2200.0)


def cube_of(dtype: str = "uint16") -> np.ndarray:
    values = np.random.default_rng(3).random((ROWS, COLUMNS, BANDS)) * 200
    return (values - 100 if np.dtype(dtype).kind in "if" and dtype != "int8" else values / 2).astype(dtype)


def put_envi(root, cube, interleave="bsq", code=12, order=0, offset=0, numbers="a.img", header="a.hdr", **fields):
    """An ENVI cube; `fields` are further lines, or others in the place of these, None for none."""
    rows, columns, bands = cube.shape
    kind = np.dtype(("<", ">")[order] + TYPES[code])
    raw = cube.transpose(["rcb".index(side) for side in ORDERS[interleave]]).astype(kind).tobytes()
    lines = {
        "samples": columns, "lines": rows, "bands": bands, "header offset": offset, "file type": "ENVI Standard",
        "data type": code, "interleave": interleave, "byte order": order,
    } | {key.replace("_", " "): value for key, value in fields.items()}  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    text = "ENVI\ndescription = {\n a cube = of ours}\n; a remark = 1\n"
    text += "".join(f"{key} = {value}\n" for key, value in lines.items() if value is not None)
    (root / header).write_text(text)
    (root / numbers).write_bytes(b"\0" * offset + raw)
    return root / header


def put_tiff(file, cube, texts=(), tags=(), **profile):
    rasterio = pytest.importorskip("rasterio")
    file.parent.mkdir(parents=True, exist_ok=True)
    rows, columns, bands = cube.shape
    profile |= {"driver": "GTiff", "height": rows, "width": columns, "count": bands, "dtype": str(cube.dtype)}
    profile |= {"transform": rasterio.Affine(2, 0, 500000, 0, -2, 4480000)} if "transform" not in profile else {}
    with rasterio.open(file, "w", **profile) as sink:
        sink.write(np.moveaxis(cube, 2, 0))
        for number, text in enumerate(texts, 1):
            sink.set_band_description(number, text)
        for number, tag in enumerate(tags, 1):
            sink.update_tags(number, **tag)
    return file


def check(cube: CubeFile, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(cube.read(), expected)
    assert (cube.info.height, cube.info.width, cube.info.bands) == expected.shape
    assert cube.info.dtype == cube.read().dtype == expected.dtype
    np.testing.assert_array_equal(cube.read(Window(1, 2, 3, 4), [4, 0]), expected[1:4, 2:6, [4, 0]])
    assert cube.read(Window(0, 0, 2, 2)).flags.owndata


@pytest.mark.parametrize("interleave", ORDERS)
@pytest.mark.parametrize(("order", "offset"), [(0, 0), (1, 13)])
def test_envi_in_every_order(tmp_path, interleave, order, offset):
    expected = cube_of("int16")
    check(open_cube(put_envi(tmp_path, expected, interleave, 2, order, offset)), expected)


@pytest.mark.parametrize(
    ("code", "dtype", "read"),
    [(1, "uint8", "uint8"), (2, "int16", "int16"), (3, "int32", "float32"), (4, "float32", "float32"),
     (5, "float64", "float32"), (12, "uint16", "uint16"), (13, "uint32", "float32"), (14, "int64", "float32"),
     (15, "uint64", "float32")],
)  # fmt: skip
def test_envi_of_every_type(tmp_path, code, dtype, read):
    cube = cube_of(dtype)
    check(open_cube(put_envi(tmp_path, cube, "bil", code, 1)), cube.astype(read))


def test_what_an_envi_header_says(tmp_path):
    centres = ",\n ".join(str(centre / 1000) for centre in CENTRES)
    header = put_envi(
        tmp_path, cube_of(), wavelength=f"{{\n {centres}}}", wavelength_units="Micrometers", bbl="{1, 1, 0, 1, 1, 0}",
        data_ignore_value="-9999",
        map_info="{UTM, 1.0, 1.0, 500000, 4480000, 20, 20, 16, North, WGS-84, units=Meters}",
    )  # fmt: skip
    cube_info = open_cube(header).cube_info
    assert cube_info.wavelengths == CENTRES
    assert cube_info.good == (True, True, False, True, True, False)
    assert cube_info.nodata == -9999
    assert cube_info.geotransform is not None
    assert cube_info.geotransform.crs == "EPSG:32616"
    assert cube_info.geotransform.point(2, 3) == (500040, 4479940)
    assert cube_info.geotransform.pixel(500040, 4479940) == (2, 3)


@pytest.mark.parametrize(
    ("numbers", "header"), [("a", "a.hdr"), ("a.bsq", "a.hdr"), ("a.IMG", "a.hdr"), ("a.raw", "a.raw.hdr")]
)
def test_envi_names(tmp_path, numbers, header):
    put_envi(tmp_path, cube_of(), numbers=numbers, header=header)
    check(open_cube(tmp_path / header), cube_of())


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64", "int32"])
def test_tiff_of_every_type(tmp_path, dtype):
    cube = cube_of(dtype)
    kept = dtype if dtype in ("uint8", "uint16", "int16", "float32") else "float32"
    check(open_cube(put_tiff(tmp_path / "a.tif", cube)), cube.astype(kept))


def test_tiff_of_more_bands_than_a_photograph_may_have(tmp_path):
    cube = np.random.default_rng(0).integers(-99, 99, (4, 5, 426)).astype(np.int16)
    found = open_cube(put_tiff(tmp_path / "a.tif", cube, interleave="pixel", nodata=-99))
    np.testing.assert_array_equal(found.read(bands=[425, 7]), cube[:, :, [425, 7]])
    assert found.cube_info.nodata == -99


def test_wavelengths_of_a_tiff_are_in_tags_or_descriptions(tmp_path):
    texts = [f"Band {number} ({centre / 1000:.6f} um)" for number, centre in enumerate(CENTRES)]
    tags = [{"wavelength": str(centre), "wavelength_units": "Nanometers"} for centre in CENTRES]
    assert open_cube(put_tiff(tmp_path / "a.tif", cube_of(), texts)).cube_info.wavelengths == CENTRES
    assert open_cube(put_tiff(tmp_path / "b.tif", cube_of(), tags=tags)).cube_info.wavelengths == CENTRES
    assert open_cube(put_tiff(tmp_path / "c.tif", cube_of(), texts[:3])).cube_info.wavelengths is None
    worlds = [f"{centre:.1f} nm, FWHM 12.0 nm" for centre in CENTRES]
    assert open_cube(put_tiff(tmp_path / "d.tif", cube_of(), worlds)).cube_info.wavelengths == pytest.approx(
        CENTRES, abs=0.06
    )


def test_wavelengths_from_elsewhere_only_where_the_file_has_none(tmp_path):
    np.save(tmp_path / "a.npy", cube_of())
    assert open_cube(tmp_path / "a.npy").cube_info.wavelengths is None
    (tmp_path / "wavelengths.txt").write_text("# micrometres\n0.4505, 0.55; 0.65025\n0.86 1.65\t2.2\n")
    assert open_cube(tmp_path / "a.npy").cube_info.wavelengths == CENTRES
    others = tuple(centre + 1 for centre in CENTRES)
    assert open_cube(tmp_path / "a.npy", CubeHints(band_centres=others)).cube_info.wavelengths == others
    header = put_envi(tmp_path, cube_of(), wavelength="{400, 500, 600, 700, 800, 900}")
    assert open_cube(header, CubeHints(band_centres=others)).cube_info.wavelengths == (400, 500, 600, 700, 800, 900)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "float64", ">f4"])
def test_npy_and_mat(tmp_path, dtype, compress):
    from scipy.io import savemat

    cube = cube_of(dtype)
    expected = cube.astype(
        {"int8": "int16", "uint8": "uint8", "uint16": "uint16", "int16": "int16"}.get(dtype, "float32")
    )
    np.save(tmp_path / "a.npy", cube)
    savemat(
        tmp_path / "a.mat",
        {"cube": cube, "map": cube[:, :, 0], "names": np.array(["x"], object)},
        do_compression=compress,
    )
    check(open_cube(tmp_path / "a.npy"), expected)
    check(open_cube(tmp_path / "a.mat"), expected)
    np.testing.assert_array_equal(open_cube(tmp_path / "a.mat", CubeHints(variable="map")).read(), expected[:, :, :1])


def envi(**fields):
    return lambda root: put_envi(root, cube_of(), **fields)


def mat(**arrays):
    def put(root):
        from scipy.io import savemat

        savemat(root / "a.mat", arrays)
        return root / "a.mat"

    return put


def named(name, content):
    def put(root):
        (root / name).write_bytes(content)
        return root / name

    return put


def damaged(put, change, name=None):
    """What `put` wrote, its bytes changed; of two files the one that is named."""

    def broken(root):
        file = put(root)
        victim = root / name if name else file
        victim.write_bytes(change(victim.read_bytes()))
        return file

    return broken


def npy(array):
    def put(root):
        np.save(root / "a.npy", array)
        return root / "a.npy"

    return put


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (envi(bands=None), r"a\.hdr: 'bands' is missing"),
        (envi(lines="many"), "lines is 'many'; expected a whole number from 1 on"),
        (envi(samples=0), "samples is '0'"),
        (envi(data_type=7), r"data type 7 is not known \(known: 1, 2, 3"),
        (envi(code=6), "values are complex64; a cube holds whole or real numbers"),
        (envi(byte_order=2), "byte order 2 is not known"),
        (envi(file_compression=1), "compressed"),
        (envi(file_type="ENVI Spectral Library"), "a library of spectra"),
        (envi(bands=8), r"a\.img: its header says 8 bands of 5x7 uint16, the file holds 6 of them: .*cut short"),
        (envi(bands=4), "says 4 bands .* holds 6 of them: the file is longer"),
        (envi(data_type=4), "float32, the file holds 3 of them: .*cut short; numbers of 2 bytes would fit"),
        (envi(wavelength="{400, 500, 600}"), r"a\.hdr: 3 wavelengths for 6 bands"),
        (envi(bbl="{1, 1, 1, 1, 1}"), r"5 marks of good bands \(bbl\) for 6 bands"),
        (envi(wavelength="{400, 500, red, 700, 800, 900}"), "wavelength holds 'red', which is not a number"),
        (envi(wavelength="{1,2,3,4,5,6}", wavelength_units="parsec"), "unit 'parsec' is not known"),
        (envi(wavelength="{40,50,60,70,80,900}"), "from 40 to 900 without a unit"),
        (envi(wavelength="{400,"), "the brace after 'wavelength' is not closed"),
        (damaged(envi(), lambda data: data[:-100], "a.img"), "holds 4.571 of them: the file is cut short"),
        (damaged(envi(), lambda data: b"JUNK" + data[4:]), "not a header of ENVI"),
        (lambda root: (put_envi(root, cube_of()), (root / "a.img").unlink(), root / "a.hdr")[2], "no file of numbers"),
        (lambda root: (put_envi(root, cube_of()), (root / "a.hdr").unlink(), root / "a.img")[2],
         r"a\.img: no a\.hdr beside it, the header that says how to read it"),
        (lambda root: (put_envi(root, cube_of()), (root / "a.dat").write_bytes(b""), root / "a.hdr")[2],
         r"a\.dat and a\.img could both be its numbers"),
        (mat(one=cube_of(), two=cube_of("float64")),
         "several cubes: one 5x7x6 uint16, two 5x7x6 double; hsi.variable names"),
        (mat(flat=cube_of()[:, :, 0]), "holds no cube, only flat 5x7 uint16"),
        (mat(cube=cube_of("float32") * 1j), "holds no cube, only cube 5x7x6 complex single"),
        (mat(cube={"inner": cube_of()}), "holds no cube, only cube 1x1 struct"),
        (damaged(mat(cube=np.random.default_rng(0).random((20, 20, 9))), lambda data: data[:400]),
         r"a\.mat: a broken file of MATLAB: it is cut short"),
        (named("a.mat", b"no matrix at all" * 20), r"a\.mat: a broken file of MATLAB: no header of MATLAB 5 to 7"),
        (named("a.mat", b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n"),
         r"a\.mat: a MATLAB 7.3 file, which is HDF5 and not read here; .*'-v7'"),
        (npy(np.array([{"a": 1}], object)), "holds Python objects"),
        (named("a.npy", pickle.dumps([1, 2])), "a pickle, which is never loaded"),
        (named("a.npy", b"nothing of the kind"), "not a plain array of NumPy"),
        (damaged(npy(cube_of()), lambda data: data[:-9]), "the file is cut short"),
        (damaged(npy(cube_of()), lambda data: data.replace(b"(5", b"[5")), "its header is broken"),
        (envi(map_info="{UTM, 1, 1, 6 7, 4480000, 20, 20, 16, North, WGS-84}"), "map info makes no sense: 'UTM, 1, 1"),
        (npy(np.zeros((3, 4, 5, 6))), r"shape \(3, 4, 5, 6\) is not \(height, width, bands\)"),
        (npy(np.zeros((3, 4, 5000), np.uint8)), "5000 bands, at most 4096"),
        (npy(np.zeros((3, 4, 5), bool)), "values are bool"),
        (lambda root: root / "b.npy", r"b\.npy: no such file"),
    ],
)  # fmt: skip
def test_broken_cubes_are_one_clear_line(tmp_path, put, message):
    file = put(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        open_cube(file).read()
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("kind", ["envi", "mat", "packed mat", "npy"])
def test_any_few_wrong_bytes_are_one_clear_line_or_no_matter(tmp_path, kind):
    """Readers of libraries crash the process here, so ours look before they read."""
    from scipy.io import savemat

    file = tmp_path / {"envi": "a.hdr", "npy": "a.npy"}.get(kind, "a.mat")
    if kind == "envi":
        put_envi(
            tmp_path, cube_of(), wavelength=f"{{{CENTRES}}}", data_ignore_value=-9, map_info="{UTM, 1, 1, 5, 4, 2}"
        )
    elif kind == "npy":
        np.save(file, cube_of())
    else:
        savemat(file, {"a": cube_of(), "b": np.eye(2)}, do_compression=kind == "packed mat")
    whole, generator = file.read_bytes(), np.random.default_rng(0)
    refused = []
    for _ in range(150):
        data = bytearray(whole)
        for at in generator.integers(0, min(len(whole), 400), 3):
            data[at] = generator.integers(256)
        file.write_bytes(data)
        try:
            open_cube(file).read()
        except DataError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert not [line for line in refused if "\n" in line]


def test_an_unknown_interleave_names_the_known_ones(tmp_path):
    header = put_envi(tmp_path, cube_of())
    header.write_text(header.read_text().replace("interleave = bsq", "interleave = bqs"))
    with pytest.raises(DataError, match=r"interleave 'bqs' is not known.*\(known: bsq, bil, bip\)"):
        open_cube(header)


def test_an_array_that_is_not_there_names_the_nearest(tmp_path):
    file = mat(reflectance=cube_of())(tmp_path)
    with pytest.raises(DataError, match=r"no array 'reflectanze'; did you mean 'reflectance'\?"):
        open_cube(file, CubeHints(variable="reflectanze"))


def test_cut_tiffs_are_one_clear_line(tmp_path):
    file = put_tiff(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 999, (64, 64, 9)).astype(np.int16))
    file.write_bytes(file.read_bytes()[:30_000])
    with pytest.raises(DataError, match=r"a\.tif: broken or unsupported TIFF") as caught:
        open_cube(file).read()
    assert "\n" not in str(caught.value)


def test_wavelengths_beside_cubes_are_checked(tmp_path):
    np.save(tmp_path / "a.npy", cube_of())
    (tmp_path / "wavelengths.txt").write_text("400 500 600")
    with pytest.raises(DataError, match=r"a\.npy: wavelengths\.txt: 3 wavelengths for 6 bands"):
        open_cube(tmp_path / "a.npy")
    (tmp_path / "wavelengths.txt").write_text("400 500 red")
    with pytest.raises(DataError, match=r"wavelengths\.txt: 'red' is not a number"):
        open_cube(tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"a\.npy: hsi\.band_centres: 2 wavelengths for 6 bands"):
        open_cube(tmp_path / "a.npy", CubeHints(band_centres=[400, 500]))
