"""Data that a disk, a copy or a transfer has changed: an error that names it where it is read, never other pixels."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import lmdb
import numpy as np
import pytest

from refsr.cli.main import main as refsr
from refsr.core.errors import DataError, StoreError
from refsr.core.options.datasets import DatasetOptions
from refsr.data.build import build_dataset
from refsr.data.images import read_image, write_image
from refsr.data.stores import open_store
from refsr.data.stores.checking import verify
from refsr.data.stores.packing import pack_folder, pack_folder_published
from refsr.data.stores.record import Header


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(20):
        image = np.random.default_rng(number).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        write_image(tmp_path / "HR" / f"place_{number}.png", image)
    return tmp_path / "HR"


READ_ALL = """
import sys
from refsr.core.errors import StoreError
from refsr.data.stores import open_store
try:
    store = open_store(sys.argv[1])
    for key in store.keys():
        store.read(key)
except StoreError as error:
    print(error)
"""


def read_in_another_process(store: Path) -> str:
    """What is wrong with a store; a process that LMDB ends is a failure."""
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(store)], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout.strip()


@pytest.mark.parametrize("pack", [pack_folder, pack_folder_published])
@pytest.mark.parametrize("share", [0.2, 0.9])
def test_a_cut_store_is_no_bus_error(pack: Callable[[Path, Path], object], share: float, folder: Path, tmp_path: Path):
    store = tmp_path / "HR.lmdb"
    pack(folder, store)
    data = store / "data.mdb"
    os.truncate(data, int(data.stat().st_size * share))
    assert f"{store}: cut short: {data.stat().st_size} bytes are here" in read_in_another_process(store)
    with pytest.raises(StoreError, match="cut short"):
        pack_folder(folder, store)


def test_a_cut_store_is_told_by_verify(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "HR.lmdb"
    pack_folder(folder, store)
    os.truncate(store / "data.mdb", 40_000)
    assert refsr(["store", "verify", str(store)]) == 1
    assert "cut short" in capsys.readouterr().out


def test_free_pages_may_lie_behind_the_end_of_a_whole_store(tmp_path: Path) -> None:
    """LMDB does not write a free page at the end, so that the number of pages alone condemns whole files."""
    draw, shorter = random.Random(0), 0
    for number in range(40):
        place = tmp_path / str(number)
        with lmdb.open(os.fspath(place), map_size=1 << 24, lock=False) as environment:
            for _ in range(5):
                with environment.begin(write=True) as transaction:
                    for _ in range(20):
                        key = str(draw.randint(0, 25)).encode()
                        if draw.random() < 0.3:
                            transaction.delete(key)
                        else:
                            transaction.put(key, bytes(draw.choice([10, 300, 2000, 20000])))
            needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        shorter += (place / "data.mdb").stat().st_size < needed
        with pytest.raises(StoreError, match="not a packed store"):
            open_store(place).keys()
    assert shorter


SCRAMBLED = """
import os, sys
import numpy as np
from refsr.core.errors import StoreError
from refsr.data.stores import open_store

