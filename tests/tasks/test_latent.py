"""The tasks with a latent bank: who learns what and when, exact resume, restoring of any size, banks from elsewhere."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from refsr.cli.main import main
from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.core.options.load import load_options
from refsr.data.images import write_image
from refsr.evaluation.results import Results
from refsr.runs.checkpoint import read_checkpoint
from refsr.runs.process_group import ALONE
from refsr.tasks.base import IterationCache
from refsr.tasks.latent.patches import patch_starts, restore_in_patches
from refsr.tasks.latent.spectral_gan import SpectralGAN, to_network_range
from refsr.tasks.latent.style_gan import StyleGAN
from refsr.training.precision import Precision
from refsr.training.setup import build_task
from refsr.training.step import StepRunner
from refsr.training.trainer import train

BANDS = 5
BANK = "style_channels: 4, latent_channels: 4"
HEAD = "nf: 4, n_blocks: 1, n_layers: 1, growth: 2, attention: 2, hsi_bands: 5"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of 32 pixels, and cubes of 8 of the same places."""
    folder = tmp_path_factory.mktemp("scenes")
    generator = np.random.default_rng(4)
    for place in range(5):
        image = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        cube = generator.random((8, 8, BANDS), dtype=np.float32)
        write_image(folder / "HR" / f"{place}.png", image)
        write_image(folder / "cubes" / f"{place}.npy", cube)
    return folder


@pytest.fixture
def spectral(scenes: Path, tmp_path: Path) -> Any:
    file = tmp_path / "specgan.yml"
    data = f"mode: hyperspectral, dataroot_GT: {scenes}/HR, dataroot_hsi: {scenes}/cubes, lr: from_hr"
    file.write_text(
        f"""
name: specgan
model: SpecGAN_model
scale: 4
seed: 2
gpu_ids: []
datasets:
  train: {{{data}, n_workers: 0, batch_size: 2, GT_size: 32, use_flip: true}}
network_G: {{which_model_G: SpecGAN, side: 8, {BANK}, {HEAD}}}
network_D: {{which_model_D: StyleGAN2Discriminator, side: 32, latent_channels: 4}}
path: {{root: {tmp_path}/exp}}
train:
  {{niter: 4, lr_G: 1e-3, lr_D: 1e-3, lr_scheme: cosine, lr_from_start: true, pixel_criterion: l2,
    gan_weight: 0.1, val_freq: 0}}
logger: {{print_freq: 1, save_checkpoint_freq: 2}}
"""
    )
    return lambda *words: load_options(file, words)


@pytest.fixture
def style(scenes: Path, tmp_path: Path) -> Any:
    file = tmp_path / "bank.yml"
    file.write_text(
        f"""
name: bank
model: StyleGAN2_model
scale: 1
seed: 2
gpu_ids: []
datasets:
  train: {{mode: single, dataroot_GT: {scenes}/HR, lr: from_hr, n_workers: 0, batch_size: 4, GT_size: 32}}
network_G: {{which_model_G: StyleGAN2, side: 32, mapping_layers: 2, {BANK}}}
network_D: {{which_model_D: StyleGAN2Discriminator, side: 32, latent_channels: 4}}
path: {{root: {tmp_path}/exp}}
train:
  {{niter: 4, lr_G: 2e-3, beta1_G: 0.0, lr_D: 2e-3, beta1_D: 0.0, gan_weight: 1.0, r1_weight: 10, r1_every: 2,
    path_weight: 2, path_every: 2, ema_decay: 0.9, val_freq: 0}}
logger: {{print_freq: 1, save_checkpoint_freq: 2}}
"""
    )
    return lambda *words: load_options(file, words)


def batch(count: int = 2) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(7)
    shapes = {"lr": (3, 8, 8), "hsi": (BANDS, 8, 8), "hr": (3, 32, 32)}
    images: dict[str, Any] = {name: torch.rand(count, *shape, generator=generator) for name, shape in shapes.items()}
    return images | {"name": [str(at) for at in range(count)], "draw": list(range(count))}


