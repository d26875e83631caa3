"""Every shipped option file works on small data with a narrower network: two steps of training, or a validation."""

from __future__ import annotations

from pathlib import Path

import pytest

from refsr.cli.main import main
from refsr.core.names import is_built
from refsr.core.options.load import load_options
from refsr.core.options.schema import Options
from refsr.engine.checkpoint import read_checkpoint
from refsr.engine.group import ALONE
from refsr.engine.model_file import ModelCard, write_model
from refsr.engine.trainer import train
from refsr.tasks.blueprint import Blueprint

SIDE = 32
"""Of the small data's images."""
REPOSITORY = Path(__file__).resolve().parent.parent.parent
SHIPPED = {f"{file.parent.name}/{file.stem}": file for file in sorted((REPOSITORY / "options").glob("*/*.yml"))}
OPTIONS = {name: load_options(file) for name, file in SHIPPED.items()}
TRAINING = [name for name, options in OPTIONS.items() if options.train is not None]
MEASURING = [name for name, options in OPTIONS.items() if options.train is None]

NARROW = {
    "RRSNet": ["nf=4", "n_blocks=1", "deformable_groups=1"],
    "RGTNet": ["nf=4", "n_blocks=1", "deformable_groups=1", "gtem_blocks=1"],
    "TSFNet": ["nf=8", "n_pairs=1", "heads=2"],
    "EDSR": ["nf=4", "n_blocks=1"],
    "SRResNet": ["nf=4", "n_blocks=1"],
    "SwinIR": ["dim=8", "groups=1", "layers=2", "heads=2"],
    "RefDiff": ["model_channels=4", "channel_mult=[1,1]", "num_blocks=1"],
}
"""Keywords that make a network small, by its name."""


def narrowed(options: Options, places: Path, root: Path) -> list[str]:
    """Words that put small data and a small network in the place of the file's own."""
    networks = [section.which for section in (options.network_G, options.network_D) if section is not None]
    if not all(is_built("network", name) for name in networks) or not is_built("model", options.model):
        pytest.skip(f"{options.model} with {', '.join(networks)} is not part of this version")
    words = [f"path.root={root}", "path.pretrain_model_G=null", "gpu_ids=[]", "val.max_images=1"]
    words += [f"network_G.{word}" for word in NARROW[options.network_G.which]]
    if options.val.tiling != "seamless":
        # Published tiles are larger than the small data.
        words += [f"val.tile={SIDE // options.scale}"]
    for name, dataset in options.datasets.items():
        made = {"lr": "from_hr", "lr_up": "from_lr", "ref_down": "from_ref"}
        words += [f"datasets.{name}.{key}={value}" for key, value in made.items()]
        words += [f"datasets.{name}.dataroot_{key}={places / folder}" for key, folder in (("GT", "HR"), ("Ref", "Ref"))]
        words += [f"datasets.{name}.dataroot_{key}=null" for key in ("LQ", "LQ_UX4", "Ref_DUX4")]
        if dataset.kind == "change":
            words += [
                f"datasets.{name}.{word}" for word in ("dataroot_mask=null", "mask=estimate", "mask_encoding=changed")
            ]
    if options.model == "RefDiff_model":
        words += ["sampling.steps=2"]
    return words


@pytest.mark.parametrize("name", TRAINING)
def test_two_steps(name, places, tmp_path):
    shipped = OPTIONS[name]
    words = narrowed(shipped, places, tmp_path)
    words += ["train.niter=2", "train.val_freq=2", "train.T_period=[2]", "train.lr_steps=[1]", "train.warmup_iter=-1"]
    words += ["datasets.train.batch_size=2", "datasets.train.GT_size=32", "datasets.train.n_workers=0"]
    if shipped.network_D is not None:
        # Both stages in two steps; nobody has VGG19's weights here.
        words += ["network_D.nf=4", "network_D.head=pooled", "train.l1_init=2", "train.feature_network=random"]
        words += ["path.perceptual_weights=null"]
    finished = train(load_options(SHIPPED[name], words), ALONE)
    assert read_checkpoint(finished.folder / "checkpoints" / "2").step == 2
    assert "(1 images, rgb-uint8-border4): psnr" in (finished.folder / "log.txt").read_text()


@pytest.mark.parametrize("name", MEASURING)
def test_every_set_is_measured(name, places, tmp_path, capsys):
    words = narrowed(OPTIONS[name], places, tmp_path)
    options = load_options(SHIPPED[name], words)
    blueprint = Blueprint.of(options.network_G, options.scale)
    weights = tmp_path / "narrow.safetensors"
    write_model(weights, blueprint.build().state_dict(), ModelCard(blueprint, options.model))
    assert main(["val", str(SHIPPED[name]), "--weights", str(weights), "--no-images", *words]) == 0
    told = capsys.readouterr().out
    assert all(options.datasets[key].name in told for key in options.datasets)
