"""Every reader of files, with valid files made by code: what `test_fuzz.py` damages and reads.

To add a reader: a function that makes its files in an empty folder and returns the contents of the one that is to be
damaged, a function that reads that file, and a line in READERS.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import lmdb
import numpy as np
import torch
import yaml

from onnx_files import graph, metadata, with_metadata
from refsr.core.digests import file_digest
from refsr.core.options.bench import load_bench
from refsr.core.options.load import load_options
from refsr.core.torch_files import load_tensors
from refsr.core.window import Window
from refsr.data.chips.record import JOURNAL, ChipsRecord
from refsr.data.chips.record import NAME as CHIPS
from refsr.data.cubes.files import open_cube
from refsr.data.images import encode, probe_image, read_image, write_image
from refsr.data.prepare import manifest
from refsr.data.registered import cache
from refsr.data.registered.registered_ref import RegisteredRef
from refsr.data.scenes.split import listed_split
from refsr.data.stores import open_store
from refsr.data.stores.checksums import SUMS, write_checksums
from refsr.data.stores.packing import pack_folder, pack_folder_published
from refsr.data.stores.record import Header, digest, pack
from refsr.evaluation.results import Results, Score
from refsr.geo.area_of_interest import read_area
from refsr.geo.control_points import fit_grid, read_control_points
from refsr.geo.raster_sink import RasterProfile, RasterSink
from refsr.geo.raster_source import BandInfo, RasterSource
from refsr.interop.weights.reading import read_published
from refsr.networks.descriptor import NetworkSpec
from refsr.report.log import read_log
from refsr.report.read_runs import read_run
from refsr.runs.checkpoint import COMPLETE, STATE, Checkpoint, newest_readable, write_checkpoint
from refsr.runs.model_file import HEADER as CARD
from refsr.runs.model_file import ModelCard, _digest, read_model, write_model
from refsr.runs.onnx_file import onnx_metadata
from refsr.runs.run_folder import BEST, best_step
from refsr.worlds.knobs import Knobs
from refsr.worlds.world_folder import DESCRIPTION, make_world

SIDE = 24


@dataclass(frozen=True)
class Reader:
    """What is damaged, and how it is read."""

    file: str
    """Where it lies in the folder; the message must name it, or a folder above it."""
    make: Callable[[Path], list[bytes]]
    read: Callable[[Path], object]
    text: bool = False
    examples: int = 400
    """In CI: five to ten seconds of the processor."""
    wrap: Callable[[bytes], bytes] = bytes
    """Makes a file of what was damaged, such as one whose checksums are right again."""


def picture(bands: int = 3, dtype: str = "uint8") -> np.ndarray:
    high = 1 if dtype == "float32" else np.iinfo(dtype).max
    drawn = np.random.default_rng(bands).random((SIDE, SIDE + 3, bands))
    return (cv2.blur(drawn, (5, 5)).reshape(drawn.shape) * high).astype(dtype)


def read_picture(file: Path) -> None:
    """Whole and in part; the header must say what the pixels are."""
    info, image = probe_image(file), read_image(file)
    assert image.shape == info.shape
    assert str(image.dtype) == info.dtype
    np.testing.assert_array_equal(read_image(file, Window(0, 0, 1, 1)), image[:1, :1])


def pngs(folder: Path) -> list[bytes]:
    kinds = ((1, "uint8"), (3, "uint16"), (4, "uint8"))
    return [*(encode(picture(bands, kind), "png") for bands, kind in kinds), palette()]


def palette() -> bytes:
    """A PNG with a palette that has an alpha."""
    rows = b"".join(b"\0" + bytes((row + column) % 16 for column in range(SIDE)) for row in range(SIDE))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(range(48))),
        (b"tRNS", bytes(range(16))),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_right_sums(data: bytes) -> bytes:
    """A PNG's chunks with checksums of what they hold now."""
    made, at = data[:8], 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        made += png_chunk(data[at + 4 : at + 8], data[at + 8 : end])
        at = end + 4
    return made + data[at:]


def jpegs(folder: Path) -> list[bytes]:
    progressive = cv2.imencode(".jpg", picture(), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2])
    return [encode(picture(1), "jpeg"), encode(picture(3), "jpeg"), progressive[1].tobytes()]


def tiffs(folder: Path) -> list[bytes]:
    for name, image in (("a", picture(1, "uint16")), ("b", picture(3)), ("c", picture(7, "float32"))):
        write_image(folder / f"{name}.tif", image)
    plain = encode(picture(3), "tiff")
    return [*((folder / f"{name}.tif").read_bytes() for name in "abc"), plain]


