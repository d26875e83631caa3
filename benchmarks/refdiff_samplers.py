"""How few evaluations (NFE) of Ref-Diff's denoiser suffice: every sampler, on one small network trained on a world.

python benchmarks/refdiff_samplers.py WORK [--places 12] writes benchmarks/results/refdiff_samplers.json.

WORK takes the world, the run of options/refdiff/small.yml and its results; what is there already is kept, and rows that
the result holds for the same weights are not made again. Samplers make the middle of the first CROPS held-out places,
all in one batch under the same noise, from the published 511 NFE down to 5: from noise alone at the published level
80, from the enlarged LR under noise of an intermediate level, with the result reduced again held to LR and without.
Whole places are then measured by refsr val with the shipped sampler, changed and unchanged areas apart, with the right
reference and another place's, and with masks of files, estimated, and none.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from refsr.core.atomic import write_text
from refsr.core.memory import keep_freed_memory
from refsr.core.options.load import load_options
from refsr.core.options.sampling import SamplingOptions
from refsr.core.window import Window
from refsr.data.build import build_dataset
from refsr.data.images import write_image
from refsr.evaluation.baselines import BASELINES
from refsr.evaluation.results import Results
from refsr.inference.restorer import load
from refsr.metrics.building import build
from refsr.metrics.protocols import DEFAULT_PROTOCOL, protocol
from refsr.ops.resize import imresize
from refsr.runs.model_file import model_file_at
from refsr.runs.run_folder import RunFolder, checkpoint_steps
from refsr.tasks.diffusion.diffusion_restore import DiffusionRestore
from refsr.tasks.diffusion.samplers import SAMPLERS
from runs import ROOT, refsr, scores_of

FILE = ROOT / "options" / "refdiff" / "small.yml"
RESULT = ROOT / "benchmarks" / "results" / "refdiff_samplers.json"
WORLD = "dataset/registered_world"
KNOBS = (
    "--places=80",
    "--change=0.5",
    "--misregistration=0.5",
    "--rotation=0",
    "--scale-difference=0",
    "--view-angle=2",
)
CROPS, SIDE = 4, 64
PICTURES = "crops"
MIDDLE = 2.0
"""The intermediate noise level, many times what HR is away from the enlarged LR."""
FAST = ("heun", "dpm2m", "dpm3m", "unipc")
MASKS: dict[str, list[str]] = {
    "file": [],
    "estimate": ["datasets.test.mask=estimate"],
    "none": ["datasets.test.mask=none"],
}


@dataclass(frozen=True)
class Row:
    """One way to sample."""

    sampler: str
    nfe: int
    start: str = "noise"
    sigma_max: float = 80.0
    consistency: str = "none"
    seed: int = 0
    scores: dict[str, float] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.sampler}-{self.nfe}-{self.start}-{self.sigma_max:g}-{self.consistency}-{self.seed}"

    @property
    def options(self) -> SamplingOptions:
        """The sampling options with as many steps as take this NFE."""
        count = next(n for n in range(1, self.nfe + 1) if SAMPLERS[self.sampler].nfe(n) >= self.nfe)
        given = {name: getattr(self, name) for name in ("sampler", "start", "sigma_max", "consistency", "seed")}
        return SamplingOptions.model_validate({**given, "steps": count})


def noises() -> Iterator[Row]:
    """Ways under other noise, which tell how much of a difference between ways is chance."""
    for seed in range(4):
        yield Row("unipc", 9, "enlarged", MIDDLE, "every", seed)
        yield Row("unipc", 17, "enlarged", MIDDLE, "every", seed)
        yield Row("unipc", 17, consistency="every", seed=seed)
        yield Row("unipc", 17, seed=seed)
        yield Row("published", 35, seed=seed)


def rows() -> Iterator[Row]:
    """All ways, the dear ones last."""
    for consistency in ("every", "none"):
        for nfe in (5, 9, 17):
            for sampler in FAST:
                yield Row(sampler, nfe, "enlarged", MIDDLE, consistency)
    yield Row("unipc", 9, "enlarged", MIDDLE, "end")
    yield Row("unipc", 5, "enlarged", MIDDLE / 4, "every")
    yield Row("unipc", 9, "enlarged", MIDDLE / 4, "every")
    for nfe in (5, 9, 17, 35):
        for sampler in FAST:
            yield Row(sampler, nfe)
    yield Row("unipc", 17, consistency="every")
    yield Row("published", 35)
    yield Row("published", 127)
    yield Row("published", 511, "released")


class Crops:
    """The middle of some held-out places as one batch, and what makes scores of images of it."""

    def __init__(self, work: Path) -> None:
        kinds = {"GT": "HR", "Ref": "Ref", "mask": "mask"}
        words = [f"datasets.test.dataroot_{root}={work / WORLD / 'test' / kind}" for root, kind in kinds.items()]
        options = load_options(FILE, words)
        dataset = build_dataset(options.datasets["test"], options.scale, options.run_seed)
        corner = (192 - SIDE) // 2 // options.scale * options.scale
        self.scale = options.scale
        self.samples = [dataset.at(index, Window(corner, corner, SIDE, SIDE)) for index in range(CROPS)]
        self.st_lpips = build("st-lpips")
        self.psnr = build("psnr")

    def batch(self) -> dict[str, Any]:
        members = ("lr", "hr", "ref", "mask")
        found: dict[str, Any] = {name: torch.stack([one[name] for one in self.samples]) for name in members}  # type: ignore[literal-required]
        return found

    def scores(self, images: list[np.ndarray[Any, Any]]) -> dict[str, float]:
        """Means over the crops; `lr` is how far, in grey levels, the image reduced again is from LR."""
        found: dict[str, list[float]] = {"psnr": [], "st-lpips": [], "lr": []}
        for image, sample in zip(images, self.samples, strict=True):
            pair = protocol(DEFAULT_PROTOCOL).compared(image, last(sample["hr"]), self.scale)
            found["psnr"].append(self.psnr(*pair))  # type: ignore[operator]
            found["st-lpips"].append(self.st_lpips(*pair))  # type: ignore[operator]
            away = imresize(image, 1 / self.scale) - last(sample["lr"])
            found["lr"].append(255 * float(np.sqrt(np.square(away).mean())))
        return {name: round(float(np.mean(values)), 4) for name, values in found.items()}


def last(image: Tensor) -> np.ndarray[Any, Any]:
    """(C, H, W) -> (H, W, C)."""
    planes: np.ndarray[Any, Any] = image.permute(1, 2, 0).float().numpy()
    return planes


def sampled(network: nn.Module, crops: Crops, row: Row, pictures: Path) -> Row:
    """The row with its scores, and the processor's seconds an image; the images are kept below `pictures`."""
    started = time.process_time()
    with torch.inference_mode():
        images = DiffusionRestore(row.options)(network, crops.batch())
    seconds = round((time.process_time() - started) / CROPS, 2)
    made = [last(one) for one in images]
    for number, image in enumerate(made):
        write_image(pictures / str(row) / f"{number}.png", eight_bits(image))
    return Row(**{**key(row), "scores": {**crops.scores(made), "seconds": seconds}})


