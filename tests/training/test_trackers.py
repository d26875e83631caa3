"""Trackers get each point once, also of a resumed run; none stops a run, and none sends anything by itself."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from refsr.core.errors import RefsrError
from refsr.training import trackers
from refsr.training.step import StepRunner


def needs(name: str) -> None:
    for package in trackers.PACKAGES[name]:
        pytest.importorskip(package, reason=f"{package} is not installed (extra trackers)")


def stop_at(monkeypatch, step: int) -> None:
    original = StepRunner.step

    def stepping(self, at, batch):
        if at == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, at, batch)

    monkeypatch.setattr(StepRunner, "step", stepping)


@pytest.fixture(autouse=True)
def no_servers(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def interrupted(trained, monkeypatch):
    """Trains to step 4, forgets the last two, and resumes: the folder of the finished run."""

    def run(*words: str) -> Path:
        words = ("train.val_freq=2", *words)
        with monkeypatch.context() as patch:
            stop_at(patch, 4)
            folder = trained(*words).folder
        again = trained(*words, f"path.resume_state={folder / 'checkpoints' / '2'}").folder
        assert again == folder
        return folder

    return run


def tensorboard_steps(folder: Path) -> list[int]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    held = EventAccumulator(str(folder / "tensorboard"))
    held.Reload()
    assert "val/0" in held.Tags()["images"]
    return [point.step for point in held.Scalars("loss/l_g_pix")]


@pytest.mark.parametrize("words", [["use_tb_logger=true"], ["logger.trackers=[tensorboard]"]])
def test_tensorboard(interrupted, words):
    folder = interrupted(*words)
    assert tensorboard_steps(folder) == [1, 2, 3, 4, 5, 6]
    assert not (folder / trackers.KEPT_IDS).exists()


def wandb_records(file: Path) -> Iterator[bytes]:
    """Records of a log in LevelDB's format: blocks of 32 KiB with headers (checksum, length, type) after 7 bytes."""
    data, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
        _, length, kind = struct.unpack_from("<IHB", data, at)
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def wandb_points(folder: Path) -> tuple[set[str], list[int], set[str]]:
    """Ids, the steps of a loss, and the keys of everything, over the files of all parts of a run."""
    from wandb.proto.wandb_internal_pb2 import Record

    ids, steps, keys = set(), [], set()
    for file in sorted((folder / "wandb").glob("offline-run-*/run-*.wandb")):
        for data in wandb_records(file):
            record = Record()
            record.ParseFromString(data)
            if record.run.run_id:
                ids.add(record.run.run_id)
            names = {"/".join(item.nested_key) or item.key for item in record.history.item}
            keys |= names
            if "loss/l_g_pix" in names:
                steps.append(record.history.step.num)
    return ids, steps, keys


@pytest.mark.slow
def test_wandb_offline(interrupted):
    needs("wandb")
    folder = interrupted("logger.trackers=[wandb]")
    ids, steps, keys = wandb_points(folder)
    assert len(ids) == 1
    assert steps == [1, 2, 3, 4, 5, 6]
    assert {"val/psnr/G", "val/0/_type"} <= keys or {"val/psnr/G", "val/0"} <= keys, keys
    assert "failed" not in (folder / "log.txt").read_text()


@pytest.mark.slow
def test_mlflow_in_a_file(interrupted):
    needs("mlflow")
    from mlflow import MlflowClient

    folder = interrupted("logger.trackers=[mlflow]")
    assert "failed" not in (folder / "log.txt").read_text()
    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name(trackers.GROUP).experiment_id])
    assert (run.info.run_name, run.info.status) == ("small", "FINISHED")
    assert run.data.params["train.lr_G"] == "0.001"
    for name, steps in (("loss/l_g_pix", [1, 2, 3, 4, 5, 6]), ("val/psnr/G", [2, 4, 6])):
        assert [point.step for point in client.get_metric_history(run.info.run_id, name)] == steps
    panels = [Path(one.path).name for one in client.list_artifacts(run.info.run_id, "val/0")]
    assert panels == ["00000002.png", "00000004.png", "00000006.png"]
    assert all(folder.resolve() in file.parents for file in folder.resolve().rglob("*.png"))


@pytest.mark.parametrize("where", ["__init__", "scalars", "image", "finish"])
def test_one_that_fails_is_left_out_with_one_warning(trained, monkeypatch, where):
    def failing(*arguments):
        raise OSError("the disk is full\nand more")

    monkeypatch.setattr(trackers.TensorBoard, where, failing)
    finished = trained("train.val_freq=2", "logger.trackers=[tensorboard]")
    assert finished.step == 6
    log = (finished.folder / "log.txt").read_text()
    assert log.count("tracker tensorboard failed, the run goes on without it: the disk is full\n") == 1
    assert "and more" not in log


