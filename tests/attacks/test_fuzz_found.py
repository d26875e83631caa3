"""What `test_fuzz.py` has found: the smallest file of each kind that once was no line of ours."""

from __future__ import annotations

import json
import os
from pathlib import Path

import lmdb
import pytest
import readers
import torch

from refsr.core.errors import DataError, RefsrError
from refsr.core.torch_files import load_tensors
from refsr.data.images import probe_image, read_image
from refsr.data.stores.checking import repair
from refsr.geo.area_of_interest import read_area

DEEP = b"[" * 3000


@pytest.mark.parametrize(
    "name", ["results", "world", "prepare.json", "chips.json", "digests of a checkpoint", "journal of blocks"]
)
def test_a_record_nested_deep(name: str, tmp_path: Path) -> None:
    """JSON that Python's reader gives up on, by an error of another family than for other texts."""
    reader = readers.READERS[name]
    reader.make(tmp_path)
    file = tmp_path / reader.file
    file.write_bytes(DEEP)
    if name == "digests of a checkpoint":
        # The one before it is used.
        reader.read(file)
        return
    with pytest.raises(RefsrError, match=f"{tmp_path}.*(nested too deep|its record is damaged)"):
        reader.read(file)


def test_lines_of_a_journal_that_are_none_are_left_out(tmp_path: Path) -> None:
    readers.chip_records(tmp_path, readers.JOURNAL)
    with (tmp_path / readers.JOURNAL).open("ab") as journal:
        journal.write(DEEP + b"\n[[], 1]\n")
    record = readers.ChipsRecord(tmp_path, readers.CHIP_SETTINGS)
    record.open()
    assert set(record.known) == {"a", "b"}


def test_the_record_of_a_stored_image_nested_deep(tmp_path: Path) -> None:
    (tmp_path / "header").write_bytes(DEEP)
    with pytest.raises(DataError, match=r"x\.lmdb: 'a' is damaged: the header is nested too deep"):
        readers.read_stored_header(tmp_path / "header")


def test_the_format_of_a_store_nested_deep(tmp_path: Path) -> None:
    readers.packed(tmp_path)
    with lmdb.open(str(tmp_path / "x.lmdb")) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"!complete", DEEP)
    with lmdb.open(str(tmp_path / "y.lmdb")) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"!format", DEEP)
    damages, _ = repair(tmp_path / "x.lmdb")
    assert [damage.what for damage in damages] == ["the completeness record is damaged"]
    with pytest.raises(DataError, match=r"y\.lmdb: format .* is not known"):
        readers.read_store(tmp_path / "y.lmdb" / "data.mdb")


@pytest.mark.parametrize("size", [0, 1, 4095, 1 << 31])
def test_a_store_whose_pages_have_a_size_that_none_has(size: int, tmp_path: Path) -> None:
    """It stands in the first of the two trees, behind the page's and the file's own heads."""
    readers.packed(tmp_path)
    file = tmp_path / "x.lmdb" / "data.mdb"
    whole = file.read_bytes()
    assert whole[40:44] == os.sysconf("SC_PAGE_SIZE").to_bytes(4, "little")
    file.write_bytes(whole[:40] + size.to_bytes(4, "little") + whole[44:])
    with pytest.raises(DataError, match=rf"x\.lmdb: is damaged: says that a page has {size} bytes"):
        readers.read_store(file)


@pytest.mark.parametrize("name", ["\0", "../../state.json", "/etc/hostname", "a/b"])
def test_a_checkpoint_that_names_files_elsewhere(name: str, tmp_path: Path) -> None:
    readers.checkpoints(tmp_path, f"4/{readers.STATE}")
    file = tmp_path / "checkpoints" / "4" / readers.COMPLETE
    file.write_text(json.dumps({**json.loads(file.read_text()), name: "0" * 64}))
    warned: list[str] = []
    found = readers.newest_readable(tmp_path / "checkpoints", warned.append)
    assert found is not None
    assert found.step == 2
    assert "checkpoints/4: COMPLETE.json is damaged" in warned[0]