def geotiffs(folder: Path) -> list[bytes]:
    import rasterio
    from rasterio.transform import from_origin

    grid = {"crs": "EPSG:32632", "transform": from_origin(5e5, 5e6, 2, 2)}
    about = {"driver": "GTiff", "height": SIDE, "width": SIDE + 3, "count": 3, "dtype": "uint16", **grid}
    tiles = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    made = []
    for number, more in enumerate((tiles, {"compress": "lzw", "nodata": 7})):
        with rasterio.open(folder / f"{number}.tif", "w", **about, **more) as sink:
            sink.write(np.moveaxis(picture(3, "uint16"), 2, 0))
            sink.update_tags(TIFFTAG_DATETIME="2020:01:01 00:00:00", NAME="a place")
            sink.set_band_description(1, "red")
        made.append((folder / f"{number}.tif").read_bytes())
    return made


def read_raster(file: Path) -> None:
    with RasterSource(file) as source:
        pixels, _ = source.read(Window(0, 0, min(source.height, 64), min(source.width, 64)))
        assert pixels.dtype == source.dtype
        assert source.tags is not None


def npys(folder: Path) -> list[bytes]:
    made = []
    for array in (picture(3), picture(5, "float32"), np.asfortranarray(picture(2, "uint16"))):
        buffer = io.BytesIO()
        np.save(buffer, array)
        made.append(buffer.getvalue())
    return made


def read_npy(file: Path) -> None:
    open_cube(file).read()
    read_picture(file)


def mats(folder: Path) -> list[bytes]:
    from scipy.io import savemat

    made = []
    for packed in (False, True):
        buffer = io.BytesIO()
        savemat(buffer, {"cube": picture(6, "uint16"), "name": "a", "more": {"x": 1.0}}, do_compression=packed)
        made.append(buffer.getvalue())
    return made


def read_cube(file: Path) -> None:
    cube = open_cube(file)
    assert cube.read().shape == (cube.info.height, cube.info.width, cube.info.bands)
    cube.contradiction()


def envi_headers(folder: Path) -> list[bytes]:
    """Two headers that both fit the numbers beside them."""
    cube = picture(4, "uint16")
    (folder / "cube.img").write_bytes(cube.transpose(2, 0, 1).tobytes())
    said = {
        "description": "{ drawn }", "samples": SIDE + 3, "lines": SIDE, "bands": 4, "header offset": 0, "data type": 12,
        "interleave": "bsq", "byte order": 0, "wavelength units": "Nanometers", "bbl": "{1, 1, 0, 1}",
        "wavelength": "{ 450, 550,\n 650, 850 }", "data ignore value": -1,
        "map info": "{UTM, 1, 1, 5e5, 5e6, 2, 2, 32, North, WGS-84}",
    }  # fmt: skip
    few = {key: said[key] for key in ("samples", "lines", "bands", "data type", "interleave")}
    return [
        "\n".join(["ENVI", *(f"{key} = {value}" for key, value in one.items()), ""]).encode() for one in (said, few)
    ]


def model_files(folder: Path) -> list[bytes]:
    spec = NetworkSpec("EDSR", {"nf": 4, "n_blocks": 1})
    write_model(folder / "whole", spec.build().state_dict(), ModelCard(spec, "SISR_model", {"run": "a"}))
    return [(folder / "whole").read_bytes()]


def model_cards(folder: Path) -> list[bytes]:
    """What a model file says of itself; its tensors stay."""
    data = model_files(folder)[0]
    length = int.from_bytes(data[:8], "little")
    return [json.loads(data[8 : 8 + length])["__metadata__"][CARD].encode()]


def with_card(folder: Path, said: bytes) -> bytes:
    """A model file, whole and with the digest that belongs to it, whose card says something else."""
    from safetensors.torch import load, save

    tensors = load((folder / "whole").read_bytes())
    words = said.decode(errors="replace")
    try:
        card = {str(key): str(value) for key, value in json.loads(words).items() if key != "digest"}
        words = json.dumps({**card, "digest": _digest(tensors, card)})
    except (ValueError, AttributeError, RecursionError):
        pass
    return save(tensors, {CARD: words})


def read_card_of(file: Path) -> None:
    said = file.read_bytes()
    file.write_bytes(with_card(file.parent, said))
    try:
        read_model(file)
    finally:
        file.write_bytes(said)


