"""A small RRSNet trained for half an hour on real images, RRSGAN from there, measured on places that neither has seen.

python benchmarks/real_training.py FOLDER [--minutes 30] [--work DIR] writes benchmarks/results/real-training.json.

FOLDER is a set of tuples such as RRSSRD's first test set: HR, LR, LR_UX4 and either Ref, Ref_DUX4 or google_Ref,
google_Ref_DUX4. The last ten places are held out. The number of iterations is what fits into the time by the speed of
the first steps; RRSGAN has a fifth of it. The results hold the baselines, the LR_UX4 files among them, and each network
with its reference perturbed. What is there in DIR already is kept, so a second call goes on.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml
from real_data import kind_folder

from refsr.core.atomic import write_text
from refsr.core.options.load import load_options
from refsr.evaluation.results import Results
from refsr.runs.process_group import ALONE
from refsr.runs.run_folder import RunFolder, checkpoint_steps
from refsr.training.dry_run import dry_run

HERE = Path(__file__).resolve().parent
HELD_OUT = 10
METRICS = ("st-lpips-alex", "gms")
KEYS = {"GT": "HR", "LQ": "LR", "LQ_UX4": "LR_UX4", "Ref": "Ref", "Ref_DUX4": "Ref_DUX4"}


def split(folder: Path, work: Path) -> dict[str, int]:
    """Links to the images below `train` and `test`; nothing is copied."""
    counts = {}
    for kind in KEYS.values():
        files = sorted(file for file in kind_folder(folder, kind).iterdir() if file.is_file())
        for name, part in (("train", files[:-HELD_OUT]), ("test", files[-HELD_OUT:])):
            counts[name] = len(part)
            (work / name / kind).mkdir(parents=True, exist_ok=True)
            for file in part:
                link = work / name / kind / file.name
                if not link.is_symlink():
                    link.symlink_to(file.resolve())
    return counts


def options(work: Path, niter: int) -> dict[str, Any]:
    """The run of RRSNet."""
    sets = {
        name: {
            "name": f"{name}",
            "mode": "reference",
            **{f"dataroot_{key}": str(work / name / kind) for key, kind in KEYS.items()},
        }
        for name in ("train", "test")
    }
    sets["train"] |= {"n_workers": 1, "batch_size": 4, "GT_size": 96, "use_flip": True, "use_rot": True}
    return {
        "name": "small_RRSNet",
        "model": "RRSNet_model",
        "scale": 4,
        "seed": 1,
        "gpu_ids": [],
        "datasets": sets,
        "network_G": {"which_model_G": "RRSNet", "nf": 24, "n_blocks": 2, "deformable_groups": 3},
        "path": {"root": str(work), "auto_resume": True},
        "train": {
            "niter": niter,
            "lr_G": 1.0e-3,
            "beta2_G": 0.999,
            "lr_scheme": "cosine",
            "eta_min": 1.0e-6,
            "warmup_iter": 100,
            "clip_grad_norm": 0.5,
            "ema_decay": 0.995,
            "val_freq": 0,
        },
        "val": {"save_images": True},
        "logger": {"print_freq": 50, "save_checkpoint_freq": 500, "keep_last": 1},
    }


def adversarial(work: Path, niter: int) -> dict[str, Any]:
    """The run of RRSGAN, which starts from the trained RRSNet; discriminators, losses as in the small option file."""
    small = yaml.safe_load((HERE.parent / "options" / "rrsgan" / "small.yml").read_text())
    content = options(work, niter)
    content |= {"name": "small_RRSGAN", "model": "RRSGAN_model", "network_D": small["network_D"]}
    content["train"] = small["train"] | {"niter": niter, "val_freq": 0}
    content["path"]["pretrain_model_G"] = str(work / "experiments" / "small_RRSNet")
    return content


def train_and_evaluate(file: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Trains and measures, as far as that is not done."""
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    run = RunFolder.of(load_options(file))
    if content["train"]["niter"] not in checkpoint_steps(run.checkpoints):
        subprocess.run([sys.executable, "-m", "refsr", "train", str(file)], check=True)
    words = [word for metric in METRICS for word in ("--metric", metric)]
    words += ["--ref", "swap", "--ref", "blank"]
    subprocess.run([sys.executable, "-m", "refsr", "val", str(file), *words], check=True)
    results = Results.read(run.path / "results" / "test")
    scores: dict[str, dict[str, Any]] = {}
    for one in results.table():
        numbers = {key: round(getattr(one, key), 4) for key in ("mean", "std", "low", "high")}
        scores.setdefault(one.method, {})[one.metric] = numbers
    times = [json.loads(line)["time"] for line in (run.path / "log.jsonl").read_text().splitlines()]
    return {
        "minutes": round((times[-1] - times[0]) / 60, 1),
        "iterations": content["train"]["niter"],
        "network": results.about["weights"]["keywords"],
        "protocol": next(iter(results.protocols)),
        "provenance": results.about["provenance"],
        "scores": scores,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--work", type=Path, help="where the runs are kept; a temporary folder otherwise")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        counts = split(arguments.folder, work)
        file = work / "options.yml"
        done = checkpoint_steps(work / "experiments" / "small_RRSNet" / "checkpoints")
        if done:
            niter = done[-1]
        else:
            file.write_text(yaml.safe_dump(options(work, 1000), sort_keys=False))
            niter = int(
                arguments.minutes * 60 / min(dry_run(load_options(file), ALONE).seconds_a_step for _ in range(3))
            )
        systems = {
            "RRSNet": train_and_evaluate(file, options(work, niter)),
            "RRSGAN": train_and_evaluate(work / "adversarial.yml", adversarial(work, niter // 5)),
        }
    content = {
        "set": arguments.folder.name,
        "places": counts,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "systems": systems,
    }
    write_text(HERE / "results" / "real-training.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
