"""The diffusion task: what it minimises, draws that depend on nothing but the sample, runs that resume, restoring."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from refsr.cli.main import main
from refsr.core.errors import OptionsError, UsageError
from refsr.core.options.load import load_options
from refsr.core.options.sampling import SamplingOptions
from refsr.core.options.schema import Options
from refsr.data.images import read_image, write_image
from refsr.data.sets.paired import MaskOptions
from refsr.inference.restorer import load
from refsr.runs.checkpoint import read_checkpoint
from refsr.runs.process_group import ALONE
from refsr.tasks.diffusion.diffusion_restore import DiffusionRestore
from refsr.tasks.diffusion.task import Diffusion
from refsr.tasks.restore import restore_function
from refsr.training.precision import Precision
from refsr.training.setup import build_task, checkpointed_modules, wrap_for_training
from refsr.training.step import StepRunner
from refsr.training.trainer import train

NETWORK = "{which_model_G: RefDiff, model_channels: 4, channel_mult: [1, 2], num_blocks: 1, dropout: 0.1}"


@pytest.fixture(scope="session")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A change mask for each place."""
    folder = tmp_path_factory.mktemp("masks")
    for place in range(6):
        mask = np.zeros((32, 32, 1), np.uint8)
        mask[place : place + 16, 8:20] = 50 * place
        write_image(folder / f"{place}.png", mask)
    return folder


@pytest.fixture
def options(places: Path, masks: Path, tmp_path: Path) -> Any:
    """Options of a small run under `key=value` words."""
    data = f"mode: change, dataroot_GT: {places}/HR, dataroot_Ref: {places}/Ref, dataroot_mask: {masks}, lr: from_hr"
    file = tmp_path / "diffusion.yml"
    file.write_text(
        f"""
name: diffusion
model: RefDiff_model
scale: 4
seed: 2
gpu_ids: []
datasets:
  train: {{{data}, n_workers: 0, batch_size: 4, GT_size: 16, use_flip: true}}
  val: {{{data}}}
network_G: {NETWORK}
path: {{root: {tmp_path}/exp}}
sampling: {{steps: 2}}
train: {{niter: 4, lr_G: 1e-3, beta2_G: 0.999, lr_ramp_images: 8, ema_halflife_images: 16, ema_ramp: 0.5, val_freq: 0}}
val: {{max_images: 2}}
logger: {{print_freq: 1, save_checkpoint_freq: 2}}
"""
    )
    return lambda *words: load_options(file, words)


def batch(size: int = 4, first: int = 0) -> dict[str, Any]:
    images: dict[str, Any] = {"name": [str(at) for at in range(size)], "draw": list(range(first, first + size))}
    for name, bands, side in (("lr", 3, 4), ("ref", 3, 16), ("hr", 3, 16), ("mask", 1, 16)):
        one = [torch.rand(bands, side, side, generator=torch.Generator().manual_seed(at)) for at in images["draw"]]
        images[name] = torch.stack(one)
    return images


def made(options: Options) -> tuple[Diffusion, StepRunner]:
    task = build_task(options)
    assert isinstance(task, Diffusion)
    train = task.train
    network = {"G": wrap_for_training(task.networks["G"], train, ALONE)}
    size = options.datasets["train"].batch_size
    return task, StepRunner(task, network, ALONE, Precision("fp32", ALONE.device), train, size)


def gradients(options: Options) -> list[torch.Tensor]:
    task, step_runner = made(options)
    task.networks["G"].eval()
    step_runner.step(2, batch())
    return [one.grad for one in task.networks["G"].parameters() if one.grad is not None]


@pytest.mark.parametrize(
    "word", ["train.gradient_accumulation=2", "train.activation_checkpointing=true", "train.channels_last=true"]
)
def test_how_memory_is_saved_does_not_matter(options, word):
    plain, other = gradients(options()), gradients(options(word))
    assert len(plain) == len(other) > 50
    for one, found in zip(plain, other, strict=True):
        assert torch.allclose(one, found, atol=1e-5 * float(one.abs().max()) + 1e-9)


def test_each_block_is_recomputed_alone(options):
    network = made(options())[0].networks["G"]
    names = {type(part).__name__ for part in checkpointed_modules(network)}
    assert {"EncoderBlock", "DecoderBlock"} <= names
    assert not names & {"ConditionedUNet", "ModuleDict"}