def pths(folder: Path) -> list[bytes]:
    state = {"conv.weight": torch.ones(4, 3, 3, 3), "conv.bias": torch.zeros(4)}
    made = []
    for new in (True, False):
        buffer = io.BytesIO()
        torch.save({"params": state, "epoch": 3}, buffer, _use_new_zipfile_serialization=new)
        made.append(buffer.getvalue())
    return made


def read_weights(file: Path) -> None:
    load_tensors(file)
    read_published(file)


def drawn_folder(folder: Path, count: int = 6) -> Path:
    for number in range(count):
        write_image(folder / "HR" / f"{number}.png", picture(3))
    return folder / "HR"


def packed(folder: Path) -> list[bytes]:
    pack_folder(drawn_folder(folder), folder / "x.lmdb")
    data = (folder / "x.lmdb" / "data.mdb").read_bytes()
    pack_folder(folder / "HR", folder / "y.lmdb", codec="deflate")
    return [data, (folder / "y.lmdb" / "data.mdb").read_bytes()]


def published(folder: Path) -> list[bytes]:
    pack_folder_published(drawn_folder(folder), folder / "x.lmdb")
    return [(folder / "x.lmdb" / "data.mdb").read_bytes()]


def published_records(folder: Path) -> list[bytes]:
    published(folder)
    plain = (folder / "x.lmdb" / "meta_info.pkl").read_bytes()
    return [plain, pickle.dumps(pickle.loads(plain), protocol=4)]


def read_store(file: Path) -> None:
    store = open_store(file.parent)
    try:
        for key in store.keys():
            assert store.read(key).shape == store.info(key).shape
    finally:
        store.close()


def stored_headers(folder: Path) -> list[bytes]:
    """The record of an image in a store, with all that a cube's may hold."""
    cubes = (None, {"wavelengths": [1.0, 2.0], "nodata": 1})
    return [pack(picture(3), "raw", "a.png", beside)[0].encode() for beside in cubes]


