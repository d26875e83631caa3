"""Samples per second of crops of 256 from five-image tuples of 480: windows of raw LMDB records against two rivals.

OMP_NUM_THREADS=1 python benchmarks/loading.py

Beside them stands the same loader of PNG files. Rivals: a plain loader that decodes whole files with cv2 and cuts;
the same stores read whole, with the bytes cut before they become floats; and the same read whole in the published
order, floats first, cut after. All give equal samples (checked) from the same draws, as batches of floats; they take
turns, the best of three rounds counts. Pages are
in memory, as in any training after its first epoch.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from refsr.core.atomic import write_text
from refsr.core.window import Window
from refsr.data.augmentation import draw_flip_rotation
from refsr.data.crops import draw_crop
from refsr.data.images import Array, ImageInfo, write_image
from refsr.data.loading import StepSampler, batches, quiet_worker, quieten
from refsr.data.sets.paired import Cropping, Member, PairedSet
from refsr.data.stores import Store, open_store
from refsr.data.stores.packing import pack_folder
from refsr.ops.resize import imresize

TUPLES, SIDE, SCALE, CROP, BATCH = 40, 480, 4, 256, 4
STEPS, ROUNDS, WORKERS = 60, 3, (0, 2, 4)
RESULT = Path(__file__).parent / "results" / "loading.json"
MEMBERS = ("hr", "lr", "lr_up", "ref", "ref_down")


@dataclass
class WholeStore:
    """A store whose windows are cut from whole images, as loaders without windows do."""

    store: Store

    @property
    def path(self) -> Path:
        return self.store.path

    def keys(self) -> tuple[str, ...]:
        return self.store.keys()

    def info(self, key: str) -> ImageInfo:
        return self.store.info(key)

    def read(self, key: str, window: Window | None = None) -> Array:
        return cut(self.store.read(key), window)

    def close(self) -> None:
        self.store.close()


class PublishedOrder(Dataset[dict[str, Any]]):
    """Whole images become floats, are cut, turned and put in order, as in the published loaders."""

    def __init__(self, dataset: PairedSet) -> None:
        self.members, self.keys, self.ratios = dataset.members, dataset.keys, dataset.ratios

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, item: tuple[int, int]) -> dict[str, Any]:
        index, draw = item
        crop = draw_crop(0, draw, index, SIDE, SIDE, CROP, SCALE, "aligned")
        turn = draw_flip_rotation(0, draw, index, flip=True, rotate=True)
        sample: dict[str, Any] = {"name": self.keys[index]}
        for name, member in self.members.items():
            whole = member.store.read(self.keys[index]).astype(np.float32) / np.float32(255)
            image = turn.apply(cut(whole, crop.reduced(self.ratios[name])))
            sample[name] = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        return sample


@dataclass
class DecodedFiles:
    """A folder read by cv2 and nothing else: the usual loader."""

    folder: Path
    suffix: str

    @property
    def path(self) -> Path:
        return self.folder

    def keys(self) -> tuple[str, ...]:
        return tuple(sorted(file.stem for file in self.folder.glob(f"*{self.suffix}")))

    def info(self, key: str) -> ImageInfo:
        side = SIDE // SCALE if self.folder.name.endswith("_lr") else SIDE
        return ImageInfo(side, side, 3, "uint8")

    def read(self, key: str, window: Window | None = None) -> Array:
        return cut(cv2.imread(str(self.folder / f"{key}{self.suffix}"), cv2.IMREAD_UNCHANGED)[:, :, ::-1], window)

    def close(self) -> None:
        """Nothing is open."""


def cut(image: Array, window: Window | None) -> Array:
    if window is None:
        return image
    top, left, height, width = window
    return image[top : top + height, left : left + width]


def textured(generator: np.random.Generator, side: int) -> Array:
    """An image that compresses about as aerial photographs do."""
    image = sum(
        imresize(generator.random((side // wave + 2, side // wave + 2, 3)), wave)[:side, :side] * wave**0.5
        for wave in (1, 2, 4, 8, 16, 32, 64)
    )
    low, high = image.min(), image.max()
    return ((image - low) / (high - low) * 255).astype(np.uint8)


def make_tuples(root: Path) -> None:
    generator = np.random.default_rng(0)
    for i in range(TUPLES):
        for member in MEMBERS:
            image = textured(generator, SIDE // SCALE if member == "lr" else SIDE)
            write_image(root / f"png_{member}" / f"{i:03}.png", image)
            write_image(root / f"jpg_{member}" / f"{i:03}.jpg", image, quality=90)
    for member in MEMBERS:
        pack_folder(root / f"png_{member}", root / f"{member}.lmdb")


def datasets(root: Path) -> dict[str, PairedSet | PublishedOrder]:
    stores = {
        "lmdb windows": lambda member: open_store(root / f"{member}.lmdb"),
        "lmdb whole": lambda member: WholeStore(open_store(root / f"{member}.lmdb")),
        "png files": lambda member: open_store(root / f"png_{member}"),
        "cv2 png": lambda member: DecodedFiles(root / f"png_{member}", ".png"),
        "cv2 jpeg": lambda member: DecodedFiles(root / f"jpg_{member}", ".jpg"),
    }
    cropping = Cropping(CROP, "aligned", flip=True, rotate=True)
    paired = {
        name: PairedSet({member: Member(make(member)) for member in MEMBERS}, SCALE, cropping=cropping)
        for name, make in stores.items()
    }
    return {**paired, "lmdb whole, floats first": PublishedOrder(paired["lmdb whole"])}


def pixels_per_second(dataset: PairedSet | PublishedOrder) -> float:
    """Samples a second of reading alone: the five windows, without conversion."""
    generator = np.random.default_rng(1)
    corners = generator.integers(0, (SIDE - CROP) // SCALE + 1, (200, 2)) * SCALE
    started = time.perf_counter()
    for at, (top, left) in enumerate(corners):
        window = Window(int(top), int(left), CROP, CROP)
        for member, source in dataset.members.items():
            np.ascontiguousarray(source.store.read(dataset.keys[at % TUPLES], window.reduced(dataset.ratios[member])))
    return len(corners) / (time.perf_counter() - started)


def samples_per_second(dataset: PairedSet | PublishedOrder, workers: int, round_number: int) -> float:
    """Samples a second through a loader, its start left out."""
    first = 1 + round_number * STEPS
    sampler = StepSampler(len(dataset), BATCH, first, first + STEPS, seed=0)
    if isinstance(dataset, PairedSet):
        loaded = batches(dataset, sampler, workers)
    else:
        loaded = iter(DataLoader(dataset, batch_sampler=sampler, num_workers=workers, worker_init_fn=quiet_worker))
    next(loaded)
    started = time.perf_counter()
    count = sum(len(batch["name"]) for batch in loaded)
    return count / (time.perf_counter() - started)


def main() -> None:
    quieten()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_tuples(root)
        sets = datasets(root)
        exact = [sets[name][3, 5] for name in ("lmdb windows", "lmdb whole", "lmdb whole, floats first", "cv2 png")]
        assert all(torch.equal(exact[0][member], other[member]) for other in exact[1:] for member in MEMBERS)
        best: dict[str, dict[str, float]] = {name: {} for name in sets}
        for round_number in range(ROUNDS):
            for name, dataset in sets.items():
                figures = {"pixels": pixels_per_second(dataset)}
                figures |= {
                    f"{workers} workers": samples_per_second(dataset, workers, round_number) for workers in WORKERS
                }
                for what, figure in figures.items():
                    best[name][what] = max(best[name].get(what, 0.0), figure)
    ours = best["lmdb windows"]
    ratios = {name: {what: ours[what] / figure for what, figure in figures.items()} for name, figures in best.items()}
    for name, figures in best.items():
        print(
            name, *(f"{what}: {figure:.0f}/s ({ratios[name][what]:.1f}x)" for what, figure in figures.items()), sep="  "
        )
    facts = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cv2": cv2.__version__,
    }
    record = {"machine": facts, "tuples": TUPLES, "crop": CROP, "samples_per_second": best, "times_faster": ratios}
    write_text(RESULT, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