def test_draws_are_the_sample_s_own(options):
    task, _ = made(options())
    levels, noise = task.draws(batch(4))
    again, same = task.draws({key: value[1:3] for key, value in batch(4).items()})
    assert torch.equal(levels[1:3], again)
    assert torch.equal(noise[1:3], same)
    assert len(set(levels.tolist())) == 4
    others, _ = made(options("seed=3"))[0].draws(batch(4))
    assert not torch.equal(others, levels)


def test_batches_carry_the_numbers_of_their_draws(options):
    from refsr.data.build import build_dataset
    from refsr.data.loading import StepSampler, batches

    dataset = build_dataset(options().datasets["train"], 4, 2)
    seen = [one["draw"] for one in batches(dataset, StepSampler(6, 4, 3, 4, 2), 0)]
    assert seen == [[8, 9, 10, 11], [12, 13, 14, 15]]
    halves = [next(iter(batches(dataset, StepSampler(6, 4, 3, 4, 2, rank, 2), 0)))["draw"] for rank in (0, 1)]
    assert halves == [[8, 9], [10, 11]]


def test_a_loss_worked_out_by_hand(options):
    """A network that always answers grey."""
    task, _ = made(options("train.loss_divisor=10"))

    class Grey(torch.nn.Module):
        def forward(self, noisy, sigma, lr, ref, mask):
            assert float(lr.min()) < 0
            assert float(mask.min()) >= 0
            return torch.zeros_like(noisy)

    given = batch(2)
    levels, _ = task.draws(given)
    sigma = (-1.2 + 1.2 * levels).exp()
    weight = (sigma**2 + 0.25) / (0.5 * sigma) ** 2
    expected = (weight * (2 * given["hr"] - 1).square().sum(dim=(1, 2, 3))).mean() / 10
    from refsr.tasks.base import IterationCache

    cache = IterationCache()
    found = task.phases(1)[0].losses(Grey(), given, cache)
    assert float(found["l_g_denoise"]) == pytest.approx(float(expected), rel=1e-5)
    assert float(cache.statistics["error"]) == pytest.approx(float((2 * given["hr"] - 1).square().mean()), rel=1e-5)


def test_the_first_step_has_no_rate_and_the_average_follows(options):
    run = train(options("logger.save_checkpoint_freq=1"), ALONE).folder / "checkpoints"
    states = [read_checkpoint(run / str(step)).weights for step in (1, 2, 3, 4)]
    key = "unet.decoder.0_up.structure.scale.weight"
    fresh = build_task(options()).networks["G"].state_dict()[key]
    assert torch.equal(states[0]["G"][key], fresh)
    assert not torch.equal(states[1]["G"][key], fresh)
    average = states[0]["G"][key]
    for step in (1, 2, 3):
        stays = 0.5 ** (4 / min(16, 0.5 * 4 * step))
        average = stays * average + (1 - stays) * states[step]["G"][key]
        assert torch.allclose(states[step]["G_ema"][key], average, atol=1e-7)


def test_a_stopped_run_ends_as_if_it_had_not_stopped(options, monkeypatch):
    whole = train(options("name=whole"), ALONE).folder / "checkpoints" / "4"
    original = StepRunner.step

    def stepping(self, at, given):
        if at == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, at, given)

    with monkeypatch.context() as patch:
        patch.setattr(StepRunner, "step", stepping)
        assert train(options(), ALONE).step == 3
    finished = train(options("path.auto_resume=true", "datasets.train.n_workers=1"), ALONE)
    one, other = (read_checkpoint(folder) for folder in (whole, finished.folder / "checkpoints" / "4"))
    for mine, theirs in ((one.weights, other.weights), (one.optimisers, other.optimisers)):
        assert mine.keys() == theirs.keys()
        for key in mine:
            assert all(torch.equal(mine[key][name], theirs[key][name]) for name in mine[key]), key
    assert "not the same run" not in (finished.folder / "log.txt").read_text()


def test_validation_and_restoring_by_the_options(options):
    words = ("datasets.train.mask_encoding=changed", "datasets.val.mask_encoding=changed")
    run = train(options("train.niter=2", "train.val_freq=2", *words), ALONE)
    assert "(2 images, rgb-uint8-border4): psnr" in (run.folder / "log.txt").read_text()
    lr, ref, mask = (
        np.random.default_rng(0).integers(0, 256, shape, np.uint8) for shape in ((8, 8, 3), (32, 32, 3), (32, 32))
    )
    first, second = (load(run.folder, "cpu").restore(lr, ref, mask=mask) for _ in range(2))
    assert first.shape == (32, 32, 3)
    assert np.array_equal(first, second)
    # Masks become numbers as the network learnt them.
    assert load(run.folder, "cpu").mask_options == MaskOptions("changed", None)