def read_stored_header(file: Path) -> None:
    """In a store, with the digest that belongs to it."""
    said, place, image = file.read_bytes(), file.parent / "x.lmdb", picture(3).tobytes()
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        header = Header.decode(said)
        said = replace(header, digest=digest(header, image)).encode()
    with lmdb.open(str(place), map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        for key, value in ((b"!format", b'{"format": "refsr-lmdb", "version": 1}'), (b"!complete", b'{"images": 1}')):
            transaction.put(key, value)
        transaction.put(b"h:a", said or b"\0")
        transaction.put(b"d:a", image)
    read_store(place / "data.mdb")


def options(folder: Path) -> list[bytes]:
    repository = Path(__file__).resolve().parents[2]
    return [file.read_bytes() for file in sorted((repository / "options").glob("r*/*.yml"))[:6]]


def bench_files(folder: Path) -> list[bytes]:
    content = {
        "name": "two", "iterations": 4, "metrics": ["lpips"], "ref": ["swap"],
        "systems": {"a": {"options": "a.yml", "overrides": ["train.niter=3"]}, "b": {"options": "b.yml", "start": "a"}},
    }  # fmt: skip
    return [yaml.safe_dump(content, sort_keys=False).encode()]


WINDOWS = [Window(0, 0, 8, 8), Window(0, 8, 8, 8)]


def sink(folder: Path) -> RasterSink:
    profile = RasterProfile(8, 16, "uint8", [BandInfo(), BandInfo(), BandInfo()])
    return RasterSink(folder / "sr.tif", profile, {"lr": "a", "tiles": [1, 2], "more": {"x": 1.5}}, "gtiff")


def journal(folder: Path) -> list[bytes]:
    made = sink(folder)
    made.open()
    for window in WINDOWS:
        made.write(window, picture(3)[:8, :8], np.ones((8, 8), bool), {"beyond": 2.0})
    return [(made.folder / "blocks.json").read_bytes()]


def read_journal(file: Path) -> None:
    """What a run does that goes on, up to where it would compute again."""
    made = sink(file.parents[1])
    made.open()
    made.findings(WINDOWS)


def blocks(folder: Path) -> list[bytes]:
    journal(folder)
    return [file.read_bytes() for file in sorted(sink(folder).folder.glob("*-*.tif"))]


def read_blocks(file: Path) -> None:
    """All blocks are there, so that the result is made of them."""
    made, kept = sink(file.parents[1]), {one: one.read_bytes() for one in file.parent.iterdir()}
    made.open()
    try:
        made.findings(WINDOWS)
        made.finish(WINDOWS)
    finally:
        file.parent.mkdir(exist_ok=True)
        for one, content in kept.items():
            one.write_bytes(content)
        made.output.unlink(missing_ok=True)


def results(folder: Path) -> list[bytes]:
    metrics = {"psnr": {"better": "higher", "unit": "dB"}}
    scores = [Score(f"{image}", method, "rgb", "psnr", 20.5) for image in "ab" for method in ("bicubic", "run")]
    made = Results("run", "drawn", 4, ["bicubic", "run"], {"rgb": "all three bands"}, metrics, scores)
    made.write(folder / "run" / "results" / "drawn")
    return [(folder / "run" / "results" / "drawn" / "results.json").read_bytes()]


def read_results(file: Path) -> None:
    read_run(file.parents[2])
    Results.read(file.parent)


def worlds(folder: Path) -> list[bytes]:
    make_world(folder / "world", KNOBS, workers=1)
    return [(folder / "world" / DESCRIPTION).read_bytes()]


KNOBS = Knobs(places=1, size=64, scale=4)


def registrations(folder: Path) -> list[bytes]:
    plane = np.ones((8, 8, 1), np.uint8)
    records = ({"accepted": True, "as_it_lies": False, "reasons": [], "shift": 1.5},)
    cache.write(folder / "whole", RegisteredRef(picture(3)[:8, :8], plane, plane, records))
    return [(folder / "whole").read_bytes()]


def checkpoints(folder: Path, name: str) -> list[bytes]:
    spec = NetworkSpec("EDSR", {"nf": 4, "n_blocks": 1})
    weights, card = {"G": spec.build().state_dict()}, ModelCard(spec, "SISR_model", {})
    facts = {"best": {"metric": "psnr", "step": 4, "value": 20.0}, "seed": 3}
    for step in (2, 4):
        write_checkpoint(folder / "checkpoints", Checkpoint(step, weights, {"G": card}, {}, facts), "name: a\n")
    (folder / "checkpoints" / BEST).write_text(json.dumps(facts["best"]))
    return [(folder / "checkpoints" / name).read_bytes()]


def read_checkpoints(file: Path) -> None:
    """The one before it is used where one is damaged."""
    warned: list[str] = []
    folder = next(parent for parent in file.parents if parent.name == "checkpoints")
    if file.name == STATE:
        # As whoever changes a checkpoint by hand would make it.
        digests = {one.name: file_digest(one) for one in file.parent.iterdir() if one.name != COMPLETE}
        (file.parent / COMPLETE).write_text(json.dumps(digests))
    found = newest_readable(folder, warned.append)
    assert found is not None
    assert all(str(folder) in line for line in warned)
    best_step(folder)


def prepared(folder: Path) -> list[bytes]:
    made = manifest.Manifest({"scale": 4, "more": {"x": 1}}, {"a": {"source": ["1"], "files": {"HR/a.png": "2"}}})
    made.save(folder)
    return [(folder / manifest.NAME).read_bytes()]


def read_prepared(file: Path) -> None:
    found = manifest.load(file.parent)
    assert found is not None
    manifest.differences(found.settings, {"scale": 4, "more": {"x": 1}})


def chip_records(folder: Path, name: str) -> list[bytes]:
    record = ChipsRecord(folder, CHIP_SETTINGS)
    record.begin()
    for key in "ab":
        record.add(key, {"split": "train", "corner": [1.5, 2]})
    return [(folder / name).read_bytes()]


CHIP_SETTINGS = {"size": 64, "split": [0.5, 0.25, 0.25], "sources": ["a.tif"]}


def read_chips(file: Path) -> None:
    ChipsRecord(file.parent, CHIP_SETTINGS).open()


def checksums(folder: Path) -> list[bytes]:
    images = drawn_folder(folder)
    write_checksums(images, images.iterdir())
    return [(images / SUMS).read_bytes()]


def read_folder(file: Path) -> None:
    store = open_store(file.parent)
    for key in store.keys():
        store.read(key)


def logs(folder: Path) -> list[bytes]:
    of_set = {"dataset": "d", "network": "G", "protocol": "rgb"}
    lines = [
        {"kind": "start", "time": 1.0, "name": "a", "niter": 4, "first": 1},
        {"kind": "train", "step": 2, "losses": {"l": 0.5}, "lr": {"G": 1e-3}, "images_per_second": 2.0, "time": 2.0},
        {"kind": "validation", "step": 2, **of_set, "psnr": 20.0, "time": 3.0},
    ]
    return ["".join(json.dumps(line) + "\n" for line in lines).encode()]


def areas(folder: Path) -> list[bytes]:
    ring = [[0, 0], [1, 0], [1, 1], [0, 0]]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {}, "geometry": polygon}
    whole = {"type": "FeatureCollection", "crs": {"properties": {"name": "EPSG:4326"}}, "features": [feature]}
    several = {"type": "GeometryCollection", "geometries": [polygon, {"type": "MultiPolygon", "coordinates": [[ring]]}]}
    return [json.dumps(one).encode() for one in (whole, several)]


