"""Small runs as training and validation leave them, drawn here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.seeding import numpy_generator
from refsr.data.images import write_image
from refsr.evaluation.results import Results, Score
from refsr.metrics.protocols import PROTOCOLS, measure
from refsr.ops.resize import imresize

QUOTED = ("rgb-uint8-border4", "y-uint8-border4")
SIDE, SCALE = 48, 4
MakeRun = Callable[..., Path]
"""The fixture `make_run`."""


def scene(number: int) -> np.ndarray:
    """A drawn place with edges and texture, (SIDE, SIDE, 3) in [0, 1]."""
    draw = numpy_generator(3, "scene", number)
    image = np.full((SIDE, SIDE, 3), draw.uniform(0.3, 0.6, 3))
    for _ in range(9):
        top, left = draw.integers(0, SIDE - 8, 2)
        image[top : top + draw.integers(3, 20), left : left + draw.integers(3, 20)] = draw.uniform(0, 1, 3)
    return np.clip(image + draw.normal(0, 0.01 * (number + 1), image.shape), 0, 1)


def make_results(
    folder: Path,
    name: str = "run-a",
    *,
    images: int = 5,
    share: float = 0.5,
    dataset: str = "drawn",
    ablations: tuple[str, ...] = ("swap", "blank"),
    names: Callable[[int], str] = "place {:02d}".format,
    pictures: bool = True,
    about: dict[str, Any] | None = None,
) -> Results:
    """Results whose `name` is bicubic with a share of the missing detail; the last image is the hardest."""
    methods = ["nearest", "bicubic", name, *(f"{name} ref={how}" for how in ablations)]
    results = Results(
        name, dataset, SCALE, methods,
        {quoted: PROTOCOLS[quoted].about for quoted in QUOTED},
        {"psnr": {"unit": "dB", "better": "higher", "library": "refsr"},
         "ssim": {"unit": "", "better": "higher", "library": "refsr"}},
        about={"weights": {"file": "checkpoints/20/G.safetensors", "sha256": "ab" * 32, "step": 20},
               "provenance": {"lr": "file", "ref_down": "derived"}, "notes": ["the note"],
               "not_measured": ["lpips: no weights here"], "torch": "2"} | (about or {}),
    )  # fmt: skip
    for number in range(images):
        image, hr = names(number), np.rint(scene(number) * 255) / 255
        lr = np.clip(imresize(hr, 1 / SCALE), 0, 1)
        bicubic = np.clip(imresize(lr, SCALE), 0, 1)
        part = share * (1 - 0.1 * number)
        made = {"nearest": lr.repeat(SCALE, 0).repeat(SCALE, 1), "bicubic": bicubic,
                name: bicubic + part * (hr - bicubic)}  # fmt: skip
        made |= {f"{name} ref={how}": bicubic + part * 0.4 * (hr - bicubic) for how in ablations}
        for method, picture in made.items():
            for quoted in QUOTED:
                found = measure(picture, hr, SCALE, quoted)
                results.scores += [Score(image, method, quoted, key, value) for key, value in found.items()]
        if pictures:
            kept = {"lr": lr, "ref": hr[::-1], "hr": hr, "bicubic": bicubic, name: made[name]}
            results.pictures[image] = {key: f"images/{number}/{place}.png" for place, key in enumerate(kept)}
            for key, picture in kept.items():
                write_image(folder / results.pictures[image][key], np.rint(picture * 255).astype(np.uint8))
    results.write(folder)
    return results


def log_lines(steps: int = 20, name: str = "run-a") -> list[dict[str, Any]]:
    """What a short training logs."""
    lines: list[dict[str, Any]] = [{"kind": "start", "time": 100.0, "name": name, "niter": steps, "first": 1}]
    for step in range(1, steps + 1):
        lines.append({"kind": "train", "step": step, "losses": {"l_g_pix": 1.0 / step}, "lr": {"G": 1e-4},
                      "images_per_second": 20.0 + step % 3, "memory_mib": 10, "time": 100.0 + step})  # fmt: skip
        if step % 5 == 0:
            scores = {"dataset": "drawn", "protocol": QUOTED[0], "psnr": 20 + step / 10, "ssim": 0.5 + step / 100}
            lines.append({"kind": "validation", "step": step, **scores, "images": 5, "time": 100.0 + step})
    return lines
