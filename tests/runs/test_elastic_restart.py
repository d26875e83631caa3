"""A process of a run is killed, torchrun starts all of them again, and the run ends as if nothing had happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from refsr.runs.checkpoint import read_checkpoint
from refsr.runs.run_folder import checkpoint_steps
from several_processes import started

KILLED = """
import os, signal, sys
from refsr.cli.main import main
from refsr.training.step import StepRunner

original = StepRunner._finite
rank, attempt = os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]

def finite(self, *words):
    # After the backward pass of iteration 5: the other process waits for this one's word.
    if (rank, attempt) == (os.environ["KILLED"], "0") and self.at == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *words)

step = StepRunner.step

def stepping(self, at, batch):
    self.at = at
    return step(self, at, batch)

StepRunner._finite, StepRunner.step = finite, stepping
sys.exit(main(sys.argv[1:]))
"""
WORDS = ("train.val_freq=2", "logger.best_by=psnr", "path.auto_resume=true")


def events(folder: Path) -> list[dict[str, object]]:
    """What log.jsonl says of losses and scores, without times."""
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    free = ("time", "images_per_second", "memory_mib")
    return [
        {key: value for key, value in event.items() if key not in free}
        for event in found
        if event["kind"] in ("train", "validation")
    ]


@pytest.mark.parametrize("killed", ["0", "1"])
def test_a_killed_process_changes_nothing(option_file, options, tmp_path, killed):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    whole = started(option_file, 2, *WORDS, "name=whole")
    assert whole.returncode == 0, whole.stderr
    broken = started(option_file, 2, *WORDS, script=script, restarts=1, environment={"KILLED": killed})
    assert broken.returncode == 0, broken.stderr
    assert "internal error" not in broken.stderr
    root = options().path.root / "experiments"
    mine, theirs = root / "whole", root / "small"
    assert "resuming after iteration 4" in (theirs / "log.txt").read_text()
    assert "not the same run" not in (theirs / "log.txt").read_text()
    assert events(mine) == events(theirs)
    assert (mine / "checkpoints" / "best.json").read_text() == (theirs / "checkpoints" / "best.json").read_text()
    assert checkpoint_steps(theirs / "checkpoints") == checkpoint_steps(mine / "checkpoints") == [2, 4, 6]
    one, other = (read_checkpoint(folder / "checkpoints" / "6") for folder in (mine, theirs))
    assert one.facts == other.facts
    for kind in ("weights", "optimisers"):
        expected, found = getattr(one, kind), getattr(other, kind)
        assert expected.keys() == found.keys()
        for network, tensors in expected.items():
            assert tensors.keys() == found[network].keys()
            assert all(torch.equal(tensors[key], found[network][key]) for key in tensors), (kind, network)
    assert [path.name for path in root.iterdir() if path.is_dir()].count("small") == 1
    assert not list(root.glob("*_archived_*"))
    assert not list(root.glob("small/**/.*.part"))
