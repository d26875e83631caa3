"""The adversarial task: its stages, who learns when, what the terms are, and that it resumes and says what it is."""

from __future__ import annotations

import copy
import json
import os
import signal
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from refsr.core.errors import DataError, RefsrError
from refsr.core.options.load import load_options
from refsr.core.options.schema import Options
from refsr.core.registry import NAMES
from refsr.losses.pixel import pixel_loss
from refsr.ops import gradient_magnitude
from refsr.runs.checkpoint import read_checkpoint
from refsr.runs.process_group import ALONE
from refsr.tasks.base import IterationCache
from refsr.tasks.twin_gan import TwinGAN
from refsr.training.precision import Precision
from refsr.training.step import NotFiniteError, StepRunner
from refsr.training.trainer import train


class SmallDiscriminator(nn.Module):
    """A discriminator of any size of image."""

    def __init__(self, in_nc: int = 3, nf: int = 4) -> None:
        super().__init__()
        self.look = nn.Conv2d(in_nc, nf, 3, stride=2)
        self.score = nn.Linear(nf, 1)

    def forward(self, image: Tensor) -> Tensor:
        score: Tensor = self.score(self.look(image).relu().mean(dim=(2, 3)))
        return score


@pytest.fixture(autouse=True)
def discriminator(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("small_discriminator")
    module.SmallDiscriminator = SmallDiscriminator  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "small_discriminator", module)
    monkeypatch.setitem(NAMES["network"], "discriminator_vgg_128", "small_discriminator:SmallDiscriminator")


@pytest.fixture
def options(places: Path, tmp_path: Path) -> Any:
    """Options of a small adversarial run under `key=value` words."""
    data = f"mode: reference, dataroot_GT: {places}/HR, dataroot_Ref: {places}/Ref, lr: from_hr, lr_up: from_lr"
    file = tmp_path / "gan.yml"
    file.write_text(
        f"""
name: gan
model: RRSGAN_model
scale: 4
seed: 2
gpu_ids: []
datasets:
  train: {{{data}, ref_down: from_ref, n_workers: 0, batch_size: 2, GT_size: 16}}
network_G: {{which_model_G: RRSNet, nf: 4, n_blocks: 1, deformable_groups: 1}}
network_D: {{which_model_D: discriminator_vgg_128, in_nc: 3, nf: 4}}
path: {{root: {tmp_path}/exp}}
train:
  {{niter: 6, lr_G: 1e-3, lr_D: 1e-3, gradient_pixel_weight: 1.0, feature_weight: 0.1, feature_network: random,
    gan_weight: 1e-2, gradient_gan_weight: 1e-2, l1_init: 3, val_freq: 0}}
logger: {{print_freq: 1, save_checkpoint_freq: 2}}
"""
    )
    return lambda *words: load_options(file, words)


def batch(seed: int = 0) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    sizes = {"lr": 4, "lr_up": 16, "ref": 16, "ref_down": 16, "hr": 16}
    images: dict[str, Any] = {name: torch.rand(2, 3, side, side, generator=generator) for name, side in sizes.items()}
    return images | {"name": ["a", "b"]}


def made(options: Options) -> tuple[TwinGAN, StepRunner]:
    torch.manual_seed(0)
    task = TwinGAN(options)
    return task, StepRunner(task, task.networks, ALONE, Precision("fp32", ALONE.device), task.train)


def state(task: TwinGAN) -> dict[str, list[Tensor]]:
    return {key: [one.detach().clone() for one in network.parameters()] for key, network in task.networks.items()}


def moved(before: dict[str, list[Tensor]], task: TwinGAN) -> set[str]:
    after = state(task)
    return {key for key in before if not all(map(torch.equal, before[key], after[key]))}


def test_the_discriminators_sleep_before_their_stage(options):
    task, step_runner = made(options())
    for step in (1, 2):
        before = state(task)
        result = step_runner.step(step, batch())
        assert set(result.losses) == {"l_g_pix", "l_g_pix_grad"}
        assert moved(before, task) == {"G"}
    before = state(task)
    result = step_runner.step(3, batch())
    assert moved(before, task) == {"G", "D", "D_grad"}
    assert set(result.losses) == {
        *("l_g_pix", "l_g_pix_grad", "l_g_fea", "l_g_gan", "l_g_gan_grad"),
        *("l_d_real", "l_d_fake", "l_d_real_grad", "l_d_fake_grad"),
    }
    assert set(result.statistics) == {"D_real", "D_fake", "D_real_grad", "D_fake_grad", "contrast", "drift"}


