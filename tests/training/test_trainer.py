"""A run from options to checkpoints: what it leaves, that a stopped one ends the same, and that nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from refsr.core import atomic
from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.runs.checkpoint import Checkpoint, read_checkpoint
from refsr.runs.model_file import read_model
from refsr.runs.run_folder import Best, RunFolder, checkpoint_steps
from refsr.training import trainer
from refsr.training.step import StepRunner


def equal(one: Checkpoint, other: Checkpoint) -> bool:
    """Weights, averages and moments, bit for bit."""
    for mine, theirs in ((one.weights, other.weights), (one.optimisers, other.optimisers)):
        assert mine.keys() == theirs.keys()
        for key in mine:
            assert mine[key].keys() == theirs[key].keys()
            if not all(torch.equal(mine[key][name], theirs[key][name]) for name in mine[key]):
                return False
    return True


def events(folder: Path, kind: str) -> list[dict]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


def stop_at(monkeypatch, step: int, number: signal.Signals = signal.SIGTERM) -> None:
    """The process gets a signal in the middle of a step."""
    original = StepRunner.step

    def stepping(self, at, batch):
        if at == step:
            os.kill(os.getpid(), number)
        return original(self, at, batch)

    monkeypatch.setattr(StepRunner, "step", stepping)


def test_what_a_run_leaves(trained):
    finished = trained("train.val_freq=3", "use_tb_logger=true", "logger.best_by=psnr", "logger.keep_last=1")
    folder = finished.folder
    assert finished.step == 6
    assert finished.stopped_by is None
    told = events(folder, "train")
    assert [event["step"] for event in told] == [1, 2, 3, 4, 5, 6]
    assert told[-1]["losses"]["l_g_pix"] < told[0]["losses"]["l_g_pix"]
    validations = events(folder, "validation")
    assert [(event["step"], event["network"]) for event in validations] == [
        *((3, "G_ema"), (3, "G")),
        *((6, "G_ema"), (6, "G")),
    ]
    best = max(validations[::2], key=lambda event: event["psnr"])
    assert json.loads((folder / "checkpoints" / "best.json").read_text())["step"] == best["step"]
    assert set(checkpoint_steps(folder / "checkpoints")) == {best["step"], 6}
    assert (folder / "val_images" / "0" / "0_6.png").is_file()
    assert list((folder / "tensorboard").glob("events*"))
    assert "iteration 6/6" in (folder / "log.txt").read_text()
    network, card = read_model(folder / "checkpoints" / "6" / "G_ema.safetensors")
    assert card.model == "RRSNet_model"
    assert card.origin["step"] == 6
    assert sum(parameter.numel() for parameter in network.parameters()) > 1000


def scored(folder: Path) -> dict[str, list[float]]:
    """PSNR of each network that was validated, in order."""
    found: dict[str, list[float]] = {}
    for event in events(folder, "validation"):
        found.setdefault(event["network"], []).append(event["psnr"])
    return found


def test_the_average_is_validated_beside_what_it_averages(trained):
    words = ("train.val_freq=2", "logger.best_by=psnr", "train.lr_G=1e-2", "use_tb_logger=true")
    both = trained("name=both", *words).folder
    alone = trained("name=alone", *words, "val.compare_ema=false").folder
    raw = trained("name=raw", *words, "val.use_ema=false").folder
    none = trained("name=none", *words, "train.ema_decay=0").folder
    found = scored(both)
    assert list(found) == ["G_ema", "G"], "the one that counts comes first"
    assert list(scored(raw)) == ["G", "G_ema"]
    assert found["G"] != found["G_ema"]
    assert scored(alone) == {"G_ema": found["G_ema"]}
    assert scored(raw) == found
    assert scored(none) == {"G": found["G"]}
    for folder, counts in ((both, "G_ema"), (alone, "G_ema"), (raw, "G"), (none, "G")):
        best = json.loads((folder / "checkpoints" / "best.json").read_text())
        assert best["value"] == max(found[counts])
    for folder, other in ((alone, both), (none, raw)):
        image = Path("val_images") / "0" / "0_6.png"
        assert (folder / image).read_bytes() == (other / image).read_bytes(), "kept of the one that counts"
    assert ": val by G_ema (2 images" in (both / "log.txt").read_text()
    assert ": val (2 images" in (alone / "log.txt").read_text()
    assert curves(both) == {f"val/{metric}/{name}" for metric in ("psnr", "ssim") for name in ("G_ema", "G")}
    assert curves(none) == {"val/psnr", "val/ssim"}


def curves(folder: Path) -> set[str]:
    """The names of TensorBoard's validation curves."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    held = EventAccumulator(str(folder / "tensorboard"))
    held.Reload()
    return {name for name in held.Tags()["scalars"] if name.startswith("val/")}


