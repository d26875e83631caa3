"""Ref-Diff's training states: read without their code, converted key by key, and told from what is not one."""

from __future__ import annotations

import os
import pickle
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from refsr.cli.main import main
from refsr.core.errors import DataError
from refsr.interop.weights.pickled_modules import module_tensors
from refsr.interop.weights.reading import read_published
from refsr.interop.weights.refdiff import import_refdiff, refdiff_keys, refdiff_options
from refsr.networks.refdiff.network import RefDiff
from refsr.runs.model_file import read_model

SMALL: dict[str, Any] = {"model_channels": 8, "channel_mult": [1, 2], "num_blocks": 1, "img_resolution": 32}


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> tuple[type, type]:
    """Classes kept as the published code keeps its own: one with its source inside, one by its name."""
    persistence = types.ModuleType("torch_utils.persistence")
    networks = types.ModuleType("training.networks_cond_v14")

    def _reconstruct_persistent_obj(meta: Any) -> Any:
        raise AssertionError("code of the file was run")

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    persistence._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]

    class Persistent(nn.Module):
        def __reduce__(self) -> Any:
            meta = {"type": "class", "version": 6, "module_src": "raise SystemExit", "class_name": "N"}
            return _reconstruct_persistent_obj, ({**meta, "state": dict(self.__dict__)},)

    class ByName(nn.Module):
        def __setstate__(self, state: Any) -> None:
            raise AssertionError("code of the file was run")

    ByName.__module__, ByName.__qualname__ = "training.networks_cond_v14", "ByName"
    networks.ByName = ByName  # type: ignore[attr-defined]
    for module in (persistence, networks):
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(sys.modules, module.__name__.split(".")[0], types.ModuleType(module.__name__.split(".")[0]))
    return Persistent, ByName


def tree(state: dict[str, torch.Tensor], inner: type, leaf: type) -> nn.Module:
    """Modules that hold these tensors under these names; every second level is of another class."""
    root = inner()
    for key, value in state.items():
        *path, name = key.split(".")
        node = root
        for depth, part in enumerate(path):
            if part not in node._modules:
                node._modules[part] = (inner, leaf, nn.ModuleDict)[depth % 3]()
            node = node._modules[part]  # type: ignore[assignment]
        if name == "resample_filter":
            node._buffers[name] = value
        else:
            node._parameters[name] = nn.Parameter(value)
    return root


def published(network: RefDiff) -> dict[str, torch.Tensor]:
    weights = network.state_dict()
    state = {theirs: weights[ours].clone() for ours, theirs in refdiff_keys(network).items()}
    taps = torch.tensor(network.unet.shape.resample_filter, dtype=torch.float32)
    square = (taps.outer(taps) / taps.sum() ** 2)[None, None]
    return state | {"model.dec.32x32_up.conv0.resample_filter": square}


@pytest.fixture
def training_state(foreign: tuple[type, type], tmp_path: Path) -> tuple[Path, RefDiff]:
    torch.manual_seed(0)
    network = RefDiff(8, **SMALL)
    file = tmp_path / "training-state-000123.pt"
    averaged = tree(published(network), *foreign)
    last = tree({key: value + 1 for key, value in published(network).items()}, *foreign)
    state = {"net": last, "ema": averaged, "optimizer_state": {"state": {0: {"step": 5}}}, "step": 123_000}
    torch.save(state, file)
    return file, network


def test_a_training_state_s_average_is_read(training_state, monkeypatch, tmp_path, capsys):
    file, network = training_state
    for name in ("torch_utils", "torch_utils.persistence", "training", "training.networks_cond_v14"):
        monkeypatch.delitem(sys.modules, name)
    target = tmp_path / "weights.safetensors"
    assert main(["import", str(file), "-o", str(target), "--scale", "8"]) == 0
    assert "RefDiff" in capsys.readouterr().out
    imported, card = read_model(target)
    assert card.model == "RefDiff_model"
    assert isinstance(imported, RefDiff)
    assert imported.scale == 8
    assert imported.lr_upsample == "truncated"
    weights = network.state_dict()
    assert weights.keys() == imported.state_dict().keys()
    assert all(torch.equal(value, weights[key]) for key, value in imported.state_dict().items())


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"channel_mult": [2, 1, 2], "num_blocks": 2, "attn_resolutions": [16], "mask_channels": 3},
        {
            "embedding_type": "fourier",
            "channel_mult_noise": 2,
            "encoder_type": "residual",
            "resample_filter": [1, 3, 3, 1],
        },
        {"encoder_type": "skip", "decoder_type": "skip", "channel_mult_emb": 2, "num_blocks": 0},
    ],
)
def test_options_are_read_off_keys_and_shapes(keywords):
    options = {**SMALL, "attn_resolutions": [], **keywords}
    network = RefDiff(8, **options)
    state = published(network)
    found = refdiff_options(state, scale=8)
    assert {key: found[key] for key in options} == options
    again, done = import_refdiff(state, scale=8)
    done.require_complete("made")
    assert again.unet.shape.multiple == network.unet.shape.multiple


def test_what_is_named_in_a_file_is_never_run(tmp_path):
    marker = tmp_path / "was_run"

    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {marker}",)

    file = tmp_path / "evil.pt"
    torch.save({"ema": Evil(), "step": 1}, file)
    with pytest.raises(DataError, match="only the tensors of a state dict"):
        read_published(file)
    assert not marker.exists()


def test_files_that_are_not_whole_are_named(training_state, tmp_path):
    file, _ = training_state
    with zipfile.ZipFile(file) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    # The averaged network comes last.
    number = [name for name in kept if "/data/" in name and len(kept[name]) > 64][-1]

    def written(name: str, content: dict[str, bytes]) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            for entry, data in content.items():
                archive.writestr(entry, data)
        return path

    with pytest.raises(DataError, match="are incomplete"):
        module_tensors(written("short.pt", kept | {number: kept[number][:-4]}))
    with pytest.raises(DataError, match="are incomplete"):
        module_tensors(written("gone.pt", {name: data for name, data in kept.items() if name != number}))
    index = next(name for name in kept if name.endswith("data.pkl"))
    with pytest.raises(DataError, match="makes a file that can"):
        module_tensors(written("cut.pt", kept | {index: kept[index][:500]}))
    with pytest.raises(DataError, match="makes a file that can"):
        module_tensors(written("other.pt", {"readme": b""}))


def test_a_plain_pickle_is_refused_with_what_to_do(tmp_path):
    file = tmp_path / "network.pkl"
    file.write_bytes(pickle.dumps({"ema": 3}))
    with pytest.raises(DataError, match=r"network\.pkl"):
        read_published(file)
