"""Every shipped option file works on small data with a narrower network: two steps of training, or a validation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refsr.cli.main import main
from refsr.core.options.load import load_options
from refsr.core.options.schema import Options
from refsr.data.images import write_image
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.checkpoint import read_checkpoint
from refsr.runs.model_file import ModelCard, write_model
from refsr.runs.process_group import ALONE
from refsr.training.trainer import train

SIDE = 32
"""Of the small data's images."""
REPOSITORY = Path(__file__).resolve().parent.parent.parent
FILES = [file for file in sorted((REPOSITORY / "options").glob("*/*.yml")) if file.parent.name != "bench"]
BUNDLED = {f"{file.parent.name}/{file.stem}": file for file in FILES}
OPTIONS = {name: load_options(file) for name, file in BUNDLED.items()}
TRAINING = [name for name, options in OPTIONS.items() if options.train is not None]
MEASURING = [name for name, options in OPTIONS.items() if options.train is None]

NARROW = {
    "RRSNet": ["nf=4", "n_blocks=1", "deformable_groups=1"],
    "RGTNet": ["nf=4", "n_blocks=1", "deformable_groups=1", "gtem_blocks=1"],
    "TSFNet": ["nf=8", "n_blocks=1", "heads=2"],
    "EDSR": ["nf=4", "n_blocks=1"],
    "SRResNet": ["nf=4", "n_blocks=1"],
    "MSRResNet": ["nf=4", "n_blocks=1"],
    "SwinIR": ["dim=8", "groups=1", "layers=2", "heads=2"],
    "DAT": ["dim=16", "groups=1", "blocks=2", "heads=2"],
    "CompactNet": ["nf=4", "n_blocks=1"],
    "GatedTransfer": [
        *("nf=4", "n_blocks=1", "base={which_model_G: DAT, dim: 16, groups: 1, blocks: 2, heads: 2}"),
        "front={which_model_G: CompactNet, nf: 4}",
    ],
    "RefDiff": ["model_channels=4", "channel_mult=[1,1]", "num_blocks=1"],
    "SpecGAN": [
        *("side=4", "hsi_bands=5", "style_channels=4", "latent_channels=4", "channel_multiplier=1"),
        *("nf=4", "n_blocks=1", "n_layers=1", "growth=2", "attention=2"),
    ],
    "StyleGAN2": ["side=32", "style_channels=4", "mapping_layers=1", "latent_channels=4", "channel_multiplier=1"],
    "discriminator_vgg_128": ["nf=4", "head=pooled"],
    "StyleGAN2Discriminator": ["latent_channels=4", "channel_multiplier=1"],
}
"""Keywords that make a network small, by its name."""


