"""Validation of a network that gives nothing of use."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from refsr.core.errors import OutputError
from refsr.runs.run_folder import RunFolder, best_step
from refsr.tasks.restore import require_finite
from refsr.training import validation

WORDS = ["train.niter=4", "train.val_freq=2", "logger.best_by=psnr", "train.ema_decay=0"]


@pytest.fixture
def diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second validated image of the first validation is not finite."""
    calls, plain = 0, validation.restore_tiled

    def restored(*arguments: Any) -> Tensor:
        nonlocal calls
        calls += 1
        image = plain(*arguments)
        image = image * torch.nan if calls == 2 else image
        require_finite(image, torch.zeros(1))
        return image

    monkeypatch.setattr(validation, "restore_tiled", restored)


@pytest.mark.usefixtures("diverged")
def test_it_ends_the_run_with_what_would_go_on(trained: Any) -> None:
    with pytest.raises(OutputError, match=r"validation of val: .* for 1 of 2 images; .*train\.on_nonfinite: skip"):
        trained(*WORDS)


@pytest.mark.usefixtures("diverged")
def test_it_has_no_score_where_the_run_goes_on(trained: Any, options: Any, caplog: pytest.LogCaptureFixture) -> None:
    result = trained(*WORDS, "train.on_nonfinite=skip")
    assert result.step == 4
    assert "validation of val: the network gives values that are not finite, or one value, for 1 of 2" in caplog.text
    folder = RunFolder.of(options(*WORDS))
    assert "psnr nan" in folder.lines.read_text()
    events = [json.loads(line, parse_constant=pytest.fail) for line in folder.events.read_text().splitlines()]
    first, second = [event for event in events if event["kind"] == "validation"]
    assert "psnr" not in first
    assert second["psnr"] > 0
    assert best_step(folder.checkpoints) == 4
    assert Path(folder.checkpoints / "best.json").is_file()


def test_an_infinite_mean_is_not_the_best_of_a_run(trained: Any, options: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One black image that is restored exactly makes the mean PSNR infinite, which no later step could beat."""
    means = iter([{"psnr": math.inf, "ssim": 1.0}, {"psnr": 20.0, "ssim": 0.5}])
    monkeypatch.setattr(validation, "mean_scores", lambda *_: next(means))
    trained(*WORDS)
    folder = RunFolder.of(options(*WORDS))
    events = [json.loads(line, parse_constant=pytest.fail) for line in folder.events.read_text().splitlines()]
    first, second = [event for event in events if event["kind"] == "validation"]
    assert first.keys() - second.keys() == set()
    assert "psnr" not in first
    assert "iteration 2: psnr inf compares with no other step" in folder.lines.read_text()
    assert best_step(folder.checkpoints) == 4