def test_the_generator_rests_as_the_ratios_ask(options):
    task, step_runner = made(options("train.l1_init=0", "train.D_update_ratio=2", "train.D_init_iters=2"))
    steps = {}
    for step in range(1, 6):
        before = state(task)
        step_runner.step(step, batch())
        steps[step] = moved(before, task)
    discriminators = {"D", "D_grad"}
    assert steps == {
        1: discriminators,
        2: discriminators,
        3: discriminators,
        4: {"G", *discriminators},
        5: discriminators,
    }


def test_the_discriminators_see_what_was_made_before_the_generator_s_step(options):
    task, step_runner = made(options("train.l1_init=0"))
    generator, discriminator = copy.deepcopy(task.networks["G"]), copy.deepcopy(task.networks["D"])
    given = batch()
    shown = step_runner.step(1, given).statistics
    with torch.no_grad():
        first = generator(given["lr"], given["lr_up"], given["ref"], given["ref_down"])
        expected = discriminator(first).mean(), discriminator(given["hr"]).mean()
    torch.testing.assert_close((shown["D_fake"], shown["D_real"]), expected)


@pytest.mark.parametrize("kind", ["gan", "ragan", "lsgan", "hinge"])
def test_the_terms_and_their_weights(options, kind):
    task, _ = made(options("train.l1_init=0", f"train.gan_type={kind}"))
    restored, target = batch(1)["hr"], batch(2)["hr"]
    found = task.weighted_generator_losses(restored, target)
    maps = [gradient_magnitude(image, "full") for image in (restored, target)]
    assert float(found["l_g_pix"]) == pytest.approx(float(pixel_loss(restored, target)))
    assert float(found["l_g_pix_grad"]) == pytest.approx(float(pixel_loss(*maps, "l2")))
    features = [task.frozen[0](image) for image in (restored, target)]
    assert float(found["l_g_fea"]) == pytest.approx(0.1 * float(pixel_loss(*features)), rel=1e-5)
    if kind == "gan":
        logits = task.networks["D_grad"](maps[0])
        assert float(found["l_g_gan_grad"].detach()) == pytest.approx(
            0.01 * float(nn.functional.softplus(-logits).mean().detach()), rel=1e-5
        )
    cache = IterationCache()
    terms = task.weighted_discriminator_losses("D_grad", task.networks["D_grad"], target, restored, cache)
    assert set(terms) == {"l_d_real_grad", "l_d_fake_grad"}
    assert float(cache.statistics["D_real_grad"]) == pytest.approx(
        float(task.networks["D_grad"](maps[1]).mean()), rel=1e-5
    )


def test_a_gradient_penalty_by_option(options):
    _, step_runner = made(options("train.l1_init=0", "train.r1_weight=10"))
    losses = step_runner.step(1, batch()).losses
    assert {"l_d_r1", "l_d_r1_grad"} <= set(losses)
    assert float(losses["l_d_r1"]) > 0


