"""A rectangle restored in the background, one at a time, with progress; it is cancelled at the network's next layer."""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import RefsrError, UsageError, suggestion
from refsr.core.progress import NoProgressBar, ProgressBar
from refsr.core.registry import DEFAULT_MODEL, list_models
from refsr.core.window import Window
from refsr.geo.raster_source import RasterSource
from refsr.geo.value_range import DECLARED
from refsr.inference.files import restore_file
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_options import RasterOptions
from refsr.inference.restorer import Restorer, load
from refsr.registration.options import Mode
from refsr.runs.model_file import model_file_at
from refsr.view.crops import Rectangle, Treatment, ranges_of, rectangle_on, write_lr, write_reference
from refsr.view.layers import Layer
from refsr.view.opening import NamedFile, layers_of, opened_raster
from refsr.view.safety import without_paths
from refsr.view.scene import Scene
from refsr.view.tiled import write_tiled

LOG = logging.getLogger(__name__)
AROUND = 64
"""Pixels of LR around a rectangle that the network sees, at most; those of its halo where that is less."""
WORDS = {"as-is": "as it lies", "moved": "moved", "turned": "turned by 180°", "away": "taken away"}


@dataclass(frozen=True)
class RestoreRequest:
    """What is to be restored, and how."""

    rectangle: tuple[float, float, float, float]
    """Left, top, right and bottom on the plane."""
    model: str
    reference: str | None = None
    """The key of its layer."""
    treatment: Treatment = "as-is"
    move: tuple[float, float] = (0.0, 0.0)
    """Pixels of LR, to the right and down."""
    strength: float = 1.0
    register: Mode = "auto"


class CancelledError(Exception):
    """The work was cancelled."""


@dataclass
class Work:
    """A rectangle that is restored, or was."""

    number: int
    state: str = "running"
    """running, done, failed or cancelled."""
    step: str = "opening the model"
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    error: str = ""
    lines: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=threading.Event)

    def described(self) -> dict[str, Any]:
        """As the page takes it."""
        running = self.state == "running"
        seconds = time.monotonic() - self.begun if running else self.seconds
        names = ("number", "state", "step", "done", "total", "error", "lines", "figures", "layers")
        return {name: getattr(self, name) for name in names} | {"seconds": round(seconds, 1)}

    def check(self) -> None:
        """Raises CancelledError once the work is to stop."""
        if self.stop.is_set():
            raise CancelledError

    def announce(self, line: str) -> None:
        self.check()
        # The ranges are those of the layers, measured before their parts were written.
        self.lines.append(without_paths(line).replace(DECLARED, "as of the whole layer"))

    def progress(self, label: str, total: int) -> ProgressBar:
        self.check()
        self.step, self.done, self.total = label, 0, total
        return _Bar(self)


class _Bar(NoProgressBar):
    def __init__(self, work: Work) -> None:
        self._work = work

    def advance(self, parts: int = 1, note: str = "") -> None:
        self._work.done += parts
        self._work.check()


