"""Every shipped option file trains: two steps, validation and checkpoint, on small data and a narrower network."""

from __future__ import annotations

from pathlib import Path

import pytest

from refsr.core.names import is_built
from refsr.core.options.load import load_options
from refsr.engine.checkpoint import read_checkpoint
from refsr.engine.group import ALONE
from refsr.engine.trainer import train

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SHIPPED = sorted((REPOSITORY / "options").glob("*/*.yml"))
NARROW = {name: ["nf=4", "n_blocks=1", "deformable_groups=1"] for name in ("RRSNet", "RGTNet")}
"""Keywords that make a network small, by its name."""


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_two_steps(file, places, tmp_path):
    shipped = load_options(file)
    networks = [section.which for section in (shipped.network_G, shipped.network_D) if section is not None]
    missing = [name for name in networks if not is_built("network", name)]
    if missing or not is_built("model", shipped.model):
        pytest.skip(f"{shipped.model} with {', '.join(networks)} is not part of this version")
    words = [f"path.root={tmp_path}", "gpu_ids=[]", "train.niter=2", "train.val_freq=2", "val.max_images=1"]
    words += ["train.T_period=[2]", "train.lr_steps=[1]", "train.warmup_iter=-1"]
    words += [f"network_G.{word}" for word in NARROW[shipped.network_G.which]]
    for name in shipped.datasets:
        made = {"lr": "from_hr", "lr_up": "from_lr", "ref_down": "from_ref"}
        words += [f"datasets.{name}.{key}={value}" for key, value in made.items()]
        words += [f"datasets.{name}.dataroot_{key}={places / folder}" for key, folder in (("GT", "HR"), ("Ref", "Ref"))]
        words += [f"datasets.{name}.dataroot_{key}=null" for key in ("LQ", "LQ_UX4", "Ref_DUX4")]
    words += ["datasets.train.batch_size=2", "datasets.train.GT_size=32", "datasets.train.n_workers=0"]
    if shipped.network_D is not None:
        # Both stages in two steps; nobody has VGG19's weights here.
        words += ["network_D.nf=4", "network_D.head=pooled", "train.l1_init=2", "train.feature_network=random"]
    finished = train(load_options(file, words), ALONE)
    assert read_checkpoint(finished.folder / "checkpoints" / "2").step == 2
    assert "(1 images, rgb-uint8-border4): psnr" in (finished.folder / "log.txt").read_text()