def test_the_command_line_samples_as_asked(options, places, masks, tmp_path, capsys):
    run = train(options("train.niter=1", "sampling.steps=3", "sampling.sampler=heun"), ALONE)
    lr = tmp_path / "lr.png"
    write_image(lr, np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8))
    words = ["restore", "--model", str(run.folder), "--lr", str(lr), "--ref", f"{places}/Ref/0.png"]
    words += ["--mask", f"{masks}/0.png", "--device", "cpu"]
    restorer = load(run.folder, "cpu")
    assert (restorer.sampling.sampler, restorer.sampling.steps, restorer.samples) == ("heun", 3, True)
    images = []
    for number, given in enumerate((["seed=1"], ["seed=1", "steps=3"], ["seed=2"])):
        output = tmp_path / f"{number}.png"
        assert main([*words, "-o", str(output), "--sampling", *given]) == 0
        images.append(read_image(output))
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])
    spread = tmp_path / "spread.tif"
    output = tmp_path / "image.png"
    assert main([*words, "-o", str(output), "--sampling", "seed=1", "--spread", str(spread), "--samples", "2"]) == 0
    assert np.array_equal(read_image(output), images[0])
    apart = (images[0].astype(float) - images[2]) / 2**0.5
    found = read_image(spread)[:, :, 0]
    assert np.allclose(found, np.sqrt((apart**2).mean(axis=2)), rtol=1e-5)
    for given, message in ((["stps=3"], "did you mean 'steps'"), (["steps=x"], "steps"), (["3"], "key=value")):
        assert main([*words, "-o", str(tmp_path / "x.png"), "--sampling", *given]) == 2
        assert message in capsys.readouterr().err


def test_a_spread_lies_where_the_result_does_and_replaces_nothing_unasked(options, places, masks, tmp_path, capsys):
    rasterio = pytest.importorskip("rasterio")
    run = train(options("train.niter=1", "sampling.steps=2"), ALONE)
    lr, spread, output = (tmp_path / name for name in ("lr.tif", "spread.tif", "sr.tif"))
    image = np.random.default_rng(0).integers(1, 256, (8, 8, 3), np.uint8)
    image[:2] = 0
    place = {"crs": "EPSG:32612", "transform": rasterio.transform.from_origin(5e5, 4e6, 10, 10), "nodata": 0}
    write_image(lr, image, profile=place)
    words = ["restore", "--model", str(run.folder), "--lr", str(lr), "--ref", f"{places}/Ref/0.png", "--device", "cpu"]
    words += ["--mask", f"{masks}/0.png", "--samples", "2"]
    assert main([*words, "-o", str(output), "--spread", str(spread)]) == 0
    with rasterio.open(spread) as file, rasterio.open(output) as result:
        assert (file.crs, file.transform) == (result.crs, result.transform)
        assert np.array_equal(np.isnan(file.read(1)), (result.read() == 0).all(axis=0))
        assert np.isnan(file.read(1)).sum() == 8 * 32
    capsys.readouterr()
    before = spread.read_bytes()
    assert main([*words, "-o", str(tmp_path / "b.tif"), "--spread", str(spread)]) == 2
    assert f"{spread}: is there already (--overwrite replaces it)" in capsys.readouterr().err
    assert spread.read_bytes() == before
    assert main([*words, "-o", str(tmp_path / "c.tif"), "--spread", str(tmp_path / "c.tif")]) == 2
    assert "is the result itself" in capsys.readouterr().err


