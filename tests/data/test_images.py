"""Files come back as they were written, windows are parts of the whole, and broken files are one clear line."""

from __future__ import annotations

import contextlib

import cv2
import numpy as np
import pytest

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.images import info_of, probe_image, read_image, write_image


def image_of(bands: int, dtype: str) -> np.ndarray:
    return (np.random.default_rng(bands).random((13, 17, bands)) * 250).astype(dtype)


@pytest.mark.parametrize(
    ("suffix", "bands", "dtype"),
    [(".png", b, t) for b in (1, 3, 4) for t in ("uint8", "uint16")]
    + [(".tif", b, t) for b in (1, 3, 4, 13) for t in ("uint8", "uint16", "float32")]
    + [(".npy", b, t) for b in (1, 3, 256) for t in ("uint8", "uint16", "float32")],
)
def test_lossless_formats_are_lossless(tmp_path, suffix, bands, dtype):
    if suffix == ".tif" and bands == 13:
        pytest.importorskip("rasterio")
    image = image_of(bands, dtype)
    file = tmp_path / f"straße{suffix}"
    write_image(file, image)
    np.testing.assert_array_equal(read_image(file), image)
    assert probe_image(file) == info_of(image)
    np.testing.assert_array_equal(read_image(file, Window(2, 3, 5, 6)), image[2:7, 3:9])
    assert [p.name for p in tmp_path.iterdir()] == [file.name]


def test_colours_are_in_rgb_order(tmp_path):
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0] = 200
    for suffix in (".png", ".tif", ".jpg"):
        write_image(tmp_path / f"red{suffix}", image)
        assert read_image(tmp_path / f"red{suffix}")[0, 0].argmax() == 0
    assert cv2.imread(str(tmp_path / "red.png"))[0, 0].argmax() == 2


def test_jpeg_quality_matters_and_size_is_in_the_header(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    write_image(tmp_path / "a.jpg", image, quality=30)
    write_image(tmp_path / "b.jpg", image, quality=95)
    assert (tmp_path / "a.jpg").stat().st_size < (tmp_path / "b.jpg").stat().st_size
    assert probe_image(tmp_path / "a.jpg") == info_of(image)


def test_the_content_decides_how_a_file_is_read(tmp_path):
    image = image_of(3, "uint8")
    write_image(tmp_path / "a.png", image)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), image)


def test_exif_turns_are_ignored(tmp_path):
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, :8] = 255
    data = cv2.imencode(".jpg", image)[1].tobytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    (tmp_path / "a.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    assert read_image(tmp_path / "a.jpg").shape == (8, 16, 3)


def test_a_palette_is_expanded(tmp_path):
    pil = pytest.importorskip("PIL.Image")
    image = np.zeros((5, 6, 3), np.uint8)
    image[2:, :, 1] = 99
    pil.fromarray(image).quantize(4).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)
    assert probe_image(tmp_path / "a.png").bands == 3


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy"])
def test_cut_files_are_refused(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    write_image(file, np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError, match=file.name):
        read_image(file)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"\x93NUMPY"])
def test_broken_files_are_named(tmp_path, content):
    file = tmp_path / "a.png"
    file.write_bytes(content)
    for read in (read_image, probe_image):
        with pytest.raises(DataError, match=r"a\.png"):
            read(file)


def test_other_mistakes_are_named(tmp_path):
    write_image(tmp_path / "a.png", image_of(3, "uint8"))
    with pytest.raises(DataError, match=r"no such file; did you mean 'a\.png'"):
        read_image(tmp_path / "a.pgn")
    np.save(tmp_path / "b.npy", np.zeros((3, 3, 1), np.int64))
    with pytest.raises(DataError, match="int64"):
        read_image(tmp_path / "b.npy")
    np.save(tmp_path / "c.npy", np.zeros(3))
    with pytest.raises(DataError, match="shape"):
        read_image(tmp_path / "c.npy")
    np.save(tmp_path / "d.npy", np.array([[object()]]), allow_pickle=True)
    with pytest.raises(DataError, match="not a plain array"):
        read_image(tmp_path / "d.npy")
    for call, message in [
        (lambda: write_image(tmp_path / "x.bmp", image_of(3, "uint8")), "suffix"),
        (lambda: write_image(tmp_path / "x.png", image_of(7, "uint8")), "7"),
        (lambda: write_image(tmp_path / "x.png", image_of(3, "float32")), "float32"),
        (lambda: write_image(tmp_path / "x.jpg", image_of(3, "uint16")), "8 bits"),
        (lambda: write_image(tmp_path / "x.npy", np.zeros((3, 3, 300), np.uint8)), "300 bands"),
        (lambda: read_image(tmp_path / "a.png", Window(10, 0, 9, 9)), "does not lie inside"),
    ]:
        with pytest.raises(DataError, match=message):
            call()


@pytest.mark.parametrize("place", range(8, 60))
def test_a_damaged_header_of_an_array_is_one_clear_line(tmp_path, place):
    np.save(tmp_path / "a.npy", np.zeros((3, 3, 1), np.uint8))
    content = bytearray((tmp_path / "a.npy").read_bytes())
    for byte in (0, 34, 40, 255):
        content[place] = byte
        (tmp_path / "b.npy").write_bytes(content)
        with contextlib.suppress(DataError):
            read_image(tmp_path / "b.npy")
