"""ONNX files: what was written comes back and is computed, and what is damaged, foreign or changed does not."""

from __future__ import annotations

import json
import random

import pytest
import torch

from onnx_files import CARD, Blending, graph, metadata, with_metadata, write_blending
from refsr.core.errors import DataError, RefsrError
from refsr.runs import onnx_file
from refsr.runs.model_file import read_model
from refsr.runs.onnx_file import onnx_metadata, read_onnx
from refsr.runs.onnx_metadata import KEY

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def file(tmp_path):
    return write_blending(tmp_path / "blending.onnx")


def batch(height, width, count=1):
    draw = torch.Generator().manual_seed(0)
    sizes = ((3, height, width), (3, 4 * height, 4 * width), (1, 4 * height, 4 * width))
    return [torch.rand((count, *size), generator=draw) for size in sizes]


def test_the_graph_is_computed_at_any_size_and_from_any_base(file):
    network, card = read_onnx(file)
    assert card == CARD
    assert network.descriptor.inputs == ("lr", "ref", "ref_weight")
    assert network.descriptor.optional == ("base",)
    for height, width in ((4, 4), (5, 9), (30, 17)):
        members = batch(height, width, count=2)
        torch.testing.assert_close(network(*members), Blending()(*members))
        torch.testing.assert_close(network.single_image(members[0]), Blending().single_image(members[0]))
        base = torch.rand_like(members[1])
        torch.testing.assert_close(network(*members, base=base), Blending()(*members, base=base))


def test_less_than_was_compared_is_refused(file):
    network, _ = read_onnx(file)
    with pytest.raises(DataError, match="LR of 3x8: this ONNX file was compared with torch from 4 pixels a side on"):
        network(*batch(3, 8))


def test_what_the_runtime_cannot_compute_is_one_line(file):
    network, _ = read_onnx(file)
    lr, ref, weight = batch(5, 6)
    with pytest.raises(RefsrError, match="onnxruntime cannot compute GatedTransfer on LR 5x6") as caught:
        network(lr, ref[..., 1:], weight)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_is_never_loaded(file, tmp_path):
    good, perturbed, draw = file.read_bytes(), tmp_path / "perturbed.onnx", random.Random(0)
    for turn in range(300):
        content = bytearray(good)
        content[draw.randrange(len(good))] ^= 1 << draw.randrange(8)
        perturbed.write_bytes(content if turn % 3 else good[: draw.randrange(len(good))])
        with pytest.raises(DataError) as caught:
            onnx_metadata(perturbed)
        assert str(perturbed) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_changed_graph_is_not_the_one_that_was_compared(file):
    model = onnx.load(str(file))
    model.graph.node[3].op_type = "Sub"
    onnx.save(model, str(file))
    with pytest.raises(DataError, match="was changed since refsr wrote it"):
        read_onnx(file)


def test_metadata_of_other_programs_may_be_added(file):
    model = onnx.load(str(file))
    model.metadata_props.add(key="model_type", value='"Superresolution"')
    onnx.save(model, str(file))
    assert onnx_metadata(file) == onnx_metadata(write_blending(file.with_name("again.onnx")))


def test_weights_in_other_files_are_refused(tmp_path):
    model = graph()
    (scales,) = model.graph.initializer
    scales.data_location = scales.EXTERNAL
    scales.external_data.add(key="location", value="/etc/hostname")
    path = tmp_path / "external.onnx"
    path.write_bytes(with_metadata(model, metadata()))
    with pytest.raises(DataError, match="its weights lie in other files, which are never read"):
        read_onnx(path)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"scale": 0}, "scale"),
        ({"inputs": ["ref", "lr"]}, "inputs"),
        ({"inputs": ["lr", "noise"]}, "inputs"),
        ({"least": "many"}, "least"),
        ({"format": "refsr-onnx-2"}, "format"),
        ({"more": 1}, "more"),
        ({"card": {}}, "format"),
    ],
)
def test_a_wrong_entry_is_one_line(tmp_path, change, where):
    path, model = tmp_path / "a.onnx", graph()
    says = json.loads(metadata().model_dump_json()) | change
    model.metadata_props.add(key=KEY, value=json.dumps(says))
    path.write_bytes(model.SerializeToString())
    if where == "format" and "card" in change:
        path.write_bytes(with_metadata(graph(), metadata(**change)))
    with pytest.raises(DataError, match=where) as caught:
        read_onnx(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_graph_without_the_tensor_that_the_metadata_names(tmp_path):
    model = graph()
    model.graph.node[0].output[0] = "enlarged"
    for node in model.graph.node[1:]:
        node.input[:] = ["enlarged" if name == "base" else name for name in node.input]
    del model.graph.output[1]
    path = tmp_path / "a.onnx"
    path.write_bytes(with_metadata(model, metadata()))
    with pytest.raises(DataError, match="its graph has no tensor base"):
        read_onnx(path)


def test_files_of_others_are_named_as_such(tmp_path, file, monkeypatch):
    path = tmp_path / "other.onnx"
    path.write_bytes(graph().SerializeToString())
    with pytest.raises(DataError, match=r"without metadata of refsr.*refsr export --onnx"):
        read_onnx(path)
    for content in (b"", b"GIF89a", b"\x00" * 1000, b"{}"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="is no ONNX file, or a damaged one"):
            read_onnx(path)
    with pytest.raises(DataError, match=r"did you mean 'blending\.onnx'"):
        read_onnx(tmp_path / "blendin.onnx")
    with pytest.raises(DataError, match="is a folder"):
        read_onnx(tmp_path)
    with pytest.raises(DataError, match="is an ONNX file, which refsr restore and refsr info take"):
        read_model(file)
    monkeypatch.setattr(onnx_file, "MOST_BYTES", 100)
    with pytest.raises(DataError, match="a file of its kind has at most 100"):
        read_onnx(file)


def test_a_missing_package_is_named(file, monkeypatch):
    monkeypatch.setattr(onnx_file.importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else name)
    with pytest.raises(RefsrError, match=r"need the package onnxruntime.*pip install 'refsr\[export\]'"):
        read_onnx(file)