def test_the_spread_of_a_calibrated_model_has_intervals(options, places, masks, tmp_path, caplog):
    words = ("datasets.train.mask_encoding=changed", "datasets.val.mask_encoding=changed")
    run = train(options("train.niter=1", "sampling.steps=2", *words), ALONE)
    model = tmp_path / "calibrated.safetensors"
    calibrate = [
        "calibrate",
        str(run.folder),
        "--dataset",
        "val",
        "--samples",
        "2",
        "--device",
        "cpu",
        "-o",
        str(model),
    ]
    assert main(calibrate) == 0
    assert load(run.folder, "cpu").spread_intervals is None
    intervals = load(model, "cpu").spread_intervals
    assert intervals.samples == 2
    lr = tmp_path / "lr.png"
    write_image(lr, np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8))
    restore = ["restore", "--model", str(model), "--lr", str(lr), "--ref", f"{places}/Ref/0.png", "--device", "cpu"]
    restore += ["--mask", f"{masks}/0.png"]
    for samples, planes in ((2, 2), (3, 1)):
        spread = tmp_path / f"{samples}.tif"
        words = ["-o", str(tmp_path / f"{samples}.png"), "--spread", str(spread), "--samples", str(samples)]
        assert main([*restore, *words]) == 0
        found = read_image(spread)
        assert found.shape == (32, 32, planes)
        assert ("intervals are for --samples 2" in caplog.text) == (planes == 1)
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(tmp_path / "2.tif") as file:
        assert file.descriptions == ("deviation over 2 seeds", "half of the 90 % interval")
    found = read_image(tmp_path / "2.tif")
    np.testing.assert_allclose(found[:, :, 1], intervals.half_width(found[:, :, 0], 255), rtol=1e-5)


SAMPLING = SamplingOptions(steps=3)


def restored(task: Diffusion, given: dict[str, Any], **how: Any) -> torch.Tensor:
    with torch.no_grad():
        return DiffusionRestore(SAMPLING.model_copy(update=how), 5)(task.networks["G"].eval(), given)


@pytest.mark.parametrize("sampler", ["published", "heun", "dpm2m", "dpm3m", "unipc"])
def test_an_image_does_not_depend_on_its_batch(options, sampler):
    task, _ = made(options())
    together = restored(task, batch(3), sampler=sampler)
    alone = torch.cat([restored(task, batch(1, at), sampler=sampler) for at in range(3)])
    assert torch.allclose(together, alone, atol=1e-5)
    assert float(together.min()) >= 0
    assert float(together.max()) <= 1


def test_the_seed_decides_where_there_is_noise(options):
    task, _ = made(options())
    given = batch(1)
    assert torch.equal(restored(task, given), restored(task, given, cache_conditions=True))
    assert torch.allclose(restored(task, given), restored(task, given, cache_conditions=False), atol=1e-5)
    assert not torch.allclose(restored(task, given), restored(task, given, seed=6), atol=1e-3)
    calm = [restored(task, given, sampler="published", start="released", S_churn=0.0, seed=seed) for seed in (1, 2)]
    assert torch.equal(*calm)


@pytest.mark.parametrize("when", ["end", "every"])
def test_a_result_may_be_made_to_agree_with_lr(options, when):
    from refsr.ops.resize import imresize_tensor

    task, _ = made(options())
    given = batch(1)
    given["lr"] = 0.5 + 0.02 * (given["lr"] - 0.5)
    quiet = {"start": "enlarged", "sigma_max": 0.05, "sigma_min": 0.01}
    off, on = (restored(task, given, consistency=how, **quiet) for how in ("none", when))
    distances = [float((imresize_tensor(image, 0.25) - given["lr"]).abs().max()) for image in (off, on)]
    assert distances[0] > 1e-3
    assert distances[1] < 1e-6


def test_sizes_that_do_not_halve_are_mirrored(options):
    task, _ = made(options("scale=1"))
    given = batch(1)
    odd = {**given, **{name: given[name][..., :5, :7] for name in ("ref", "mask")}, "lr": given["ref"][..., :5, :7]}
    assert restored(task, odd).shape == (1, 3, 5, 7)


def test_mistakes_are_named(options):
    with pytest.raises(UsageError, match="needs a denoiser such as RefDiff, RRSNet is none"):
        Diffusion(options().model_copy(update={"network_G": load_network("RRSNet")}))
    with pytest.raises(UsageError, match="is no denoiser"):
        restore_function("RefDiff_model")(torch.nn.Linear(1, 1), batch(1))
    with pytest.raises(OptionsError, match=r"sampling\.sampler"):
        options("sampling.sampler=unipd")
    with pytest.raises(OptionsError, match=r"sampling\.sigma_min.*is not below sigma_max 0.001"):
        options("sampling.sigma_max=0.001")
    with pytest.raises(OptionsError, match=r"train\.ema_decay.*keep one"):
        options("train.ema_decay=0.5")


def load_network(name: str) -> Any:
    from refsr.core.options.network import GeneratorOptions

    return GeneratorOptions(which_model_G=name)