def test_each_discriminator_counts_with_its_own_weight(options):
    task, _ = made(options("train.l1_init=0", "train.gan_weight=0.02", "train.gradient_gan_weight=0.5"))
    restored, target = batch(1)["hr"], batch(2)["hr"]
    found = task.weighted_generator_losses(restored, target)
    views = {"D": (0.02, restored, "l_g_gan"), "D_grad": (0.5, gradient_magnitude(restored, "full"), "l_g_gan_grad")}
    for key, (weight, image, name) in views.items():
        expected = weight * nn.functional.softplus(-task.networks[key](image)).mean()
        assert float(found[name].detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_the_gradient_penalty_is_half_the_squared_norm_times_its_weight(options):
    task, _ = made(options("train.l1_init=0", "train.r1_weight=10"))
    target, discriminator = batch(2)["hr"], task.networks["D"]
    found = task.weighted_discriminator_losses("D", discriminator, target, batch(1)["hr"], IterationCache())["l_d_r1"]
    squares = []
    for image in target:
        alone = image[None].clone().requires_grad_()
        discriminator(alone).sum().backward()
        assert alone.grad is not None
        squares.append(float(alone.grad.square().sum()))
    assert float(found.detach()) == pytest.approx(10 * sum(squares) / len(squares) / 2, rel=1e-5)


def test_crops_that_a_discriminator_cannot_take_are_told_before_the_first_step(options, monkeypatch):
    monkeypatch.setitem(NAMES["network"], "discriminator_vgg_128", "refsr.networks.discriminator:VGGDiscriminator")
    with pytest.raises(RefsrError, match="16"):
        TwinGAN(options("network_D.head=linear"))
    assert TwinGAN(options("network_D.head=pooled", "datasets.train.GT_size=32")).networks


def test_a_discriminator_without_weight_is_not_there(options):
    task, step_runner = made(options("train.l1_init=0", "train.gradient_gan_weight=0"))
    assert set(task.networks) == {"G", "D"}
    assert "l_g_gan_grad" not in step_runner.step(1, batch()).losses


def test_the_frozen_network_stays_as_it_is(options):
    task, step_runner = made(options("train.l1_init=0"))
    before = [one.clone() for one in task.frozen[0].parameters()]
    for step in (1, 2):
        step_runner.step(step, batch())
    assert all(map(torch.equal, before, task.frozen[0].parameters()))
    assert all(one.grad is None for one in task.frozen[0].parameters())


def test_stand_ins_for_the_perceptual_network_are_told(options, tmp_path, monkeypatch):
    assert "random" in TwinGAN(options()).notes[0]
    run = train(options("train.niter=1", "train.l1_init=0"), ALONE)
    assert "fixed random network" in (run.folder / "log.txt").read_text()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("REFSR_WEIGHTS", raising=False)
    with pytest.raises(DataError, match=r"perceptual network vgg19: vgg19-dcbb9e9d\.pth.*path\.perceptual_weights"):
        TwinGAN(options("train.feature_network=vgg19"))
    torch.save({"classifier.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(DataError, match=r"other\.pth: holds no weights of vgg19"):
        TwinGAN(options("train.feature_network=vgg19", f"path.perceptual_weights={tmp_path / 'other.pth'}"))


@pytest.mark.parametrize("stop", [2, 4])
def test_a_run_goes_on_in_either_stage(options, stop, monkeypatch):
    """Three networks and three optimisers, bit for bit."""
    whole = train(options("name=whole"), ALONE).folder / "checkpoints" / "6"
    original = StepRunner.step

    def stepping(self, at, batch):
        if at == stop:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, at, batch)

    with monkeypatch.context() as patch:
        patch.setattr(StepRunner, "step", stepping)
        first = train(options(), ALONE)
    parts = train(options("path.auto_resume=true"), ALONE).folder / "checkpoints" / "6"
    assert first.step == stop
    one, other = read_checkpoint(whole), read_checkpoint(parts)
    assert set(one.weights) == set(one.optimisers) == {"G", "D", "D_grad"}
    for mine, theirs in ((one.weights, other.weights), (one.optimisers, other.optimisers)):
        for key in mine:
            assert mine[key].keys() == theirs[key].keys()
            assert all(torch.equal(mine[key][name], theirs[key][name]) for name in mine[key]), key


@pytest.mark.parametrize(("network", "terms"), [("G", ["l_g_pix"]), ("D", ["l_d_real"]), ("D_grad", ["l_d_real_grad"])])
def test_no_step_is_taken_where_a_network_is_not_finite(options, network, terms, monkeypatch):
    """Whoever breaks keeps its weights, and so do those whose turn is after it."""
    task, step_runner = made(options("train.l1_init=0"))
    order = ["G", "D", "D_grad"]
    whole = type(task.networks[network]).forward
    broken = task.networks[network]

    def forward(self, *given):
        result = whole(self, *given)
        # A discriminator breaks only in its own step, not already in that of the network that it discriminates.
        own = all(one.requires_grad for one in self.parameters())
        return result * (float("nan") if self is broken and own else 1)

    monkeypatch.setattr(type(broken), "forward", forward)
    before = state(task)
    with pytest.raises(NotFiniteError) as caught:
        step_runner.step(1, batch())
    assert caught.value.network == network
    assert set(terms) <= set(caught.value.terms)
    assert moved(before, task) == set(order[: order.index(network)])


def test_a_sign_that_holds_is_in_the_log_and_among_the_notes_of_reports(options, monkeypatch):
    monkeypatch.setattr("refsr.tasks.gan_instability.DRIFTED", -1.0)
    run = train(options("train.niter=11", "train.l1_init=11", "logger.save_checkpoint_freq=11"), ALONE)
    told = [line for line in (run.folder / "log.txt").read_text().splitlines() if "G drifts" in line]
    assert len(told) == 1
    assert "iteration 10: G drifts: " in told[0]
    events = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    assert [one["step"] for one in events if one["kind"] == "note" and "G drifts" in one["text"]] == [10]


@pytest.mark.parametrize(("padding", "gradients"), [(2, 18), (1, 16)])
def test_the_discriminator_of_gradients_is_asked_for_the_size_with_padding(options, monkeypatch, padding, gradients):
    asked = []
    monkeypatch.setattr(
        SmallDiscriminator, "require_size", lambda self, height, width: asked.append((height, width)), raising=False
    )
    TwinGAN(options(f"train.gradient_padding={padding}"))
    assert asked == [(16, 16), (gradients, gradients)]
