"""Model files and published weights that say what they should not: one line that names the file and the key."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bounded import Bounded, Used
from safetensors.torch import save
from torch import nn

from refsr.core.errors import DataError
from refsr.interop.weights.rrsnet import rrsnet_keys
from refsr.networks.descriptor import NetworkSpec
from refsr.networks.rrsnet import RRSNet
from refsr.runs.model_file import HEADER, ModelCard, read_model, write_model, write_tensors

SMALL = {"nf": 8, "n_blocks": 1, "deformable_groups": 2}
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture
def network() -> nn.Module:
    return RRSNet(**SMALL)


@pytest.fixture
def header(network: nn.Module, tmp_path: Path) -> dict[str, str]:
    """The texts of a good file's header."""
    write_model(tmp_path / "good.safetensors", network.state_dict(), ModelCard(NetworkSpec("RRSNet", SMALL), "RRSNet"))
    content = (tmp_path / "good.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    words: dict[str, str] = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][HEADER])
    return {name: text for name, text in words.items() if name != "digest"}


def refused(bounded: Bounded, *words: Any) -> str:
    used: Used = bounded(*words)
    assert used.code in (1, 2), used.err
    assert used.seconds < 1, used
    assert used.megabytes < 200, used
    assert used.err.count("\n") == 1, used.err
    assert "internal error" not in used.err
    return used.err


def keywords(**changed: Any) -> str:
    return json.dumps({**SMALL, **changed})


HEADERS: dict[str, tuple[dict[str, str | None], str]] = {
    "no network": ({"network": None}, "network: field required"),
    "no origin": ({"origin": None}, "origin: field required"),
    "no JSON": ({"keywords": "{nf: 8}"}, "keywords: invalid JSON"),
    "deep JSON": ({"keywords": DEEP}, "keywords: invalid JSON"),
    "a list": ({"keywords": "[8]"}, "keywords: input should be a valid dictionary"),
    "many blocks": ({"keywords": keywords(n_blocks=10**5)}, "more parameters than its"),
    "very many blocks": ({"keywords": keywords(n_blocks=10**8)}, "RRSNet: n_blocks is 100000000, more than its"),
    "wide": ({"keywords": keywords(nf=10**5)}, "more parameters than its"),
    "wide from the first layer on": (
        {"network": "EDSR", "keywords": json.dumps({"channels": 10**6, "nf": 10**5})},
        "more parameters than its",
    ),
    "a list of a billion": (
        {"network": "EDSR", "keywords": json.dumps({"channels": 10**9, "nf": 64})},
        "EDSR: channels is 1000000000, more than its",
    ),
    "beyond numbers": ({"keywords": keywords(nf=10**30)}, "RRSNet"),
    "a word": ({"keywords": keywords(nf="many")}, "RRSNet: nf"),
    "an unknown keyword": ({"keywords": keywords(n_bloks=2)}, "n_bloks"),
    "an unknown network": ({"network": "RRSNt"}, "RRSNt"),
    "sampling": ({"sampling": '{"steps": "many"}'}, "sampling.steps"),
    "masks": ({"masks": '{"colour": 1}'}, "masks.colour"),
    "cubes": ({"cubes": '{"range_hsi": "wide"}'}, "cubes.range_hsi"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers(case: str, header: dict[str, str], network: nn.Module, bounded: Bounded, tmp_path: Path) -> None:
    changed, says = HEADERS[case]
    file = tmp_path / "bad.safetensors"
    words = {name: text for name, text in {**header, **changed}.items() if text is not None}
    write_tensors(file, network.state_dict(), words)
    line = refused(bounded, "info", file)
    assert line.startswith(f"refsr: {file}: ")
    assert says in line, line


def raw(file: Path, head: bytes, rest: bytes = b"") -> None:
    file.write_bytes(struct.pack("<Q", len(head)) + head + rest)


RAW: dict[str, Callable[[Path], Any]] = {
    "deep": lambda file: raw(file, DEEP.encode()),
    "deep inside": lambda file: raw(file, b'{"__metadata__":' + DEEP.encode() + b"}"),
    "a list": lambda file: raw(file, b"[]"),
    "numbers": lambda file: raw(file, b'{"a": 1}'),
    "no text": lambda file: raw(file, b"\xff\xfe\xfd"),
    "longer than the file": lambda file: file.write_bytes(struct.pack("<Q", 1 << 60) + b"{}"),
    "huge tensors": lambda file: raw(
        file, json.dumps({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    ),
    "words of no JSON": lambda file: file.write_bytes(save({"a": torch.zeros(1)}, {HEADER: "{"})),
    "words that are deep": lambda file: file.write_bytes(save({"a": torch.zeros(1)}, {HEADER: DEEP})),
    "words that are a list": lambda file: file.write_bytes(save({"a": torch.zeros(1)}, {HEADER: "[]"})),
    "empty": lambda file: file.write_bytes(b""),
}


@pytest.mark.parametrize("case", RAW)
def test_files_that_are_not_whole(case: str, bounded: Bounded, tmp_path: Path) -> None:
    file = tmp_path / "bad.safetensors"
    RAW[case](file)
    assert refused(bounded, "info", file).startswith(f"refsr: {file}: ")


def test_a_sparse_file_is_not_read(bounded: Bounded, tmp_path: Path) -> None:
    file = tmp_path / "bad.safetensors"
    raw(file, b"{}")
    with file.open("r+b") as handle:
        handle.truncate(1 << 40)
    assert "its header says" in refused(bounded, "info", file)


def published(network: nn.Module) -> dict[str, torch.Tensor]:
    weights = network.state_dict()
    return {theirs: weights[ours] for ours, theirs in rrsnet_keys(1).items()}


FIRST = "Encoder.layer_f.0.weight"
TENSORS: dict[str, tuple[Callable[[dict[str, torch.Tensor]], Any], str]] = {
    "sparse": (lambda found: found.update({FIRST: torch.eye(3).to_sparse()}), f"{FIRST!r} is a sparse tensor"),
    "compressed": (lambda found: found.update({FIRST: torch.eye(3).to_sparse_csr()}), f"{FIRST!r} is a sparse tensor"),
    "meta": (lambda found: found.update({FIRST: torch.zeros(3, device="meta")}), f"{FIRST!r} is a meta tensor"),
    "repeated": (lambda found: found.update({FIRST: torch.zeros(1).expand(1 << 40)}), f"{FIRST!r} has shape"),
    "blocks": (
        lambda found: found.update({"content_extractor.body.99999999.body.0.weight": torch.zeros(1)}),
        "99999999.body.0.weight' numbers a layer",
    ),
    "wide": (lambda found: found.update({FIRST: torch.zeros(100_000, 3, 3, 3)}), "more parameters than its"),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("case", TENSORS)
def test_published_tensors(case: str, network: nn.Module, bounded: Bounded, tmp_path: Path) -> None:
    change, says = TENSORS[case]
    found = published(network)
    change(found)
    torch.save(found, tmp_path / "G.pth")
    line = refused(bounded, "import", tmp_path / "G.pth", "-o", tmp_path / "G.safetensors")
    assert f"refsr: {tmp_path / 'G.pth'}: " in line
    assert says in line, line
    assert not (tmp_path / "G.safetensors").exists()


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_program_is_refused_without_advice(bounded: Bounded, tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "G.pth")
    line = refused(bounded, "import", tmp_path / "G.pth", "-o", tmp_path / "G.safetensors")
    assert "a program (TorchScript), which is never run" in line
    assert "weights_only" not in line


def test_a_network_of_the_right_size_is_built(network: nn.Module, tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    write_model(file, network.state_dict(), ModelCard(NetworkSpec("RRSNet", SMALL), "RRSNet_model"))
    found, _ = read_model(file)
    assert torch.equal(found.state_dict()["encoder.enter.weight"], network.state_dict()["encoder.enter.weight"])
    write_model(file, network.state_dict(), ModelCard(NetworkSpec("RRSNet", {**SMALL, "nf": 16}), "RRSNet_model"))
    with pytest.raises(DataError, match="keys do not fit"):
        read_model(file)
