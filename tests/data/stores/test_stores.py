"""Every store gives back what went in, whole or by window, here or in another process, or says what is wrong."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

import lmdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsr.core.errors import DataError, StoreError
from refsr.core.window import Window
from refsr.data.images import write_image
from refsr.data.stores import open_store
from refsr.data.stores.checking import repair, verify, verify_set
from refsr.data.stores.packed import PackedStore
from refsr.data.stores.packing import pack_folder, pack_folder_published, writing
from refsr.data.stores.published import PublishedStore, read_meta
from refsr.data.stores.sets import pack_set


def make_folder(folder: Path, count: int = 5, size: tuple[int, int] = (24, 20), seed: int = 0) -> Path:
    draw = np.random.default_rng(seed)
    for i in range(count):
        write_image(folder / f"place_{i}.png", draw.integers(0, 256, (*size, 3), dtype=np.uint8))
    return folder


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "HR")


@pytest.mark.parametrize("form", ["folder", "raw", "deflate", "published"])
def test_all_forms_give_the_same_pixels(folder, tmp_path, form):
    target = tmp_path / "HR.lmdb"
    if form == "published":
        pack_folder_published(folder, target)
    elif form != "folder":
        pack_folder(folder, target, codec=form)
    store = open_store(folder if form == "folder" else target)
    plain = open_store(folder)
    assert store.keys() == plain.keys() == tuple(f"place_{i}" for i in range(5))
    for key in store.keys():
        whole = store.read(key)
        np.testing.assert_array_equal(whole, plain.read(key))
        assert store.info(key) == plain.info(key)
        window = store.read(key, Window(3, 5, 7, 11))
        np.testing.assert_array_equal(window, whole[3:10, 5:16])
        assert window.flags.owndata or window.base.flags.owndata
    assert verify(store.path) == []


@pytest.mark.parametrize("form", ["folder", "raw", "published"])
def test_windows_and_keys_that_are_not_there_are_named(folder, tmp_path, form):
    target = tmp_path / "HR.lmdb"
    {"raw": pack_folder, "published": pack_folder_published}.get(form, lambda *_: None)(folder, target)
    store = open_store(folder if form == "folder" else target)
    with pytest.raises(StoreError, match="did you mean 'place_1'"):
        store.read("place1")
    for window in (Window(20, 0, 5, 5), Window(-1, 0, 5, 5), Window(0, 0, 0, 5)):
        with pytest.raises(DataError, match="does not lie inside 24x20"):
            store.read("place_1", window)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(codec="utf-8", exclude_characters="/\\\0.", exclude_categories=("Cc", "Cs")),
                min_size=1,
                max_size=20,
            ),
            st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 256)),
            st.sampled_from(["uint8", "uint16", "float32"]),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda entry: entry[0],
    ),
    st.sampled_from(["raw", "deflate"]),
)
def test_any_bands_type_and_key_survive(entries, codec):
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "in", Path(scratch) / "out.lmdb"
        images = {}
        for name, shape, dtype in entries:
            draw = np.random.default_rng(sum(shape))
            images[name] = (draw.random(shape) * 300 - (20 if dtype == "float32" else 0)).astype(dtype)
            write_image(source / f"{name}.npy", images[name])
        pack_folder(source, target, codec=codec)
        store = open_store(target)
        assert set(store.keys()) == set(images)
        for name, image in images.items():
            back = store.read(name)
            assert back.dtype == image.dtype
            np.testing.assert_array_equal(back, image)
        store.close()


def _sum_of(store) -> int:
    return sum(int(store.read(key).sum()) for key in store.keys())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_store_that_is_open_works_in_other_processes(folder, tmp_path, method):
    pack_folder(folder, tmp_path / "HR.lmdb")
    store = open_store(tmp_path / "HR.lmdb")
    here = _sum_of(store)
    with get_context(method).Pool(2) as pool:
        assert pool.map(_sum_of, [store, store, store]) == [here] * 3
    assert _sum_of(store) == here


def test_two_readers_of_one_store_live_side_by_side(folder, tmp_path):
    pack_folder(folder, tmp_path / "HR.lmdb")
    first, second = open_store(tmp_path / "HR.lmdb"), open_store(tmp_path / "HR.lmdb")
    assert _sum_of(first) == _sum_of(second)
    first.close()
    assert _sum_of(second) > 0


def test_packing_again_does_only_what_is_new_or_changed(folder, tmp_path):
    target = tmp_path / "HR.lmdb"
    assert pack_folder(folder, target).written == 5
    assert pack_folder(folder, target).written == 0
    write_image(folder / "place_9.png", np.zeros((24, 20, 3), np.uint8))
    write_image(folder / "place_1.png", np.full((30, 20, 3), 7, np.uint8))
    report = pack_folder(folder, target)
    assert (report.written, report.kept) == (2, 4)
    store = open_store(target)
    assert store.read("place_1").shape == (30, 20, 3)
    assert len(store.keys()) == 6
    assert verify(target) == []


def test_an_image_that_left_the_folder_is_no_silent_part_of_the_store(tmp_path):
    """Removed from all folders of a set, it stayed in all stores, paired, and was trained on."""
    for kind, side in (("HR", 32), ("LR", 8)):
        for name in ("kept", "removed"):
            write_image(tmp_path / "set" / kind / f"{name}.png", np.zeros((side, side, 3), np.uint8))
    pack_set(tmp_path / "set", tmp_path / "stores")
    for kind in ("HR", "LR"):
        (tmp_path / "set" / kind / "removed.png").unlink()
    with pytest.raises(StoreError, match=r"HR\.lmdb: holds images that .*HR lacks: removed; remove the store"):
        pack_set(tmp_path / "set", tmp_path / "stores")


def test_a_changed_file_of_equal_size_is_packed_again(tmp_path):
    source, target = tmp_path / "HR", tmp_path / "HR.lmdb"
    images = [np.full((8, 8, 3), value, np.uint8) for value in (10, 20)]
    for name in ("kept", "changed"):
        write_image(source / f"{name}.npy", images[0])
    assert pack_folder(source, target).written == 2
    before = (source / "changed.npy").stat()
    write_image(source / "changed.npy", images[1])
    later = before.st_mtime_ns + 1_000_000
    os.utime(source / "changed.npy", ns=(later, later))
    assert (source / "changed.npy").stat().st_size == before.st_size
    report = pack_folder(source, target)
    assert (report.written, report.kept) == (1, 1)
    np.testing.assert_array_equal(open_store(target).read("changed"), images[1])


def test_the_map_grows_by_itself(tmp_path):
    source = tmp_path / "HR"
    for i in range(5):
        write_image(source / f"{i}.npy", np.random.default_rng(i).random((800, 800, 4)).astype(np.float32))
    pack_folder(source, tmp_path / "HR.lmdb")
    assert (tmp_path / "HR.lmdb" / "data.mdb").stat().st_size > 5 * 800 * 800 * 16
    assert verify(tmp_path / "HR.lmdb") == []


def test_two_writers_do_not_meet(folder, tmp_path):
    target = tmp_path / "HR.lmdb"
    with writing(target), pytest.raises(StoreError, match="another process is writing"):
        pack_folder(folder, target)


def flip(file: Path, at: int) -> None:
    with file.open("r+b") as handle:
        handle.seek(at)
        byte = handle.read(1)[0]
        handle.seek(at)
        handle.write(bytes([byte ^ 0x10]))


@pytest.mark.parametrize("codec", ["raw", "deflate"])
def test_a_flipped_byte_is_found_and_repaired(folder, tmp_path, codec):
    target = tmp_path / "HR.lmdb"
    pack_folder(folder, target, codec=codec)
    database = target / "data.mdb"
    store = open_store(target)
    with lmdb.open(os.fspath(target), readonly=True, lock=False) as environment, environment.begin() as transaction:
        stored = transaction.get(b"d:place_3")
    at = database.read_bytes().find(stored)
    assert at > 0
    flip(database, at + len(stored) // 2)
    assert [damage.key for damage in verify(target)] == ["place_3"]
    damages, report = repair(target, folder)
    assert [damage.key for damage in damages] == ["place_3"]
    assert report.written == 1
    assert verify(target) == []
    np.testing.assert_array_equal(open_store(target).read("place_3"), open_store(folder).read("place_3"))
    store.close()


def test_flips_anywhere_never_crash_and_never_pass_for_other_pixels(tmp_path):
    folder = make_folder(tmp_path / "HR", size=(80, 60))
    target = tmp_path / "HR.lmdb"
    pack_folder(folder, target)
    plain = {key: open_store(folder).read(key) for key in open_store(folder).keys()}
    clean = (target / "data.mdb").read_bytes()
    script = (
        "import sys; from pathlib import Path; from refsr.data.stores.checking import _verify_packed as v;"
        "print(len(v(Path(sys.argv[1]))))"
    )
    draw = np.random.default_rng(5)
    missed = 0
    for _ in range(6):
        (target / "data.mdb").write_bytes(clean)
        flip(target / "data.mdb", int(draw.integers(len(clean))))
        done = subprocess.run([sys.executable, "-c", script, str(target)], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == "0":
            missed += 1
            store = PackedStore(target)
            for key, image in plain.items():
                np.testing.assert_array_equal(store.read(key), image)
            store.close()
        else:
            assert "Traceback" not in done.stderr
    assert missed < 6


def test_a_missing_image_and_unequal_keys_are_found(folder, tmp_path):
    pack_folder(folder, tmp_path / "HR.lmdb")
    pack_folder(folder, tmp_path / "Ref.lmdb")
    with writing(tmp_path / "HR.lmdb") as environment, environment.begin(write=True) as transaction:
        transaction.delete(b"d:place_2")
        transaction.delete(b"h:place_4")
    assert {damage.key for damage in verify(tmp_path / "HR.lmdb")} == {"place_2", "place_4", None}
    lines = verify_set([tmp_path / "HR.lmdb", tmp_path / "Ref.lmdb"])
    assert len(lines) == 1
    assert "HR.lmdb lacks 1 of 5: place_4" in lines[0]


def test_folders_that_do_not_pair_are_not_packed(tmp_path):
    make_folder(tmp_path / "set" / "HR")
    make_folder(tmp_path / "set" / "LR", count=4, size=(6, 5))
    with pytest.raises(DataError, match="LR lacks 1 of 5: place_4"):
        pack_set(tmp_path / "set", tmp_path / "out")
    make_folder(tmp_path / "set" / "LR", size=(7, 5))
    with pytest.raises(DataError, match="LR is 7x5 beside 24x20"):
        pack_set(tmp_path / "set", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_published_layout_is_what_published_loaders_expect(folder, tmp_path):
    target = tmp_path / "HR.lmdb"
    pack_folder_published(folder, target)
    meta = pickle.loads((target / "meta_info.pkl").read_bytes())
    assert meta == {"name": "HR.lmdb", "keys": [f"place_{i}" for i in range(5)], "resolution": ["3_24_20"]}
    with lmdb.open(os.fspath(target), readonly=True, lock=False) as environment, environment.begin() as transaction:
        value = np.frombuffer(transaction.get(b"place_2"), np.uint8).reshape(24, 20, 3)
    np.testing.assert_array_equal(value[:, :, ::-1], open_store(folder).read("place_2"))


def test_the_published_layout_refuses_what_it_cannot_hold(tmp_path):
    write_image(tmp_path / "HR" / "a.png", np.zeros((4, 4, 3), np.uint16))
    with pytest.raises(DataError, match="8 bits only"):
        pack_folder_published(tmp_path / "HR", tmp_path / "HR.lmdb")
    assert not (tmp_path / "HR.lmdb").exists()


class Malicious:
    def __reduce__(self):
        return (os.system, ("touch pwned",))


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Malicious()),
        pickle.dumps({"name": "x", "keys": ["a"], "resolution": [Malicious()]}),
        pickle.dumps({"keys": ["a", "b"], "resolution": ["3_4_4", "3_4_4", "3_4_4"]}),
        pickle.dumps({"keys": ["a"], "resolution": ["3_4"]}),
        pickle.dumps({"keys": ["a"], "resolution": ["3_-4_4"]}),
        pickle.dumps(["a"]),
        b"",
        b"not a pickle",
    ],
)
def test_a_pickle_runs_nothing_and_breaks_with_one_line(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meta_info.pkl").write_bytes(content)
    with pytest.raises(StoreError, match=r"meta_info\.pkl"):
        read_meta(tmp_path / "meta_info.pkl")
    assert not (tmp_path / "pwned").exists()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_random_pickles_break_with_one_line(content):
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "meta_info.pkl"
        file.write_bytes(content)
        with pytest.raises(StoreError):
            read_meta(file)


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\0" * 8192])
def test_what_is_no_database_is_named(tmp_path, content):
    (tmp_path / "a.lmdb").mkdir()
    (tmp_path / "a.lmdb" / "data.mdb").write_bytes(content)
    with pytest.raises(StoreError, match=r"a\.lmdb"):
        open_store(tmp_path / "a.lmdb").keys()
    assert verify(tmp_path / "a.lmdb")


def test_paths_that_are_no_store_are_named(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(StoreError, match="did you mean 'train'"):
        open_store(tmp_path / "trian")
    with pytest.raises(StoreError, match="no images here"):
        open_store(tmp_path / "train").keys()
    (tmp_path / "data.mdb").write_bytes(b"")
    with pytest.raises(StoreError, match="the store is its folder"):
        open_store(tmp_path / "data.mdb")


def test_an_unfinished_store_is_not_read(folder, tmp_path):
    target = tmp_path / "HR.lmdb"
    pack_folder(folder, target)
    with writing(target) as environment, environment.begin(write=True) as transaction:
        transaction.delete(b"!complete")
    with pytest.raises(StoreError, match="packing did not end"):
        open_store(target).keys()
    assert "packing did not end" in str(verify(target)[0])
    assert pack_folder(folder, target).written == 0
    assert verify(target) == []


def test_the_published_example_has_the_same_pixels(shared):
    packed = open_store(shared / "data" / "published_lmdb" / "LR.lmdb")
    files = open_store(shared / "data" / "rrssrd" / "val_1st" / "LR")
    assert isinstance(packed, PublishedStore)
    assert packed.keys() == files.keys()
    for key in packed.keys():
        np.testing.assert_array_equal(packed.read(key), files.read(key))