def step_runner(task: Any) -> StepRunner:
    return StepRunner(task, task.networks, ALONE, Precision("fp32", ALONE.device), task.train)


def test_both_sides_step_on_what_was_made_before(spectral):
    torch.manual_seed(0)
    task = SpectralGAN(spectral())
    given = batch()
    with torch.no_grad():
        made = task.networks["G"](2 * given["lr"] - 1, 2 * given["hsi"] - 1)
        fake = torch.nn.functional.softplus(task.networks["D"](made)).mean()
        real = torch.nn.functional.softplus(-task.networks["D"](2 * given["hr"] - 1)).mean()
        pixel = (made - (2 * given["hr"] - 1)).square().mean()
    before = {key: copy.deepcopy(network.state_dict()) for key, network in task.networks.items()}
    losses = step_runner(task).step(1, given).losses
    assert set(losses) == {"l_g_pix", "l_g_gan", "l_d_real", "l_d_fake"}
    for name, expected in {"l_g_pix": pixel, "l_d_real": real, "l_d_fake": fake}.items():
        assert torch.allclose(losses[name], expected, atol=1e-5), name
    for key, network in task.networks.items():
        still = [name for name, one in network.named_parameters() if torch.equal(one, before[key][name])]
        assert still == [], key


def test_cubes_of_another_number_of_bands_stop_the_run_before_it_begins(spectral, tmp_path):
    with pytest.raises(DataError, match=r"the network takes 6; network_G\.hsi_bands: 5"):
        train(spectral("network_G.hsi_bands=6"), ALONE)
    assert not (tmp_path / "exp" / "experiments" / "specgan" / "log.txt").exists()


def test_a_frozen_bank_stays_and_all_else_learns(spectral):
    task = SpectralGAN(spectral("train.freeze_bank=true"))
    before = {name: one.clone() for name, one in task.networks["G"].named_parameters()}
    step_runner(task).step(1, batch())
    still = {name for name, one in task.networks["G"].named_parameters() if torch.equal(one, before[name])}
    assert still == {name for name in before if name.startswith("bank.synthesis.")}


def test_perceptual_networks_see_what_they_were_trained_on_unless_told_otherwise(spectral):
    images = torch.rand(1, 3, 8, 8) * 2 - 1
    seen = {}
    for reading in ("unit", "released"):
        task = SpectralGAN(spectral(f"train.feature_range={reading}"))
        task.use_feature_network(torch.nn.Identity())
        assert task._features is not None
        seen[reading] = task._features(images)
    assert torch.allclose(seen["unit"], (images + 1) / 2)
    assert torch.equal(seen["released"], images)


def test_members_go_into_the_network_s_ranges_and_cubes_onto_lr_s_grid():
    given = batch() | {"hsi": torch.rand(2, BANDS, 4, 4)}
    found = to_network_range(given, (-0.25, 0.25))
    assert torch.allclose(found["lr"], given["lr"] / 2 - 0.25)
    assert torch.allclose(found["hr"], given["hr"] * 2 - 1)
    assert found["hsi"].shape == (2, BANDS, 8, 8)
    assert given["hsi"].shape == (2, BANDS, 4, 4)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 8), (13, 21), (3, 17), (24, 8)])
def test_images_of_any_size_are_restored_and_cubes_count(spectral, height, width):
    torch.manual_seed(0)
    network = SpectralGAN(spectral()).networks["G"].eval()
    given = {"lr": torch.rand(1, 3, height, width), "hsi": torch.rand(1, BANDS, height, width)}
    with torch.no_grad():
        restored = SpectralGAN.restore(network, given)
        other = SpectralGAN.restore(network, given | {"hsi": given["hsi"].flip(1)})
    assert restored.shape == (1, 3, 4 * height, 4 * width)
    assert 0 <= float(restored.min()) <= float(restored.max()) <= 1
    assert not torch.equal(restored, other)