@pytest.fixture(scope="module")
def spectral_places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HR as large as the least that SpecGAN makes at x32, and cubes."""
    folder = tmp_path_factory.mktemp("spectral")
    generator = np.random.default_rng(2)
    for place in range(2):
        write_image(folder / "HR" / f"{place}.png", generator.integers(0, 256, (128, 128, 3), dtype=np.uint8))
        write_image(folder / "cubes" / f"{place}.tif", generator.random((16, 16, 5), dtype=np.float32))
    return folder


@pytest.fixture
def data(request: pytest.FixtureRequest, name: str) -> Path:
    """Small images of the kinds that an option file needs."""
    spectral = OPTIONS[name].network_G.which == "SpecGAN"
    folder: Path = request.getfixturevalue("spectral_places" if spectral else "places")
    return folder


def side_of(options: Options) -> int:
    """Of crops; SpecGAN makes one size, and the narrow one begins with 4 pixels."""
    return 4 * options.scale if options.network_G.which == "SpecGAN" else SIDE // options.scale * options.scale


def narrowed(options: Options, places: Path, root: Path) -> list[str]:
    """Words that put small data and a small network in the place of the file's own."""
    words = [f"path.root={root}", "path.pretrain_model_G=null", "gpu_ids=[]"]
    words += [f"path.{key}=null" for key in ("pretrain_bank", "pretrain_base", "pretrain_front")]
    words += ["val.max_images=1", *(f"network_G.{word}" for word in NARROW[options.network_G.which])]
    if options.network_D is not None:
        words += [f"network_D.{word}" for word in NARROW[options.network_D.which]]
        if options.network_D.which == "StyleGAN2Discriminator":
            words += [f"network_D.side={side_of(options)}"]
    if options.val.tiling != "seamless":
        # Published tiles are larger than the small data.
        words += [f"val.tile={SIDE // options.scale}"]
    for name, dataset in options.datasets.items():
        made = {"lr": "from_hr", "lr_up": "from_lr", "ref_down": "from_ref"}
        words += [f"datasets.{name}.{key}={value}" for key, value in made.items()]
        words += [f"datasets.{name}.dataroot_{key}={places / folder}" for key, folder in (("GT", "HR"), ("Ref", "Ref"))]
        words += [f"datasets.{name}.dataroot_{key}=null" for key in ("LQ", "LQ_UX4", "Ref_DUX4", "Base")]
        prepared = dataset.dataroot_Ref_weight is not None
        if prepared:  # registered by `refsr prepare`; here, when it is read
            words += [f"datasets.{name}.dataroot_Ref_weight=null", f"datasets.{name}.register=local"]
        if prepared or dataset.register_ref != "none":
            words += [f"datasets.{name}.register_cache={root / 'registered'}"]
        if dataset.kind == "hyperspectral":
            roots = {"dataroot_hsi": places / "cubes", "range_hsi": "null", "bands_hsi": "null"}
            words += [f"datasets.{name}.{key}={value}" for key, value in roots.items()]
        if dataset.kind == "change":
            words += [
                f"datasets.{name}.{word}" for word in ("dataroot_mask=null", "mask=estimate", "mask_encoding=changed")
            ]
    if options.model == "RefDiff_model":
        words += ["sampling.steps=2"]
    return words


@pytest.mark.parametrize("name", [name for name in OPTIONS if "small" in name])
def test_small_networks_as_the_file_has_them_can_be_built(name):
    """The tests below make them narrower still."""
    options = OPTIONS[name]
    NetworkSpec.of(options.network_G, options.scale).build()
    if options.network_D is not None:
        NetworkSpec.of(options.network_D, options.scale).build()


@pytest.mark.parametrize("name", TRAINING)
def test_two_steps(name, data, tmp_path):
    shipped = OPTIONS[name]
    words = narrowed(shipped, data, tmp_path)
    # A bank's images are not those of a set, so it may have none to be measured on.
    measured = "val" in shipped.datasets
    words += [
        "train.niter=2",
        f"train.val_freq={2 if measured else 0}",
        "train.T_period=[2]",
        "train.lr_steps=[1]",
        "train.warmup_iter=-1",
    ]
    words += ["datasets.train.batch_size=2", f"datasets.train.GT_size={side_of(shipped)}", "datasets.train.n_workers=0"]
    if shipped.network_D is not None:
        # Both stages in two steps; nobody has VGG19's weights here.
        words += ["train.l1_init=2", "train.feature_network=random", "path.perceptual_weights=null"]
    finished = train(load_options(BUNDLED[name], words), ALONE)
    assert read_checkpoint(finished.folder / "checkpoints" / "2").step == 2
    if measured:
        assert "(1 images, rgb-uint8-border4): psnr" in (finished.folder / "log.txt").read_text()


@pytest.mark.parametrize("name", MEASURING)
def test_every_set_is_measured(name, data, tmp_path, capsys):
    words = narrowed(OPTIONS[name], data, tmp_path)
    options = load_options(BUNDLED[name], words)
    spec = NetworkSpec.of(options.network_G, options.scale)
    weights = tmp_path / "narrow.safetensors"
    write_model(weights, spec.build().state_dict(), ModelCard(spec, options.model))
    assert main(["val", str(BUNDLED[name]), "--weights", str(weights), "--no-images", *words]) == 0
    told = capsys.readouterr().out
    assert all(options.datasets[key].name in told for key in options.datasets)