def points(folder: Path) -> list[bytes]:
    places = ((0, 0), (9, 0), (0, 9), (9, 9), (5, 5))
    rows = [(column, row, 500000 + 10 * column, 5000000 - 10 * row) for column, row in places]
    return ["\n".join(["# EPSG:32632", "column,row,x,y", *(",".join(map(str, row)) for row in rows)]).encode()]


def wavelengths(folder: Path) -> list[bytes]:
    np.save(folder / "a.npy", picture(4, "float32"))
    return [b"# nm\n450, 550, 650\n850\n"]


def lists(folder: Path) -> list[bytes]:
    return [b"a.png\nclass/b.png\nc\n"]


def read_lists(file: Path) -> None:
    for part in ("val", "test"):
        (file.parent / f"{part}.txt").write_text(f"{part}.png\n")
    listed_split({"class": {name: Path(name) for name in ("a", "b", "c", "val", "test")}}, file.parent)


READERS = {
    "png": Reader("a.png", pngs, read_picture),
    "png with right checksums": Reader("a.png", pngs, read_picture, wrap=with_right_sums),
    "jpeg": Reader("a.jpg", jpegs, read_picture),
    "tiff": Reader("a.tiff", tiffs, read_picture),
    "geotiff": Reader("a.tif", geotiffs, read_raster),
    "npy": Reader("a.npy", npys, read_npy),
    "mat": Reader("a.mat", mats, read_cube),
    "envi header": Reader("cube.hdr", envi_headers, read_cube, text=True),
    "wavelengths": Reader("wavelengths.txt", wavelengths, lambda file: open_cube(file.parent / "a.npy"), text=True),
    "model file": Reader("a.safetensors", model_files, read_model),
    "model card": Reader("a.safetensors", model_cards, read_card_of, text=True),
    "onnx file": Reader("a.onnx", lambda folder: [with_metadata(graph(), metadata())], onnx_metadata),
    "pth": Reader("a.pth", pths, read_weights),
    "packed store": Reader("x.lmdb/data.mdb", packed, read_store),
    "published store": Reader("x.lmdb/data.mdb", published, read_store),
    "published record": Reader("x.lmdb/meta_info.pkl", published_records, read_store),
    "stored header": Reader("header", stored_headers, read_stored_header, text=True),
    "options": Reader("a.yml", options, load_options, text=True, examples=200),
    "bench": Reader("bench.yml", bench_files, lambda file: load_bench([file]), text=True),
    "journal of blocks": Reader(".sr.tif.blocks/blocks.json", journal, read_journal, text=True),
    "block": Reader(".sr.tif.blocks/0-8.tif", blocks, read_blocks, examples=200),
    "results": Reader("run/results/drawn/results.json", results, read_results, text=True),
    "world": Reader(f"world/{DESCRIPTION}", worlds, lambda file: make_world(file.parent, KNOBS, workers=1), text=True),
    "registration": Reader("a.safetensors", registrations, cache.read),
    "digests of a checkpoint": Reader(
        f"checkpoints/4/{COMPLETE}", lambda folder: checkpoints(folder, f"4/{COMPLETE}"), read_checkpoints, text=True
    ),
    "state of a checkpoint": Reader(
        f"checkpoints/4/{STATE}", lambda folder: checkpoints(folder, f"4/{STATE}"), read_checkpoints, text=True
    ),
    "best": Reader(f"checkpoints/{BEST}", lambda folder: checkpoints(folder, BEST), read_checkpoints, text=True),
    "prepare.json": Reader(manifest.NAME, prepared, read_prepared, text=True),
    CHIPS: Reader(CHIPS, lambda folder: chip_records(folder, CHIPS), read_chips, text=True),
    JOURNAL: Reader(JOURNAL, lambda folder: chip_records(folder, JOURNAL), read_chips, text=True),
    "checksums": Reader(f"HR/{SUMS}", checksums, read_folder, text=True),
    "log": Reader("log.jsonl", logs, read_log, text=True),
    "area": Reader("a.geojson", areas, read_area, text=True),
    "control points": Reader("a.csv", points, lambda file: fit_grid(read_control_points(file), None), text=True),
    "lists": Reader("train.txt", lists, read_lists, text=True),
}