def test_patches_fade_without_a_trace(spectral):
    """What a network does pixel by pixel is the same in patches."""
    descriptor = SpectralGAN(spectral()).networks["G"].descriptor
    lr = torch.rand(1, 3, 19, 11)
    found = restore_in_patches(lambda one: one.repeat_interleave(4, 2).repeat_interleave(4, 3), descriptor, [lr])
    assert torch.allclose(found, lr.repeat_interleave(4, 2).repeat_interleave(4, 3), atol=1e-6)
    assert patch_starts(19, 8) == [0, 4, 8, 11]
    assert patch_starts(8, 8) == [0]


def test_penalties_are_due_every_few_iterations(style):
    task = StyleGAN(style("train.path_every=2", "train.r1_every=3"))
    steps = step_runner(task)
    found = [set(steps.step(step, batch(4)).losses) - {"l_g_gan", "l_d_real", "l_d_fake"} for step in range(1, 7)]
    assert found == [set(), {"l_g_path"}, {"l_d_r1"}, {"l_g_path"}, set(), {"l_g_path", "l_d_r1"}]
    assert float(task.networks["G"].get_buffer("path_mean")) > 0


def test_draws_are_a_function_of_seed_and_sample(style):
    task = StyleGAN(style())
    together, alone = task.draws(batch(4), "G"), task.draws(batch(2), "G")
    assert all(torch.equal(one[:2], other) for one, other in zip(together, alone, strict=True))
    assert not torch.equal(together[0], task.draws(batch(4), "D")[0])
    layers = 8
    never = StyleGAN(style("train.style_mixing=0")).draws(batch(4), "G")[2]
    assert never.tolist() == [layers] * 4
    always = StyleGAN(style("train.style_mixing=1")).draws(batch(4), "G")[2]
    assert all(1 <= layer < layers for layer in always.tolist())


@pytest.mark.parametrize("kind", ["spectral", "style"])
def test_a_run_resumes_exactly(kind, request, tmp_path):
    options = request.getfixturevalue(kind)
    whole = train(options(), ALONE).folder
    states = [read_checkpoint(whole / "checkpoints" / "4")]
    resumed = options(f"path.resume_state={whole}/checkpoints/2", f"path.root={tmp_path}/again")
    states.append(read_checkpoint(train(resumed, ALONE).folder / "checkpoints" / "4"))
    for mine, theirs in zip(*(({**one.weights, **one.optimisers}).values() for one in states), strict=True):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    for mine, theirs in zip(*(one.weights.values() for one in states), strict=True):
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)


def test_what_the_cube_is_worth_is_measured_and_reported(spectral, scenes, tmp_path, capsys):
    run = train(spectral(), ALONE).folder
    data = f"{{mode: hyperspectral, dataroot_GT: {scenes}/HR, dataroot_hsi: {scenes}/cubes, lr: from_hr}}"
    words = ["val", str(tmp_path / "specgan.yml"), f"datasets.test={data}", "val.max_images=3"]
    assert main([*words, "--hsi", "swap", "--hsi", "blank", "--weights", str(run)]) == 0
    found = Results.read(run / "results" / "test")
    assert found.methods == ["nearest", "bicubic", "specgan", "specgan hsi=swap", "specgan hsi=blank"]
    right, *others = (found.values(method, "rgb-uint8-border4", "psnr") for method in found.methods[2:])
    assert all(other.keys() == right.keys() and other != right for other in others)
    assert main(["report", str(run)]) == 0
    page = (run / "report.html").read_text()
    assert "Effect of the cube" in page
    assert "the cube of another place" in page
    capsys.readouterr()
    assert main([*words, "--ref", "swap", "--weights", str(run)]) == 2
    assert main([*words, "--hsi", "shift:2", "--weights", str(run)]) == 2
    told = capsys.readouterr().err
    assert "--ref: SpecGAN takes no reference that could be perturbed" in told
    assert "'shift:2' is no perturbation of a cube (known: swap, blank)" in told