def eight_bits(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """[0, 1] -> 8 bits."""
    found: np.ndarray[Any, Any] = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
    return found


def key(row: Row) -> dict[str, Any]:
    """What tells a row from others."""
    return {name: getattr(row, name) for name in ("sampler", "nfe", "start", "sigma_max", "consistency", "seed")}


def areas(work: Path, mask: str, places: int) -> dict[str, dict[str, list[float]]]:
    """Scores of whole places by method and measure: mean and 95 % interval."""
    kept = work / "areas" / f"{mask}-{places}"
    if not (kept / "test" / "results.json").is_file():
        words = [*MASKS[mask], f"val.max_images={places}", f"path.root={work / 'exp'}"]
        perturbed = ["--ref", "swap"] if mask == "file" else []
        call = ["val", str(FILE), *words, "--dataset", "test", "--metric", "st-lpips", *perturbed, "-o", str(kept)]
        refsr(work, *call)
    results = Results.read(kept / "test")
    return {"notes": results.about["notes"], **scores_of(results)}


def train_and_evaluate(work: Path) -> RunFolder:
    """The run, trained unless that is done already."""
    if not (work / WORLD / "world.json").is_file():
        script = ["sh", str(ROOT / "scripts" / "small_world.sh"), str(work / WORLD)]
        subprocess.run([*script, *KNOBS], check=True)
    options = load_options(FILE, [f"path.root={work / 'exp'}"])
    run = RunFolder.of(options)
    assert options.train is not None
    if options.train.niter not in checkpoint_steps(run.checkpoints):
        refsr(work, "train", str(FILE), "--auto-resume")
    return run


def told(log: Path) -> list[str]:
    """What the run said where it went on after a stop, other settings included."""
    words = ("resuming after", "not the same run")
    return [line.partition("  ")[2] for line in log.read_text().splitlines() if any(word in line for word in words)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--places", type=int, default=12, help="held-out places whose areas are scored apart")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    run = train_and_evaluate(work)
    keep_freed_memory()
    torch.set_num_threads(1)
    weights = model_file_at(run.path)
    digest = hashlib.blake2b(weights.read_bytes(), digest_size=16).hexdigest()
    restorer = load(weights, "cpu")
    before = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    same = before.get("weights") == digest
    content: dict[str, Any] = {
        "world": json.loads((work / WORLD / "world.json").read_text())["knobs"],
        "weights": digest,
        "parameters": sum(one.numel() for one in restorer.network.parameters()),
        "origin": dict(restorer.card.origin),
        "training_log": told(run.path / "log.txt"),
        "machine": f"{platform.machine()}, CPU, 1 thread",
        "torch": torch.__version__,
        "crops": f"the middle {SIDE}x{SIDE} of the first {CROPS} held-out places, {DEFAULT_PROTOCOL}",
        "areas": before.get("areas", {}) if same else {},
        "rows": before.get("rows", []) if same else [],
    }
    crops = Crops(work)
    bicubic = [BASELINES["bicubic"](one, crops.scale) for one in crops.samples]
    content["bicubic"] = crops.scores(bicubic)
    for number, sample in enumerate(crops.samples):
        for name, image in {**sample, "bicubic": bicubic[number]}.items():
            if name != "name":
                shown = image if name == "bicubic" else last(image)  # type: ignore[arg-type]
                write_image(work / PICTURES / name / f"{number}.png", eight_bits(shown))  # type: ignore[arg-type]
    ready = {Row(**{**one, "scores": {}}) for one in content["rows"]}
    for row in (*rows(), *noises()):
        if row not in ready:
            done = sampled(restorer.network, crops, row, work / PICTURES)
            content["rows"].append({**key(done), "scores": done.scores})
            write_text(RESULT, json.dumps(content, indent=1) + "\n")
            print(*key(done).values(), done.scores, flush=True)
    for mask in MASKS:
        content["areas"][mask] = {"places": arguments.places, **areas(work, mask, arguments.places)}
        write_text(RESULT, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
