"""A model that costs nothing, and scenes of known ground with references around them."""

from __future__ import annotations

import csv
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ground
import numpy as np
from scipy.ndimage import zoom

from refsr.archive.restore_archive import Sources
from refsr.archive.settings import ArchiveSettings
from refsr.core import registry
from refsr.core.user_modules import import_module
from refsr.geo.geotransform import Geotransform
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_options import RasterOptions
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.model_file import ModelCard, weights_digest, write_model

HERE = Path(__file__).parent
PIXEL = 10.0
SCALE = 4
SIDE = 24
"""Of small scenes, in pixels."""


@contextmanager
def with_enlarging() -> Iterator[None]:
    """The network's name, until the block ends, here and in processes that are started.

    Then the environment is as before, too: a worker sets how often GDAL tries again, and may be this process.
    """
    before = dict(registry.NAMES["network"]), dict(os.environ)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *sys.path])
    import_module(str(HERE / "enlarging.py"))
    # Not again when it is imported again.
    registry.NAMES["network"].setdefault("Enlarging", "enlarging:Enlarging")  # type: ignore[attr-defined]
    try:
        yield
    finally:
        registry.NAMES["network"] = before[0]  # type: ignore[index]
        os.environ.clear()
        os.environ.update(before[1])


def write_enlarging(path: Path, **options: object) -> Path:
    """A model file of the network that only enlarges."""
    spec = NetworkSpec("Enlarging", options)
    write_model(path, spec.build().state_dict(), ModelCard(spec, "SISR_model", {"weights": "none"}))
    return path


def settings(model: Path, output: Path, **more: object) -> ArchiveSettings:
    """Those of an archive of the made scenes."""
    options = RestoreOptions(range=(0.0, 255.0), register="none", tile=32, raster=RasterOptions(clip=True))
    options = more.pop("options", options)  # type: ignore[assignment]
    digest = weights_digest(NetworkSpec("Enlarging", {}).build())
    modules = (str(HERE / "enlarging.py"),)
    return ArchiveSettings(output.absolute(), str(model), digest, options, "cpu", imports=modules, **more)  # type: ignore[arg-type]


def textured(seed: int, side: int) -> np.ndarray:
    """(side, side, 3) smooth noise in uint8, of its own for each seed."""
    noise = np.random.default_rng(seed).uniform(20, 230, (side // 4 + 2, side // 4 + 2, 3))
    return zoom(noise, (4, 4, 1), order=1)[:side, :side].astype(np.uint8)


def write_raster(
    path: Path, image: np.ndarray, east: float, pixel: float = PIXEL, crs: str | None = ground.HOME
) -> Path:
    """An image whose upper left corner lies `east` metres from the ground's."""
    import rasterio

    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, count = image.shape
    place = Geotransform.north_up(crs, ground.EAST + east, ground.NORTH, pixel)
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=count, dtype=image.dtype, photometric="RGB",
        tiled=True, blockxsize=256, blockysize=256, **place.profile(),
    ) as sink:  # fmt: skip
        sink.write(np.moveaxis(image, 2, 0))
    return path


def write_scenes(folder: Path, count: int, large: int = 0) -> Path:
    """So many small scenes side by side in LR, one of `large` pixels, and for each a reference of its ground in Ref."""
    for number in range(count):
        write_pair(folder, f"small-{number:03d}", number, SIDE, number * SIDE * PIXEL)
    if large:
        write_pair(folder, "large", 999, large, 1e5)
    return folder


def write_pair(folder: Path, name: str, seed: int, side: int, east: float) -> None:
    sharp = textured(seed, side * SCALE)
    low = sharp.reshape(side, SCALE, side, SCALE, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    write_raster(folder / "LR" / f"{name}.tif", low, east)
    write_raster(folder / "Ref" / f"{name}-ref.tif", sharp, east, PIXEL / SCALE)


def sources(folder: Path) -> Sources:
    return Sources(folder / "LR", references=folder / "Ref")


def write_csv(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


class Done:
    """The future of a task that has ended."""

    def __init__(self, client: ImmediateClient, task: Callable[[], Any]) -> None:
        self._client, self._found, self._error = client, None, None
        self.status = "finished"
        try:
            self._found = task()
        except BaseException as error:
            self.status, self._error = "error", error

    def result(self) -> Any:
        return self._found

    def exception(self) -> Any:
        return self._error

    def add_done_callback(self, function: Callable[[Any], None]) -> None:
        function(self)

    def release(self) -> None:
        self._client.alive -= 1


class ImmediateClient:
    """Stands for Dask's client with two workers: does each task at once, in this process."""

    status = "running"

    def __init__(self, before: Callable[[Any, Any], None] = lambda *_: None) -> None:
        self._before = before
        self.alive = self.most_alive = self.tasks = 0

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        return {"workers": {"first": {}, "second": {}}}

    def submit(self, function: Any, *arguments: Any, key: str, pure: bool) -> Done:
        self.tasks += 1
        self.alive += 1
        self.most_alive = max(self.most_alive, self.alive)

        def task() -> Any:
            # As they arrive on a worker.
            self._before(function, arguments)
            return function(*pickle.loads(pickle.dumps(arguments)))

        return Done(self, task)