source, store, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
plain = open_store(source)
images = {key: plain.read(key) for key in plain.keys()}
clean = open(f"{store}/data.mdb", "rb").read()
draw = np.random.default_rng(seed)
for page in range(len(clean) // 4096):
    broken = bytearray(clean)
    at = page * 4096 + int(draw.integers(4000))
    broken[at : at + 64] = draw.integers(0, 256, 64, dtype=np.uint8).tobytes()
    open(f"{store}/data.mdb", "wb").write(broken)
    child = os.fork()
    if child == 0:
        try:
            found = open_store(store)
            same = [np.array_equal(found.read(key), images[key]) for key in found.keys() if key in images]
            os._exit(0 if all(same) else 1)
        except StoreError:
            os._exit(0)
        except BaseException as error:
            print(page, repr(error), flush=True)
            os._exit(2)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended:
        print(f"page {page}: {ended}")
"""


def test_any_scrambled_page_is_an_error_or_does_no_harm(folder: Path, tmp_path: Path) -> None:
    for number, codec in enumerate(("raw", "deflate")):
        store = tmp_path / f"{codec}.lmdb"
        pack_folder(folder, store, codec=codec)
        words = [sys.executable, "-c", SCRAMBLED, str(folder), str(store), str(number)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


def scramble(store: Path, key: str) -> None:
    """Changes pixels of one image, some rows into it."""
    with lmdb.open(os.fspath(store), readonly=True, lock=False) as environment, environment.begin() as transaction:
        stored = transaction.get(f"d:{key}".encode())
    data = bytearray((store / "data.mdb").read_bytes())
    at = data.find(stored) + len(stored) // 2
    data[at : at + 200] = bytes(200)
    (store / "data.mdb").write_bytes(data)


def test_scrambled_pixels_are_an_error_with_key_and_store(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "HR.lmdb"
    pack_folder(folder, store)
    scramble(store, "place_7")
    found = open_store(store)
    with pytest.raises(StoreError, match=r"HR\.lmdb: 'place_7' is damaged: the bytes are not those that were packed"):
        found.read("place_7")
    np.testing.assert_array_equal(found.read("place_8"), open_store(folder).read("place_8"))
    assert open_store(store, verify=False).read("place_7").shape == (40, 48, 3)


def test_reading_is_verified_unless_the_options_say_otherwise(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "HR.lmdb"
    pack_folder(folder, store)
    scramble(store, "place_7")
    options = {"mode": "single", "dataroot_GT": store, "lr": "from_hr"}
    with pytest.raises(StoreError, match="'place_7' is damaged"):
        list(map(build_dataset(DatasetOptions(**options), 4, 0).__getitem__, range(20)))
    unverified = build_dataset(DatasetOptions(**options, verify_reads=False), 4, 0)
    assert len(list(map(unverified.__getitem__, range(20)))) == 20


def test_a_digest_is_computed_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from refsr.data.stores import packed

    pack_folder(folder, tmp_path / "HR.lmdb")
    computed: list[str] = []
    digest = packed.digest

    def counted(header: Header, data: Any) -> str:
        computed.append(header.source)
        return digest(header, data)

    monkeypatch.setattr(packed, "digest", counted)
    store = open_store(tmp_path / "HR.lmdb")
    for _ in range(3):
        store.read("place_1")
    assert len(computed) == 1


def test_packing_maps_no_file_that_it_writes(folder: Path, tmp_path: Path) -> None:
    """LMDB's own lock file was mapped, and on a full tmpfs a bus error."""
    pack_folder(folder, tmp_path / "HR.lmdb")
    pack_folder_published(folder, tmp_path / "published.lmdb")
    assert not list(tmp_path.glob("*/lock.mdb"))


def jpeg() -> bytes:
    image = np.random.default_rng(0).normal(128, 30, (96, 120, 3)).clip(0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


def zeroed(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(300) + data[middle + 300 :]


@pytest.mark.parametrize("damage", [zeroed, lambda data: data[: len(data) // 2] + b"\xff\xd9"], ids=["zeros", "cut"])
def test_a_damaged_jpeg_is_an_error(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """OpenCV makes up what is missing."""
    file = tmp_path / "a.jpg"
    file.write_bytes(damage(jpeg()))
    with pytest.raises(DataError, match=r"a\.jpg: damaged JPEG: Corrupt JPEG data"):
        read_image(file)


@pytest.mark.parametrize("coding", ["baseline", "progressive", "restart marks", "grey", "thumbnail"])
def test_a_jpeg_has_the_pixels_that_opencv_gives(coding: str, tmp_path: Path) -> None:
    words = {
        "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
        "restart marks": [cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
    }
    image = cv2.imdecode(np.frombuffer(jpeg(), np.uint8), cv2.IMREAD_COLOR)
    data = cv2.imencode(".jpg", image[:, :, 0] if coding == "grey" else image, words.get(coding, []))[1].tobytes()
    if coding == "thumbnail":
        # A segment that holds a JPEG with an end mark of its own.
        inside = jpeg()[:9000]
        data = data[:2] + b"\xff\xe1" + (len(inside) + 2).to_bytes(2, "big") + inside + data[2:]
    (tmp_path / "a.jpg").write_bytes(data)
    wanted = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    wanted = wanted[:, :, None] if wanted.ndim == 2 else wanted[:, :, ::-1]
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), wanted)


@pytest.mark.parametrize("share", [0.3, 0.9, 1.0])
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_cut_image_is_an_error(kind: str, share: float, tmp_path: Path) -> None:
    """Also where nothing but the end mark is missing, which decoders take no notice of."""
    file = tmp_path / f"a.{kind}"
    write_image(file, np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8))
    whole = file.read_bytes()
    end = len(whole) - {"png": 12, "jpg": 2}[kind]
    file.write_bytes(whole[: int(share * end)])
    with pytest.raises(DataError, match=rf"a\.{kind}: the file is cut short"):
        read_image(file)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_bytes_behind_the_end_are_told_and_not_read(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    file = tmp_path / f"a.{kind}"
    write_image(file, np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8))
    image = read_image(file)
    assert not caplog.records
    file.write_bytes(file.read_bytes() + b"more" * 100)
    for _ in range(2):
        np.testing.assert_array_equal(read_image(file), image)
    assert [record.getMessage() for record in caplog.records] == [
        f"{file}: 400 bytes behind the end of the image are not read"
    ]


def test_folders_with_checksums_are_held_to_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refsr(["store", "digest", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder / 'SHA256SUMS'}: 20 files\n"
    assert len(open_store(folder).keys()) == 20
    assert verify(folder) == []
    (folder / "place_3.png").write_bytes((folder / "place_4.png").read_bytes())
    write_image(folder / "new.png", np.zeros((40, 48, 3), np.uint8))
    (folder / "place_5.png").unlink()
    found = open_store(folder)
    assert found.read("place_4").shape == (40, 48, 3)
    with pytest.raises(StoreError, match=r"place_3\.png: the bytes are not those of SHA256SUMS: .*store digest"):
        found.read("place_3")
    with pytest.raises(StoreError, match=r"new\.png: is not in SHA256SUMS"):
        found.read("new")
    assert open_store(folder, verify=False).read("place_3").shape == (40, 48, 3)
    assert sorted(str(damage.key) for damage in verify(folder)) == ["new", "place_3", "place_5.png"]
    assert refsr(["store", "digest", str(folder)]) == 0
    assert verify(folder) == []


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_a_single_image_is_held_to_the_checksums_beside_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = folder / "place_3.png"
    words = ["restore", "--model", "refsr-x4-fast", "--lr", str(image), "-o", str(tmp_path / "sr.png")]
    assert refsr(["store", "digest", str(folder)]) == 0
    write_image(image, np.zeros((40, 48, 3), np.uint8))
    assert refsr(words) == 1
    assert f"{image}: the bytes are not those of SHA256SUMS" in capsys.readouterr().err
    assert not (tmp_path / "sr.png").exists()
    assert refsr(["store", "digest", str(folder)]) == 0
    write_image(folder / "other.png", np.zeros((40, 48, 3), np.uint8))
    assert refsr([*words[:4], str(folder / "other.png"), *words[5:]]) == 1
    assert "other.png: is not in SHA256SUMS" in capsys.readouterr().err


def test_checksums_are_those_of_sha256sum(tmp_path: Path) -> None:
    for name in ("a", "with space", "back\\slash", "line\nbreak", os.fsdecode(b"not utf-8 \xff")):
        write_image(tmp_path / "images" / "class" / f"{name}.png", np.zeros((4, 4, 3), np.uint8))
    folder = tmp_path / "images"
    assert refsr(["store", "digest", str(folder)]) == 0
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert verify(folder) == []


def test_checksums_cover_the_numbers_of_a_cube(tmp_path: Path) -> None:
    header = "ENVI\nsamples = 4\nlines = 3\nbands = 6\ndata type = 12\ninterleave = bsq\nbyte order = 0\n"
    (tmp_path / "a.hdr").write_text(header)
    np.arange(72, dtype="<u2").tofile(tmp_path / "a.img")
    assert refsr(["store", "digest", str(tmp_path)]) == 0
    np.arange(1, 73, dtype="<u2").tofile(tmp_path / "a.img")
    from refsr.data.cubes.opening import open_cubes

    with pytest.raises(StoreError, match=r"a\.img: the bytes are not those of SHA256SUMS"):
        open_cubes(tmp_path).read_bands("a")


def test_checksums_of_an_lmdb_are_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack_folder(folder, tmp_path / "HR.lmdb")
    assert refsr(["store", "digest", str(tmp_path / "HR.lmdb")]) == 2
    assert "holds digests already" in capsys.readouterr().err
