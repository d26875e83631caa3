"""Numbers that are not finite, or lie beyond what is read: refused or told, never a black image without a word."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import refsr
from refsr.cli.main import main
from refsr.core.errors import DataError, RefsrError
from refsr.data.images import write_image
from refsr.data.ranges import declared
from refsr.data.sets.paired import Member, PairedSet
from refsr.data.stores import open_store
from refsr.inference.restorer import Restorer
from refsr.interop.weights.rrsnet import rrsnet_keys
from refsr.networks.descriptor import NetworkSpec
from refsr.networks.rrsnet import RRSNet
from refsr.runs.model_file import ModelCard, read_model, write_model

SMALL = {"nf": 8, "n_blocks": 1, "deformable_groups": 2}
CARD = ModelCard(NetworkSpec("RRSNet", SMALL), "RRSNet_model")
LR, REF = (np.random.default_rng(1).integers(0, 255, (side, side, 3), np.uint8) for side in (16, 64))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite(value: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = RRSNet(**SMALL).state_dict()
    weights["encoder.enter.bias"][3] = value
    write_model(tmp_path / "a.safetensors", weights, CARD)
    with pytest.raises(DataError, match=r"a.safetensors: 'encoder.enter.bias' holds values that are not finite"):
        read_model(tmp_path / "a.safetensors")
    torch.save({theirs: weights[ours] for ours, theirs in rrsnet_keys(1).items()}, tmp_path / "G.pth")
    assert main(["import", str(tmp_path / "G.pth")]) == 1
    assert "Encoder.layer_f.0.bias: holds values that are not finite" in capsys.readouterr().err
    assert not (tmp_path / "G.safetensors").exists()


class Spoilt(nn.Module):
    """RRSNet whose result is multiplied by a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.inner, self.factor = RRSNet(**SMALL), factor
        self.descriptor = self.inner.descriptor

    def forward(self, *inputs: Tensor) -> Tensor:
        result: Tensor = self.inner(*inputs) * self.factor
        return result


@pytest.mark.parametrize("tile", [None, 8])
@pytest.mark.parametrize(
    ("factor", "says"), [(float("nan"), "not finite"), (float("inf"), "not finite"), (0.0, "gives 0 at every pixel")]
)
def test_results_that_show_nothing(factor: float, says: str, tile: int | None) -> None:
    restorer = Restorer(Spoilt(factor), CARD, torch.device("cpu"))
    with pytest.raises(RefsrError, match=says):
        restorer.restore(LR, REF, tile=tile)
    with pytest.raises(RefsrError, match=says):
        restorer.restore(torch.rand(3, 16, 16), torch.rand(3, 64, 64), tile=tile)


def test_an_lr_that_shows_nothing_may_become_nothing() -> None:
    restorer = Restorer(Spoilt(0.0), CARD, torch.device("cpu"))
    assert restorer.restore(np.full_like(LR, 9), REF, register="none").max() == 0


@pytest.mark.parametrize(
    ("image", "limits", "says"),
    [
        (LR.astype(np.float32), None, r"beyond 0 to 1 and are cut off: from 0 to 25\d; range states"),
        (LR.astype(np.uint16) * 256, (0, 1), r"beyond 0 to 1 and are cut off"),
    ],
)
def test_values_beyond_the_range_are_told(
    image: np.ndarray, limits: tuple[float, float] | None, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    restorer = refsr.load("rrsnet-small-x4", device="cpu")
    with caplog.at_level(logging.WARNING):
        restorer.restore(image, REF, range=limits, range_ref=(0, 255), register="none")
    assert any(line.startswith("lr: ") for line in caplog.messages)
    assert caplog.text.count("beyond") == 1
    assert re.search(says, caplog.text)


def data_set(folder: Path, hr: np.ndarray) -> PairedSet:
    write_image(folder / "HR" / "a.tif", hr)
    write_image(folder / "HR" / "b.tif", hr)
    return PairedSet({"hr": Member(open_store(folder / "HR"))}, 4)


def test_training_images_beyond_the_range_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hr = np.random.default_rng(1).random((64, 64, 3), np.float32)
    hr[5, 5] = 1e20
    images = data_set(tmp_path, hr)
    with caplog.at_level(logging.WARNING):
        for index in (0, 1, 0):
            images[index]
    (line,) = caplog.messages
    assert "HR: a: 0.02% of the values lie beyond 0 to 1 and are cut off" in line
    assert "1e+20" in line


def test_slight_overshoot_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hr = np.random.default_rng(1).random((64, 64, 3), np.float32)
    hr[5, 5] = 1.1
    with caplog.at_level(logging.WARNING):
        data_set(tmp_path, hr)[0]
    assert caplog.messages == []


def test_a_range_that_bytes_never_reach(tmp_path: Path) -> None:
    (tmp_path / "LR").mkdir()
    cv2.imwrite(str(tmp_path / "LR" / "a.png"), LR)
    with pytest.raises(DataError, match=r"LR: a: values are uint8, at most 255; range \[0, 65535\] would make them"):
        PairedSet({"hr": Member(open_store(tmp_path / "LR"), range=(0, 65535))}, 4)
    assert declared("uint8", (0, 300), "a") == (0, 300)