class Workshop:
    """The models, and the one piece of work at a time."""

    def __init__(self, folder: Path, model: str | None = None, device: str | None = None) -> None:
        if model is not None:
            model_file_at(model)
        self._folder, self._device = folder, device
        self._models = {_label(name): name for name in ([model] if model else []) + list_models()}
        self.default = _label(model) if model else DEFAULT_MODEL
        self._loaded: tuple[str, Restorer] | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.work: Work | None = None

    @property
    def models(self) -> list[str]:
        """The names from which one is chosen."""
        return list(self._models)

    @property
    def busy(self) -> bool:
        """Whether something is restored now."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, scene: Scene, request: RestoreRequest) -> Work:
        """Starts to restore a rectangle; mistakes that are seen at once are a UsageError."""
        if request.model not in self._models:
            raise UsageError(f"model {request.model!r} is not one of them{suggestion(request.model, self._models)}")
        if not 0 <= request.strength <= 1:
            raise UsageError(f"strength {request.strength:g}: expected a number from 0 to 1")
        lr = scene.of("lr")
        if lr is None:
            raise UsageError("no layer is LR; name it: refsr view --lr LR.tif")
        ref = None if request.reference is None or request.treatment == "away" else scene.get(request.reference)
        rectangle_on(lr, request.rectangle, 0)
        with self._lock:
            if self.busy:
                raise UsageError("a rectangle is being restored; cancel it, or wait")
            work = Work(1 if self.work is None else self.work.number + 1)
            self.work = work
            self._thread = threading.Thread(target=self._run, args=(scene, lr, ref, request, work), daemon=True)
            self._thread.start()
        return work

    def cancel(self) -> None:
        """Stops the work at the next layer of the network."""
        if self.work is not None:
            self.work.stop.set()

    def close(self) -> None:
        """Cancels the work and waits for it."""
        self.cancel()
        if self._thread is not None:
            self._thread.join()

    def _run(self, scene: Scene, lr: Layer, ref: Layer | None, request: RestoreRequest, work: Work) -> None:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            with _stopped_in_network(work):
                self._restore(scene, lr, ref, request, work, folder)
            work.state = "done"
        except CancelledError:
            work.state = "cancelled"
        except RefsrError as error:
            work.state, work.error = "failed", without_paths(str(error))
        except Exception as error:
            LOG.exception("restoring a rectangle")
            work.state, work.error = "failed", without_paths(f"internal error: {type(error).__name__}: {error}")
        finally:
            work.seconds = time.monotonic() - work.begun
            shutil.rmtree(folder, ignore_errors=True)

    def _restore(
        self, scene: Scene, lr: Layer, ref: Layer | None, request: RestoreRequest, work: Work, folder: Path
    ) -> None:
        restorer = self._restorer(request.model)
        work.check()
        halo = restorer.descriptor(RestoreOptions(evidence=True)).halo
        rectangle = rectangle_on(lr, request.rectangle, AROUND if halo is None else min(AROUND, halo))
        images: dict[str, Any] = {"lr": _part(folder, "lr", lr)}
        work.step = "reading"
        write_lr(lr, rectangle, images["lr"])
        if ref is not None:
            images["ref"] = _part(folder, "ref", ref)
            write_reference(lr, ref, rectangle, request.treatment, request.move, images["ref"])
        spans = ranges_of([lr] if ref is None else [lr, ref])
        options = RestoreOptions(
            range=(spans[0].low, spans[0].high),
            range_ref=None if ref is None else (spans[1].low, spans[1].high),
            register=request.register,
            ref_strength=request.strength,
            raster=RasterOptions(clip=True),
        )
        work.step = "registering" if ref is not None and request.register != "none" else "restoring"
        output, evidence = folder / "restored.tif", folder / "evidence.tif"
        restore_file(
            restorer, images, output, options, progress=work.progress, announce=work.announce, evidence=evidence
        )
        work.step = "showing"
        self._show(scene, lr, rectangle, restorer.scale, _title(request, ref), (output, evidence), work)

    def _show(
        self,
        scene: Scene,
        lr: Layer,
        rectangle: Rectangle,
        scale: int,
        title: str,
        files: tuple[Path, Path],
        work: Work,
    ) -> None:
        """The rectangle of the restored part as layers."""
        kept = _inside(rectangle, scale)
        placement = lr.placement.finer(scale, rectangle.kept.left, rectangle.kept.top)
        for file, kind in zip(files, ("other", "evidence"), strict=True):
            target = self._folder / f"result{work.number}-{kind}.tif"
            planes = cut_out(file, kept, target)
            named = NamedFile("evidence" if kind == "evidence" else "other", str(target), f"{work.number}: {title}")
            for layer in layers_of(opened_raster(named), placement):
                shown = scene.add(replace(layer, removable=True))
                work.layers.append(shown.key)
            if kind == "evidence":
                work.figures = {name: float(np.nanmean(plane)) for name, plane in planes.items()}

    def _restorer(self, name: str) -> Restorer:
        if self._loaded is None or self._loaded[0] != name:
            self._loaded = None
            self._loaded = (name, load(self._models[name], self._device))
        return self._loaded[1]


def cut_out(file: Path, window: Window, target: Path) -> Mapping[str, Any]:
    """A window of a raster as a raster of its own in tiles; its planes (height, width) by description."""
    with RasterSource(file) as source:
        pixels, valid = source.read(window)
        names = tuple(band.description or "" for band in source.all_bands)
        profile: dict[str, Any] = {} if source.nodata is None else {"nodata": source.nodata}
        if source.grid is not None:
            profile |= source.grid.geotransform.moved(window.left, window.top).profile()
    write_tiled(target, pixels, profile, None if valid.all() or "nodata" in profile else valid, names)
    holes = np.where(valid[:, :, None], pixels.astype(np.float64), np.nan)
    return {name: holes[:, :, number] for number, name in enumerate(names)}


def _inside(rectangle: Rectangle, scale: int) -> Window:
    kept, seen = rectangle.kept, rectangle.seen
    return Window(kept.top - seen.top, kept.left - seen.left, kept.height, kept.width).times(scale)


def _part(folder: Path, role: str, layer: Layer) -> Path:
    """Where a part of a layer goes: messages have the layer's name."""
    target = folder / role / f"{Path(layer.name).stem}.tif"
    target.parent.mkdir()
    return target


def _title(request: RestoreRequest, ref: Layer | None) -> str:
    if ref is None:
        return f"{request.model}, without a reference"
    words = WORDS[request.treatment]
    if request.treatment == "moved":
        words += " by {:g}, {:g}".format(*request.move)
    strength = "" if request.strength == 1 else f", strength {request.strength:g}"
    return f"{request.model}, {ref.name} {words}{strength}"


def _label(model: str) -> str:
    """A model's name without the folders of its file."""
    return Path(model).name


@contextlib.contextmanager
def _stopped_in_network(work: Work) -> Iterator[None]:
    """Raises CancelledError before the next layer of any network once the work is to stop."""
    from torch.nn.modules.module import register_module_forward_pre_hook

    handle = register_module_forward_pre_hook(lambda module, inputs: work.check())
    try:
        yield
    finally:
        handle.remove()