def test_a_trained_bank_goes_into_specgan(style, spectral):
    run = train(style(), ALONE).folder
    task = build_task(spectral(f"path.pretrain_bank={run}", "train.freeze_bank=true"))
    assert isinstance(task, SpectralGAN)
    weights = read_checkpoint(run / "checkpoints" / "4").weights
    averaged = next(one for key, one in weights.items() if key not in ("G", "D"))
    bank = task.networks["G"].bank.synthesis  # type: ignore[union-attr]
    own = bank.state_dict()
    assert all(torch.equal(own[key], averaged[f"synthesis.{key}"]) for key in own)
    with pytest.raises(DataError, match=r"was trained with upsample released, network_G\.upsample is stylegan2"):
        build_task(spectral(f"path.pretrain_bank={run}", "network_G.upsample=stylegan2"))
    with pytest.raises(UsageError, match=r"path\.pretrain_bank: StyleGAN2_model has no sub-network"):
        build_task(style(f"path.pretrain_bank={run}"))
    with pytest.raises(DataError, match="keys do not fit"):
        build_task(spectral(f"path.pretrain_bank={run}", "network_G.style_channels=5"))


def test_a_bank_s_images_are_always_the_same(style):
    network = StyleGAN(style()).networks["G"].eval()
    given = {"lr": torch.rand(2, 3, 32, 32), "name": ["a", "b"]}
    with torch.no_grad():
        images = StyleGAN.restore(network, given)
        alone = StyleGAN.restore(network, {"lr": given["lr"][1:], "name": ["b"]})
        assert torch.allclose(images[1:], alone, atol=1e-6)
        assert not torch.allclose(images[0], images[1])
        with pytest.raises(DataError, match="the generator makes 32 x 32"):
            StyleGAN.restore(network, {"lr": torch.rand(1, 3, 8, 8), "name": ["a"]})


@pytest.mark.parametrize(
    ("kind", "words", "answer"),
    [
        ("style", ["network_D.side=16"], "network_D.side is 16"),
        ("style", ["datasets.train.GT_size=16"], "GT_size is 16"),
        ("spectral", ["network_G={which_model_G: RRSNet}"], "needs a network with a latent bank such as SpecGAN"),
        ("spectral", ["network_D.side=16"], "it takes 16 x 16"),
        ("spectral", ["network_G.side=4"], "GT_size is 32; network_G.side 4 at scale 4 wants 16"),
    ],
)
def test_what_does_not_go_together_is_told(kind, words, answer, request):
    with pytest.raises(RefsrError, match=answer):
        build_task(request.getfixturevalue(kind)(*words))


def test_the_drift_of_specgan_is_that_of_images_in_the_unit_range(spectral):
    torch.manual_seed(0)
    task = SpectralGAN(spectral())
    given = batch()
    with torch.no_grad():
        made = task.networks["G"](2 * given["lr"] - 1, 2 * given["hsi"] - 1)
    bands = (made / 2 + 0.5).mean(dim=(2, 3)) - given["hr"].mean(dim=(2, 3))
    found = step_runner(task).step(1, given).statistics["drift"]
    assert float(found) == pytest.approx(float(bands.abs().mean()), rel=1e-4)


@pytest.mark.parametrize("every", [2, 5])
def test_lazy_penalties_count_as_often_as_they_are_left_out(style, every):
    """A penalty due every k iterations weighs k times as much as the same penalty in each iteration."""
    found = {}
    for interval in (1, every):
        torch.manual_seed(0)
        task = StyleGAN(style(f"train.r1_every={interval}", f"train.path_every={interval}"))
        path = task.weighted_generator_losses(task.networks["G"], batch(4), True)["l_g_path"]
        r1 = task.weighted_discriminator_losses(task.networks["D"], batch(4), IterationCache(), True)["l_d_r1"]
        found[interval] = float(path.detach()), float(r1.detach())
    assert min(found[1]) > 0
    assert found[every] == pytest.approx([every * one for one in found[1]], rel=1e-5)
