"""Every command that writes, killed at random steps with files: the same command again ends with the same bytes.

Two kills a command; REFSR_EFFORT=N makes it N times as many, REFSR_SEED=S others.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
import yaml
from command_process import Commands, Ended
from geo_world import place, write
from mixing import write_mixing

from refsr.data.images import read_image, write_image
from refsr.networks.descriptor import NetworkSpec
from refsr.ops.resize import imresize
from refsr.runs.model_file import ModelCard, write_model
from small_run import written

KILLS, SEED = 2 * int(os.environ.get("REFSR_EFFORT", "1")), os.environ.get("REFSR_SEED", "0")
SKIPPED = re.compile(r"log\.txt|log\.jsonl|tensorboard|\.lock|lock\.mdb|_archived_|bench/(table|report)")
"""Files that say when something was done, locks, and what a run had before it had a checkpoint."""
TIMES = re.compile(rb'"(seconds_an_image|minutes)": [\d.e-]+')
RUN = "exp/experiments/small"
MODEL = "--model {inputs}/mixing.safetensors"


@dataclass(frozen=True)
class Case:
    """A command that writes in a folder `out`."""

    words: str
    begin: str = "{out}"
    """Steps are counted from the first at a path with this text."""
    copied: str = ""
    """What of the inputs lies in the folder before."""
    finished: bool = True
    """Whether it may be given again when it is done; others say that their result is there, and keep it."""


CASES = {
    "train": Case(
        "train {inputs}/small.yml path.root={out}/exp path.auto_resume=true train.val_freq=2 logger.best_by=psnr "
        "logger.save_checkpoint_freq=1 logger.keep_last=2"
    ),
    "val": Case("val {inputs}/small.yml path.root={out}/exp --baselines", "results", copied="exp"),
    "stress": Case(f"stress {{out}}/{RUN} --images 1 -o {{out}}/stress", "stress", copied="exp"),
    "report": Case(f"report {{out}}/{RUN} -o {{out}}/page.html", "page", copied="exp"),
    "bench": Case("bench {inputs}/small.yml --iterations 2 -o {out}/bench"),
    "restore an image": Case(
        f"restore {MODEL} --lr {{inputs}}/LR/0.png --ref {{inputs}}/Ref/0.png -o {{out}}/sr.png", finished=False
    ),
    "restore a folder": Case(f"restore {MODEL} --lr {{inputs}}/LR --ref {{inputs}}/Ref -o {{out}}/sr"),
    "restore a raster": Case(
        f"restore {MODEL} --lr {{inputs}}/lr.tif --ref {{inputs}}/ref.tif -o {{out}}/sr.tif --tile 8", finished=False
    ),
    "register": Case(
        "register --lr {inputs}/lr.tif --ref {inputs}/ref.tif -o {out}/reg.tif --points {out}/points.geojson "
        "--report {out}/page.html",
        finished=False,
    ),
    "world": Case("world {out}/world --places 2 --size 32 --workers 1"),
    "world on the ground": Case("world {out}/world --places 2 --size 32 --geo --workers 1"),
    "prepare": Case("prepare {inputs} {out}/prepared --scale 4 --workers 1 --degradation real-esrgan"),
    "pack": Case("pack {inputs}/HR {out}/HR.lmdb --workers 1"),
    "pack as published": Case("pack {inputs}/HR {out}/HR.lmdb --workers 1 --layout published"),
    "chips": Case("chips {inputs}/hr.tif --ref {inputs}/ref.tif -o {out}/chips --size 32 --block 40 --gap 0"),
    "import": Case("import {inputs}/edsr.pth --residual-scale 1 -o {out}/edsr.safetensors", finished=False),
    "export": Case("export --published {inputs}/rrsnet.safetensors -o {out}/rrsnet.pth", finished=False),
    "digest": Case("store digest {out}/LR", copied="LR"),
    "fix": Case("options check {out}/mistake.yml --fix", copied="mistake.yml"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, places: Path, commands: Commands) -> Path:
    """A folder with what the commands read, and a run that was trained."""
    folder = tmp_path_factory.mktemp("inputs")
    for file in (places / "HR").iterdir():
        # Large enough for the largest shift of `refsr stress`.
        large = {kind: np.tile(read_image(places / kind / file.name), (2, 2, 1)) for kind in ("HR", "Ref")}
        small = np.clip(np.rint(imresize(large["HR"] / 255, 0.25) * 255), 0, 255).astype(np.uint8)
        for kind, image in {**large, "LR": small}.items():
            write_image(folder / kind / file.name, image)
    case = place(ref_crs="next-utm", ref_pixel=0.7)
    write(folder / "lr.tif", case.lr, case.lr_home)
    write(folder / "ref.tif", case.ref, case.ref_grid.geotransform)
    write(folder / "hr.tif", case.hr, case.home)
    write_mixing(folder / "mixing.safetensors")
    torch.save(edsr(), folder / "edsr.pth")
    spec = NetworkSpec("RRSNet")
    write_model(folder / "rrsnet.safetensors", spec.build().state_dict(), ModelCard(spec, "RRSNet_model"))
    options = written(folder, folder)
    content = yaml.safe_load(options.read_text())
    content["datasets"]["test"] = content["datasets"]["val"]
    options.write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "mistake.yml").write_text(options.read_text().replace("scale:", "scael:"))
    trained = commands("train", options)
    assert trained.code == 0, trained.err
    return folder


def edsr() -> dict[str, torch.Tensor]:
    """Weights as BasicSR names them."""
    draw = torch.Generator().manual_seed(0)
    shapes = {"conv_first": (8, 3), "conv_after_body": (8, 8), "conv_last": (3, 8)}
    shapes |= {f"upsample.{number}": (32, 8) for number in (0, 2)}
    shapes |= {f"body.{block}.conv{number}": (8, 8) for block in range(2) for number in (1, 2)}
    made = {f"{name}.weight": torch.randn(*shape, 3, 3, generator=draw) for name, shape in shapes.items()}
    return made | {f"{name}.bias": torch.randn(shape[0], generator=draw) for name, shape in shapes.items()}


class Job:
    """A command and the folder that it writes to, which is the same each time: results name it."""

    def __init__(self, case: Case, inputs: Path, out: Path, commands: Commands) -> None:
        self.case, self.inputs, self.out, self._commands = case, inputs, out, commands

    def anew(self) -> None:
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        if self.case.copied:
            source, target = self.inputs / self.case.copied, self.out / self.case.copied
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)

    def run(self, moment: int = 0, action: str = "none") -> Ended:
        words = [word.format(inputs=self.inputs, out=self.out) for word in self.case.words.split()]
        return self._commands(*words, begin=self.case.begin.format(out=self.out), moment=moment, action=action)

    def made(self) -> dict[str, bytes]:
        """All files that are compared."""
        files = {file.relative_to(self.out): file for file in sorted(self.out.rglob("*")) if file.is_file()}
        return {str(name): content(file) for name, file in files.items() if not SKIPPED.search(str(name))}


def content(file: Path) -> bytes:
    """Without the time that it took; of an LMDB its records, whose places depend on what was written before."""
    if file.name != "data.mdb":
        return TIMES.sub(b"", file.read_bytes())
    with lmdb.open(str(file.parent), readonly=True, lock=False) as environment, environment.begin() as transaction:
        return repr(list(transaction.cursor())).encode()


def difference(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted({name for name in {*one, *other} if one.get(name) != other.get(name)})


@pytest.mark.budget
@pytest.mark.parametrize("name", CASES)
def test_killed_at_random_steps(name: str, inputs: Path, commands: Commands, tmp_path: Path) -> None:
    job = Job(CASES[name], inputs, tmp_path / "out", commands)
    job.anew()
    whole = job.run()
    assert whole.code == 0, whole.err
    expected = job.made()
    assert expected
    draw = random.Random(f"{name} {SEED}")
    for _ in range(KILLS):
        job.anew()
        moment = draw.randint(1, whole.steps)
        assert job.run(moment, "kill").code == -9
        again = job.run()
        there = not job.case.finished and again.code == 2 and re.search("(is there already|already exists)", again.err)
        assert again.code == 0 or there, (moment, whole.steps, again.err)
        assert difference(job.made(), expected) == [], (moment, whole.steps)
