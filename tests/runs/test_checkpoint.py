"""Checkpoints: what was written comes back, and nothing else is ever loaded."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from torch import nn

from refsr.core.errors import DataError
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.checkpoint import (
    Checkpoint,
    checkpoint_at,
    newest_readable,
    prune,
    read_checkpoint,
    set_aside,
    write_checkpoint,
)
from refsr.runs.model_file import ModelCard
from refsr.runs.run_folder import COMPLETE, Best, best_step, checkpoint_steps
from refsr.training.snapshot import load_optimiser, optimiser_tensors

CARD = ModelCard(NetworkSpec("RRSNet", {"nf": 4}), "RRSNet_model", {"run": "a"})


def made(step: int) -> Checkpoint:
    torch.manual_seed(step)
    weights = {"G": {"a.weight": torch.randn(3, 4), "a.bias": torch.randn(3)}, "G_ema": {"a.weight": torch.randn(3, 4)}}
    return Checkpoint(step, weights, {"G": CARD, "G_ema": CARD}, {"G": {"exp_avg:a.bias": torch.randn(3)}}, {"x": [1]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for step in (5, 10, 15):
        write_checkpoint(tmp_path, made(step), "name: a\n")
    return tmp_path


def test_what_is_written_comes_back(folder):
    found, expected = read_checkpoint(folder / "10"), made(10)
    assert (found.step, found.facts) == (10, {"x": [1]})
    assert found.cards == expected.cards
    for mine, theirs in ((found.weights, expected.weights), (found.optimisers, expected.optimisers)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key][name], theirs[key][name]) for key in mine for name in theirs[key])
    assert checkpoint_at(folder / "10" / "G.safetensors").step == 10


def test_equal_checkpoints_are_equal_files(folder, tmp_path):
    write_checkpoint(tmp_path / "again", made(10), "name: a\n")
    files = sorted((folder / "10").iterdir())
    assert [file.name for file in files] == sorted(file.name for file in (tmp_path / "again" / "10").iterdir())
    for file in files:
        assert file.read_bytes() == (tmp_path / "again" / "10" / file.name).read_bytes()


def test_damage_anywhere_is_found(folder):
    """A thousand places, each flipped by a bit or cut off: never read as if it were whole."""
    draw = random.Random(0)
    files = sorted((folder / "15").iterdir())
    for attempt in range(1000):
        file = draw.choice(files)
        good = file.read_bytes()
        place = draw.randrange(len(good))
        if attempt % 2:
            file.write_bytes(good[:place])
        else:
            file.write_bytes(good[:place] + bytes([good[place] ^ 1 << draw.randrange(8)]) + good[place + 1 :])
        try:
            found = read_checkpoint(folder / "15")
        except DataError:
            pass
        else:
            # White space at the end of the marker says nothing.
            assert file.name == COMPLETE
            assert equal_tensors(found, made(15))
        file.write_bytes(good)


def equal_tensors(one: Checkpoint, other: Checkpoint) -> bool:
    return all(
        torch.equal(one.weights[key][name], other.weights[key][name])
        for key in other.weights
        for name in other.weights[key]
    )


def test_the_newest_that_can_be_read_is_found(folder):
    told: list[str] = []
    (folder / "15" / "state.json").write_text("{}")
    (folder / "10" / "G.safetensors").unlink()
    found = newest_readable(folder, told.append)
    assert found is not None
    assert found.step == 5
    assert ["state.json is damaged" in told[0], "G.safetensors cannot be read" in told[1]] == [True, True]
    (folder / "5" / COMPLETE).unlink()
    assert newest_readable(folder, told.append) is None
    assert newest_readable(folder / "nowhere", told.append) is None


def test_old_ones_go_but_for_the_best(folder):
    Best("psnr", 5, 30.0).write(folder)
    assert best_step(folder) == 5
    assert list(prune(folder, 1, {5: "best"})) == [10]
    assert checkpoint_steps(folder) == [5, 15]
    assert list(prune(folder, None, {})) == []


def test_later_ones_are_set_aside(folder):
    assert [path.name for path in set_aside(folder, 5)] == ["10.superseded", "15.superseded"]
    write_checkpoint(folder, made(10), "")
    assert [path.name for path in set_aside(folder, 5)] == ["10.superseded1"]
    assert checkpoint_steps(folder) == [5]


@pytest.mark.parametrize(
    ("words", "path"),
    [("no such checkpoint", "11"), ("no exact resume", "a.state"), ("is no complete checkpoint", ".")],
)
def test_what_is_no_checkpoint_gets_one_line(folder, words, path):
    with pytest.raises(DataError, match=words):
        checkpoint_at(folder / path)


def test_an_optimiser_goes_on_as_if_nothing_had_happened():
    torch.manual_seed(0)
    network, given = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)), torch.randn(5, 3)
    copy = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))

    def step(one: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        optimiser.zero_grad()
        one(given).square().sum().backward()
        optimiser.step()

    first = torch.optim.AdamW(network.parameters())
    for _ in range(3):
        step(network, first)
    copy.load_state_dict(network.state_dict())
    second = torch.optim.AdamW(copy.parameters())
    load_optimiser(second, copy, optimiser_tensors(first, network), "here")
    for _ in range(3):
        step(network, first)
        step(copy, second)
    assert all(map(torch.equal, network.parameters(), copy.parameters()))


def test_state_of_another_network_is_refused():
    network, other = nn.Linear(3, 4), nn.Linear(5, 4)
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.randn(2, 3)).sum().backward()
    optimiser.step()
    with pytest.raises(DataError, match="fits no parameter"):
        load_optimiser(torch.optim.Adam(other.parameters()), other, optimiser_tensors(optimiser, network), "here")