def test_another_goes_on_beside_one_that_fails(trained, monkeypatch):
    class Failing:
        id = "x"

        def __init__(self, folder, options, known):
            pass

        def scalars(self, step, values):
            raise ConnectionError("no route")

        def finish(self, ending):
            raise AssertionError("it was left out")

    monkeypatch.setattr(trackers, "IDENTIFIED", {"wandb": Failing})
    monkeypatch.setattr(trackers, "PACKAGES", {"wandb": (), "tensorboard": ()})
    folder = trained("train.val_freq=2", "logger.trackers=[wandb,tensorboard]").folder
    assert (folder / "log.txt").read_text().count("tracker wandb failed") == 1
    assert tensorboard_steps(folder) == [1, 2, 3, 4, 5, 6]


def test_they_hear_how_a_run_ended(trained, monkeypatch):
    class Hearing(trackers.TensorBoard):
        def finish(self, ending):
            super().finish(ending)
            endings.append(ending)

    def raising(error):
        def step(*arguments):
            raise error

        return step

    endings = []
    monkeypatch.setattr(trackers, "TensorBoard", Hearing)
    words = ("train.niter=2", "logger.trackers=[tensorboard]")
    trained(*words)
    with monkeypatch.context() as patch:
        stop_at(patch, 1)
        trained(*words)
    for error in (KeyboardInterrupt(), OSError("the disk is full")):
        with monkeypatch.context() as patch:
            patch.setattr(StepRunner, "step", raising(error))
            with pytest.raises(type(error)):
                trained(*words)
    assert endings == ["finished", "stopped", "stopped", "failed"]


@pytest.mark.parametrize(("ending", "status"), [("finished", "FINISHED"), ("stopped", "KILLED"), ("failed", "FAILED")])
def test_mlflow_keeps_how_a_run_ended(tmp_path, options, ending, status):
    needs("mlflow")
    from mlflow import MlflowClient

    tracker = trackers.MLflow(tmp_path, options(), None)
    tracker.finish(ending)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    assert client.get_run(tracker.id).info.status == status


@pytest.mark.parametrize("content", ['["abc"]', "3", "{"])
def test_damaged_ids_are_named_in_one_line_and_the_run_goes_on(options, tmp_path, monkeypatch, content):
    """A list in place of a mapping was once a traceback; what is no JSON was ignored in silence."""

    class Known:
        def __init__(self, folder, options, known):
            self.id = known or "new"

    monkeypatch.setattr(trackers, "IDENTIFIED", {"wandb": Known})
    file = tmp_path / trackers.KEPT_IDS
    file.write_text(content)
    lines: list[str] = []
    trackers.Trackers(SimpleNamespace(path=tmp_path), options("logger.trackers=[wandb]"), 1, {}, lines.append)
    (line,) = lines
    assert line.startswith(f"{file}: ")
    assert line.endswith("; the run begins anew in its trackers")
    assert json.loads(file.read_text()) == {"wandb": "new"}


def test_a_missing_package_is_one_line_before_anything_is_touched(trained, monkeypatch):
    folder = trained("train.niter=2").folder
    original = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wandb" else original(name))
    with pytest.raises(RefsrError, match=r"logger\.trackers needs wandb; pip install 'refsr\[trackers\]'"):
        trained("train.niter=2", "logger.trackers=[wandb]")
    assert list(folder.parent.glob("small*")) == [folder]


def test_debug_writes_no_curves(options):
    assert options("name=debug", "logger.trackers=[tensorboard]").logger.trackers == ["tensorboard"], "overrides win"
    assert trackers.wanted(options("use_tb_logger=true", "logger.trackers=[tensorboard]")) == ["tensorboard"]
    assert trackers.wanted(options()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_nothing_is_sent(option_file, name):
    """Both honour proxies; one that listens here hears nothing from a whole run."""
    needs(name)
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def listening() -> None:
            while True:
                try:
                    connection, _ = proxy.accept()
                except OSError:
                    return
                heard.append(connection.recv(1000))
                connection.close()

        threading.Thread(target=listening, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        environment = os.environ | dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), address)
        for key in ("no_proxy", "NO_PROXY"):
            environment.pop(key, None)
        words = [str(option_file), "train.val_freq=3", f"logger.trackers=[{name}]"]
        done = subprocess.run([sys.executable, "-m", "refsr", "train", *words], env=environment, capture_output=True,
                              text=True, check=False)  # fmt: skip
        proxy.shutdown(socket.SHUT_RDWR)
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr
    assert heard == []
