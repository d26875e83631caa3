"""Trackers: programs that keep the curves and images of runs. TensorBoard, W&B and MLflow behind one interface.

Each writes into the run's folder. Nothing leaves the machine unless an environment variable of the tracker asks for it.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_text
from refsr.core.errors import DataError, RefsrError
from refsr.core.foreign_files import read_record
from refsr.core.options.schema import Options
from refsr.core.options.show import plain
from refsr.data.images import write_image
from refsr.runs.run_folder import RunFolder

Picture = npt.NDArray[np.uint8]
Ending = Literal["finished", "stopped", "failed"]
"""How a run ended: after its last iteration, by a stop request, or by an error."""
PACKAGES = {"tensorboard": ("tensorboard",), "wandb": ("wandb",), "mlflow": ("mlflow", "sqlalchemy", "alembic")}
GROUP = "refsr"
"""The W&B project or MLflow experiment of runs, unless the tracker's own environment variable names another."""
KEPT_IDS = "trackers.json"
"""The file in a run's folder that holds its id in each tracker, by which a resumed run is continued there."""


class Tracker(Protocol):
    """What a run gives to a tracker."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Points of curves."""

    def image(self, step: int, name: str, image: Picture) -> None:
        """An image (H, W, 3)."""

    def finish(self, ending: Ending) -> None:
        """Writes what is still in memory, and how the run ended where the tracker keeps that."""


class TensorBoard:
    """Event files in `tensorboard/`; points from the first step on, which an interrupted run left, are hidden."""

    def __init__(self, folder: Path, first: int) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=first)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def image(self, step: int, name: str, image: Picture) -> None:
        self._writer.add_image(name, image, step, dataformats="HWC")

    def finish(self, ending: Ending) -> None:
        self._writer.close()


class WandB:
    """A run in `wandb/`, offline unless WANDB_MODE says otherwise."""

    def __init__(self, folder: Path, options: Options, known: str | None) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        mode: Any = os.environ.get("WANDB_MODE", "offline")
        self._image = wandb.Image
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", GROUP),
            name=options.name,
            id=known or uuid.uuid4().hex,
            resume="allow",
            mode=mode,
            dir=str(folder),
            config=plain(options),
            reinit="create_new",  # what a caller tracks in this process goes on
            settings=wandb.Settings(console="off", silent=True),
        )
        self.id: str = self._run.id

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def image(self, step: int, name: str, image: Picture) -> None:
        self._run.log({name: self._image(image)}, step=step)

    def finish(self, ending: Ending) -> None:
        self._run.finish(exit_code=0 if ending == "finished" else 1)


class MLflow:
    """A run in the database `mlflow/mlflow.db`, unless MLFLOW_TRACKING_URI names a server; images are artifacts."""

    def __init__(self, folder: Path, options: Options, known: str | None) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param
        from mlflow.exceptions import MlflowException

        for noisy in ("alembic", "mlflow.store.db.utils"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        own = (folder / "mlflow").resolve()
        server = os.environ.get("MLFLOW_TRACKING_URI")
        if not server:
            own.mkdir(exist_ok=True)
        self._metric = Metric
        self._client = MlflowClient(tracking_uri=server or f"sqlite:///{own / 'mlflow.db'}")
        if known:
            try:
                self._client.update_run(known, status="RUNNING")
                self.id: str = known
                return
            except MlflowException as error:  # it was kept elsewhere: another server than before
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
        self.id = self._created(options, None if server else (own / "artifacts").as_uri())
        params = [Param(key, value) for key, value in _flat(plain(options))]
        for start in range(0, len(params), 100):  # the most that a server takes at once
            self._client.log_batch(self.id, params=params[start : start + 100])

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        now = round(time.time() * 1000)
        points = [self._metric(name, float(value), now, step) for name, value in values.items()]
        self._client.log_batch(self.id, metrics=points)

    def image(self, step: int, name: str, image: Picture) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{step:08}.png"
            write_image(file, image)
            self._client.log_artifact(self.id, str(file), name)

    def finish(self, ending: Ending) -> None:
        states = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
        self._client.set_terminated(self.id, states[ending])

    def _created(self, options: Options, artifacts: str | None) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", GROUP)
        found = self._client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else self._client.create_experiment(name, artifacts)
        identity: str = self._client.create_run(experiment, run_name=options.name).info.run_id
        return identity


IDENTIFIED: Mapping[str, type[WandB] | type[MLflow]] = {"wandb": WandB, "mlflow": MLflow}


class Trackers:
    """All trackers of a run, as one. One that fails is named in a warning and left out; the run goes on."""

    def __init__(
        self,
        folder: RunFolder,
        options: Options,
        first: int,
        reached: Mapping[str, int],
        warn: Callable[[str], None],
    ) -> None:
        """`reached` has the last step of each kind in the log, up to which a tracker that knows the run has points."""
        self._warn = warn
        self._running: dict[str, tuple[Tracker, Mapping[str, int]]] = {}
        """Trackers by name, each with the steps, by kind, after which it takes points."""
        ids = _read_ids(folder.path / KEPT_IDS, warn)
        for name in wanted(options):
            with self._surviving(name):
                if name in IDENTIFIED:
                    known = ids.get(name)
                    tracker = IDENTIFIED[name](folder.path, options, known)
                    self._running[name] = tracker, reached if tracker.id == known else {}
                    ids[name] = tracker.id
                    write_text(folder.path / KEPT_IDS, json.dumps(ids) + "\n")
                else:
                    self._running[name] = TensorBoard(folder.path, first), {}

    def scalars(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        self._each(kind, step, lambda tracker: tracker.scalars(step, values))

    def image(self, kind: str, step: int, name: str, image: Picture) -> None:
        self._each(kind, step, lambda tracker: tracker.image(step, name, image))

    def finish(self, ending: Ending) -> None:
        for name, (tracker, _) in list(self._running.items()):
            with self._surviving(name):
                tracker.finish(ending)

    def _each(self, kind: str, step: int, give: Callable[[Tracker], None]) -> None:
        for name, (tracker, reached) in list(self._running.items()):
            if step > reached.get(kind, 0):
                with self._surviving(name):
                    give(tracker)

    @contextmanager
    def _surviving(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._running.pop(name, None)
            lines = str(error).splitlines() or [type(error).__name__]
            self._warn(f"tracker {name} failed, the run goes on without it: {lines[0]}")


def wanted(options: Options) -> list[str]:
    """The trackers that the options ask for, by either key."""
    published = ["tensorboard"] if options.use_tb_logger else []
    return list(dict.fromkeys([*published, *options.logger.trackers]))


def require_trackers(options: Options) -> None:
    """A RefsrError where the package of a tracker is missing."""
    packages = [package for name in wanted(options) for package in PACKAGES[name]]
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise RefsrError(f"logger.trackers needs {', '.join(missing)}; pip install 'refsr[trackers]'")


def _read_ids(file: Path, warn: Callable[[str], None]) -> dict[str, str]:
    """The run's ids; of a damaged file none, with a warning, for trackers end no run."""
    if not file.exists():
        return {}
    try:
        found = read_record(file)
        if not isinstance(found, dict):
            raise DataError(
                f"{file}: is damaged: expected a mapping of trackers to ids, found a {type(found).__name__}"
            )
    except DataError as error:
        warn(f"{error}; the run begins anew in its trackers")
        return {}
    return {name: str(identity) for name, identity in found.items()}


def _flat(options: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Options by their keys with dots; MLflow keeps at most 6000 letters of a value."""
    for key, value in options.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)[:6000]