@pytest.mark.parametrize("key", ["complete", "settings", "chips", "left_out"])
def test_a_record_of_chips_without_a_part(key: str, tmp_path: Path) -> None:
    readers.chip_records(tmp_path, readers.CHIPS)
    file = tmp_path / readers.CHIPS
    file.write_text(json.dumps({name: part for name, part in json.loads(file.read_text()).items() if name != key}))
    with pytest.raises(DataError, match=rf"chips\.json: not a record of refsr chips \('{key}'\)"):
        readers.read_chips(file)


def test_an_alpha_that_is_damaged_is_not_left_out(tmp_path: Path) -> None:
    """libpng warns of a broken chunk of transparency, and goes on without it: four bands became three."""
    whole = readers.palette()
    at = whole.index(b"tRNS") + 4
    (tmp_path / "a.png").write_bytes(whole[:at] + b"\1" + whole[at + 1 :])
    with pytest.raises(DataError, match=r"a\.png: is damaged: its header says \(24, 24, 4\), its pixels .*24, 3\)"):
        read_image(tmp_path / "a.png")


def test_a_transparent_colour_is_an_alpha_of_rgb_too(tmp_path: Path) -> None:
    """The header said three bands, and the pixels had four."""
    whole = readers.encode(readers.picture(3), "png")
    at = whole.index(b"IDAT") - 4
    (tmp_path / "a.png").write_bytes(whole[:at] + readers.png_chunk(b"tRNS", bytes(6)) + whole[at:])
    assert probe_image(tmp_path / "a.png").shape == read_image(tmp_path / "a.png").shape == (24, 27, 4)


def weights(file: Path) -> bytes:
    torch.save({"weight": torch.zeros(4)}, file)
    return file.read_bytes()


def test_weights_without_their_first_byte(tmp_path: Path) -> None:
    """The first record then lies before the file's beginning."""
    file = tmp_path / "a.pth"
    file.write_bytes(weights(file)[1:])
    with pytest.raises(DataError, match=r"a\.pth: (is damaged at|cannot be read as an archive)"):
        load_tensors(file)


def test_weights_whose_record_has_a_name_of_noise(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    whole = weights(file)
    at = whole.index(b"data.pkl") - 2
    # Flag 11 of the record says that its name is UTF-8.
    file.write_bytes(whole[:6] + b"\x00\x08" + whole[8:at] + b"\x80" + whole[at + 1 :])
    with pytest.raises(DataError, match=r"a\.pth: is damaged at"):
        load_tensors(file)


@pytest.mark.parametrize("zone", ["9" * 5000, "²", "61", "0"])
def test_a_cube_in_a_zone_that_is_none(zone: str, tmp_path: Path) -> None:
    """It lies nowhere; the digits of its zone were too many to be a number."""
    text = readers.envi_headers(tmp_path)[0].decode().replace(", 32, North", f", {zone}, North")
    (tmp_path / "cube.hdr").write_text(text, encoding="utf-8")
    assert readers.open_cube(tmp_path / "cube.hdr").cube_info.geotransform is None


def test_a_budget_that_something_else_has_written(tmp_path: Path) -> None:
    from refsr.training.bench import _kept_budget

    file = tmp_path / "budget.json"
    for content in (
        [],
        {"minutes": 2},
        {"minutes": 2, "iterations": {"a": "x"}},
        {"minutes": 2, "iterations": {"a": 0}},
    ):
        file.write_text(json.dumps(content))
        with pytest.raises(DataError, match=r"budget\.json"):
            _kept_budget(file, 2)
    file.write_text(json.dumps({"minutes": 2, "iterations": {"a": 3}}))
    assert _kept_budget(file, 2) == {"a": 3}
    assert _kept_budget(file, 3) == {}


def test_an_area_nested_deep(tmp_path: Path) -> None:
    """From Python 3.12 on the reader of JSON goes deeper than the search for polygons can."""
    file = tmp_path / "a.geojson"
    for depth in (100, 900, 3000):
        file.write_text('{"type": "Feature", "geometry": ' * depth + "null" + "}" * depth)
        with pytest.raises(DataError, match=r"a\.geojson: (holds no polygon|its GeoJSON is nested too deep)"):
            read_area(file)