def test_the_speed_counts_no_validation_and_no_checkpoint_twice(trained, monkeypatch):
    """By a clock on which an iteration takes a second, a validation five, and writing a checkpoint twenty."""
    now = [0.0]

    def lasting(seconds, function):
        def taking_time(*arguments, **keywords):
            now[0] += seconds
            return function(*arguments, **keywords)

        return taking_time

    monkeypatch.setattr(trainer.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(StepRunner, "step", lasting(1, StepRunner.step))
    monkeypatch.setattr(trainer, "validate", lasting(5, trainer.validate))
    monkeypatch.setattr(trainer, "write_checkpoint", lasting(20, trainer.write_checkpoint))
    folder = trained("train.val_freq=1", "logger.best_by=psnr", "train.lr_G=1e-2").folder
    assert {event["images_per_second"] for event in events(folder, "train")} == {4.0}


def test_a_validation_that_a_stop_has_left_out_is_made_up_for(trained, monkeypatch):
    """Else the best step of a run would depend on when it was stopped."""
    words = ("train.val_freq=2", "logger.best_by=psnr", "train.niter=4")
    whole = trained("name=whole", *words).folder
    for step in (2, 4):
        with monkeypatch.context() as patch:
            stop_at(patch, step)
            assert trained("name=stopped", *words).step == step
        folder = trained("name=stopped", *words, "path.auto_resume=true").folder
        assert scored(folder) == scored(whole)
        assert [event["step"] for event in events(folder, "validation")] == [2, 2, 4, 4]
        assert (folder / "checkpoints" / "best.json").read_bytes() == (whole / "checkpoints" / "best.json").read_bytes()
        shutil.rmtree(folder)


def test_the_best_may_be_chosen_by_any_measure_that_is_there(trained, monkeypatch, tmp_path):
    monkeypatch.setenv("REFSR_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(UsageError, match=r"logger\.best_by: lpips: .*alexnet"):
        trained("train.val_freq=2", "logger.best_by=lpips")
    assert Best("lpips", 1, 0.5).beaten_by(0.4)
    assert not Best("psnr", 1, 30.0).beaten_by(29.0)
    # Of equal values the earlier step stays the best.
    assert not Best("psnr", 1, 30.0).beaten_by(30.0)
    assert not Best("lpips", 1, 0.5).beaten_by(0.5)


def test_the_average_follows_the_weights(trained):
    folder = trained("logger.save_checkpoint_freq=1", "train.ema_start=2").folder / "checkpoints"
    expected = None
    for step in range(2, 7):
        weights = read_checkpoint(folder / str(step)).weights
        now = weights["G"]["content.head.weight"]
        expected = now if expected is None else 0.5 * expected + 0.5 * now
        assert torch.allclose(weights["G_ema"]["content.head.weight"], expected, atol=1e-7)


def test_before_averaging_starts_the_average_is_the_weights(trained):
    """It was the network before its first step, which validation measured and `refsr val` took."""
    folder = trained("logger.save_checkpoint_freq=2", "train.val_freq=2", "train.ema_start=5").folder
    for step in (2, 4):
        weights = read_checkpoint(folder / "checkpoints" / str(step)).weights
        assert all(torch.equal(tensor, weights["G"][name]) for name, tensor in weights["G_ema"].items())
    by_step: dict[int, set[float]] = {}
    for event in events(folder, "validation"):
        by_step.setdefault(event["step"], set()).add(event["psnr"])
    assert [len(found) for found in by_step.values()] == [1, 1, 2]


@pytest.mark.parametrize(("first", "second"), [("psnr", "ssim"), ("psnr", None)])
def test_a_best_by_another_measure_is_none(trained, first, second):
    """PSNR is above every SSIM, so a run that went on with SSIM kept its best step by PSNR for ever."""
    words = ("train.val_freq=2", "train.lr_G=1e-3", "path.auto_resume=true")
    trained(*words, f"logger.best_by={first}", "train.niter=4")
    folder = trained(*words, f"logger.best_by={'null' if second is None else second}", "train.niter=6").folder
    best = folder / "checkpoints" / "best.json"
    if second is None:
        assert not best.exists()
    else:
        assert json.loads(best.read_text())["metric"] == second
    assert f"the best checkpoint was chosen by {first}" in (folder / "log.txt").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stopped_run_saves_and_ends_as_if_it_had_not_stopped(options, trained, monkeypatch, number):
    whole = read_checkpoint(trained("name=whole").folder / "checkpoints" / "6")
    with monkeypatch.context() as patch:
        stop_at(patch, 3, number)
        stopped = trained()
    assert (stopped.step, stopped.stopped_by) == (3, number)
    assert checkpoint_steps(stopped.folder / "checkpoints") == [2, 3]
    finished = trained("path.auto_resume=true", "datasets.train.n_workers=2", "train.gradient_accumulation=1")
    resumed = read_checkpoint(finished.folder / "checkpoints" / "6")
    assert equal(resumed, whole)
    assert [event["step"] for event in events(finished.folder, "train")] == [1, 2, 3, 4, 5, 6]
    assert "not the same run" not in (finished.folder / "log.txt").read_text()


def test_resuming_from_a_named_checkpoint_goes_back_to_it(trained):
    whole = trained()
    before = read_checkpoint(whole.folder / "checkpoints" / "6")
    source = whole.folder / "checkpoints" / "2"
    again = trained("name=branch", f"path.resume_state={source}")
    assert equal(read_checkpoint(again.folder / "checkpoints" / "6"), before)
    assert [event["step"] for event in events(again.folder, "train")] == [3, 4, 5, 6]


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used(trained):
    folder = trained("train.niter=4").folder
    weights = folder / "checkpoints" / "4" / "G.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    finished = trained("train.niter=4", "path.auto_resume=true")
    log = (finished.folder / "log.txt").read_text()
    assert f"{folder / 'checkpoints' / '4'}: G.safetensors is damaged; the checkpoint before it is used" in log
    assert "resuming after iteration 2" in log
    read_checkpoint(finished.folder / "checkpoints" / "4")
    assert (finished.folder / "checkpoints" / "4.superseded" / "G.safetensors").read_bytes() == content


def test_an_earlier_run_is_set_aside(trained):
    first = trained("train.niter=2").folder
    marked = first / "checkpoints" / "2" / "G.safetensors"
    kept = marked.read_bytes()
    second = trained("train.niter=2", "seed=4").folder
    (archive,) = first.parent.glob("small_archived_*")
    assert (archive / "checkpoints" / "2" / "G.safetensors").read_bytes() == kept
    assert (second / "checkpoints" / "2" / "G.safetensors").read_bytes() != kept
    assert "held an earlier run" in (second / "log.txt").read_text()


def test_changed_options_are_told_on_resuming(trained):
    trained("train.niter=2")
    folder = trained("train.niter=4", "train.lr_G=1e-4", "path.auto_resume=true").folder
    log = (folder / "log.txt").read_text()
    assert "not the same run as before: train.lr_G was 0.001, is 0.0001" in log


def test_another_network_does_not_go_on(trained):
    trained("train.niter=2")
    with pytest.raises(DataError, match=r"network G is RRSNet .* there, RRSNet"):
        trained("train.niter=4", "network_G.nf=8", "path.auto_resume=true")


def test_two_runs_do_not_write_one_folder(options, trained):
    with RunFolder.of(options()).held(), pytest.raises(UsageError, match="another run is writing here"):
        trained()


def test_start_weights_come_from_a_model_file(trained):
    folder = trained("train.niter=2").folder
    start = folder / "checkpoints" / "2" / "G.safetensors"
    second = trained("name=second", "train.niter=1", f"path.pretrain_model_G={start}", "train.lr_G=1e-12").folder
    mine = read_model(second / "checkpoints" / "1" / "G.safetensors")[0].state_dict()
    theirs = read_model(start)[0].state_dict()
    assert all(torch.allclose(mine[key], theirs[key], atol=1e-10) for key in mine)
    wrong = trained("name=wrong", "train.niter=1", "network_G.nf=8", f"path.pretrain_model_G={start}")
    assert wrong.step == 1
    with pytest.raises(DataError, match="keys do not fit the network"):
        trained(
            "name=strict", "train.niter=1", "network_G.nf=8", f"path.pretrain_model_G={start}", "path.strict_load=true"
        )


def test_a_full_disk_loses_no_good_checkpoint(trained, monkeypatch):
    original, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(handle)

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(RefsrError, match="the disk is full") as caught:
        trained()
    monkeypatch.undo()
    assert "\n" not in str(caught.value)
    folder = Path(str(caught.value).split("checkpoints")[0]) / "checkpoints"
    found = checkpoint_steps(folder)
    assert found
    assert read_checkpoint(folder / str(found[-1])).step == found[-1]
    assert trained("path.auto_resume=true").step == 6
    assert not list(folder.glob(".*.part"))


def test_a_folder_that_cannot_be_written_is_one_line(options, trained, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RefsrError) as caught:
        trained(f"path.root={tmp_path / 'file'}")
    assert "\n" not in str(caught.value)


def test_going_back_in_a_run_sets_later_checkpoints_aside(trained, monkeypatch):
    folder = trained().folder / "checkpoints"
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        trained(f"path.resume_state={folder / '2'}", "train.lr_G=1e-4")
    assert checkpoint_steps(folder) == [2, 3]
    assert read_checkpoint(folder / "6.superseded").step == 6


def test_an_image_that_breaks_in_a_worker_is_one_line(trained, places, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(places, copy)
    file = copy / "HR" / "3.png"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"3\.png") as caught:
        trained(
            f"datasets.train.dataroot_GT={copy / 'HR'}",
            f"datasets.train.dataroot_Ref={copy / 'Ref'}",
            "datasets.train.n_workers=1",
        )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_to_the_whole_family_saves_too(option_file, options, number):
    """As a terminal's Ctrl-C, a batch system or a container gives it: loader processes get it as well."""
    command = [
        sys.executable,
        "-m",
        "refsr",
        "train",
        str(option_file),
        "train.niter=100000",
        "logger.print_freq=1",
        "datasets.train.n_workers=2",
        "logger.save_checkpoint_freq=100000",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, start_new_session=True, env=environment, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if line.startswith("iteration 3/"):
                break
        os.killpg(run.pid, signal.Signals[number])
        told = run.stderr.read()
        assert run.wait(1800) == 128 + signal.Signals[number]
    assert f"resume with: refsr train {option_file} train.niter=100000" in told
    folder = options().path.root / "experiments" / "small" / "checkpoints"
    (step,) = checkpoint_steps(folder)
    assert f"stopped after iteration {step}, which is saved" in told
    assert "internal error" not in told


def test_nothing_is_left_to_do(trained):
    trained("train.niter=2")
    assert trained("train.niter=2", "path.auto_resume=true").step == 2


def test_validation_does_not_change_what_is_learnt(trained):
    without = read_checkpoint(trained("name=without").folder / "checkpoints" / "6")
    checked = read_checkpoint(trained("name=with", "train.val_freq=1").folder / "checkpoints" / "6")
    assert equal(without, checked)


def test_out_of_memory_is_one_line_of_advice(trained, monkeypatch):
    def full(self, step, batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trainer.StepRunner, "step", full)
    with pytest.raises(RefsrError, match=r"memory is full; a smaller datasets\.train\.batch_size"):
        trained()
