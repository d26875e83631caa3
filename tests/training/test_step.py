"""One iteration: parts add up to the whole batch, phases keep to their network, nothing that is not finite passes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from refsr.core.errors import RefsrError, UsageError
from refsr.core.options.train import TrainOptions
from refsr.networks.descriptor import Descriptor
from refsr.runs.model_file import read_tensors
from refsr.runs.process_group import ALONE
from refsr.tasks import regression
from refsr.tasks.base import Phase
from refsr.training.precision import Precision
from refsr.training.setup import set_up_training
from refsr.training.step import NotFiniteError, StepRunner


class TwoNetworks:
    """G and D that learn in turn, each from the other's output."""

    notes = ()
    frozen = ()
    specs: Mapping[str, Any] = {}

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.networks = {"G": nn.Linear(3, 3), "D": nn.Linear(3, 1)}
        self.optimisers = {key: torch.optim.SGD(network.parameters(), 0.1) for key, network in self.networks.items()}
        self.seen: list[tuple[str, bool, bool]] = []
        self.poison: str | None = None

    def phases(self, step: int):
        return (Phase("G", self._generator), Phase("D", self._discriminator))

    def _note(self, name: str) -> None:
        learns = [all(one.requires_grad for one in network.parameters()) for network in self.networks.values()]
        self.seen.append((name, *learns))

    def _generator(self, network, batch, cache):
        self._note("G")
        cache["made"] = network(batch["lr"])
        loss = self.networks["D"](cache["made"]).square().mean()
        cache["made"] = cache["made"].detach()
        cache.statistics["mean"] = cache["made"].mean()
        return {"l_g": loss * (float("nan") if self.poison == "loss" else 1)}

    def _discriminator(self, network, batch, cache):
        self._note("D")
        loss = (network(batch["lr"]) - network(cache["made"]) - 1).square().mean()
        if self.poison == "gradient":
            # The root of zero is zero, its slope is not finite.
            loss = loss + (network.weight * 0).sum().sqrt()
        return {"l_d": loss}

    restore = staticmethod(regression.single_pass)


def step_runner(task: TwoNetworks, **train: Any) -> StepRunner:
    settings = TrainOptions(niter=10, **train)
    return StepRunner(task, task.networks, ALONE, Precision(settings.precision, ALONE.device), settings)


def batch(size: int = 6) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    return {"name": [str(n) for n in range(size)], "lr": torch.randn(size, 3, generator=generator)}


def weights(task: TwoNetworks) -> list[Tensor]:
    return [one.detach().clone() for network in task.networks.values() for one in network.parameters()]


def test_only_the_phase_s_network_learns():
    task = TwoNetworks()
    result = step_runner(task).step(1, batch())
    assert task.seen == [("G", True, False), ("D", False, True)]
    assert set(result.losses) == {"l_g", "l_d"}
    assert set(result.statistics) == {"mean"}
    assert all(one.requires_grad for network in task.networks.values() for one in network.parameters())
    assert not [one for one in task.networks["G"].parameters() if one.grad is None]


@pytest.mark.parametrize("parts", [2, 3, 6])
def test_parts_add_up_to_the_whole_batch(parts):
    whole, cut = TwoNetworks(), TwoNetworks()
    first = step_runner(whole).step(1, batch())
    second = step_runner(cut, gradient_accumulation=parts).step(1, batch())
    for mine, theirs in zip(weights(cut), weights(whole), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-7)
    for name in first.losses:
        torch.testing.assert_close(first.losses[name], second.losses[name], rtol=1e-6, atol=0)
    torch.testing.assert_close(first.statistics, second.statistics, rtol=1e-5, atol=1e-7)


def test_gradients_are_cut_to_the_largest_norm():
    task = TwoNetworks()
    before = weights(task)
    norm = step_runner(task, clip_grad_norm=1e-3).step(1, batch()).norms["G"]
    assert norm > 1e-3
    moved = torch.cat([(a - b).flatten() for a, b in zip(weights(task), before, strict=True)][:2])
    assert float(moved.norm()) == pytest.approx(0.1 * 1e-3, rel=1e-3)


def test_the_rate_is_the_schedule_s_and_moments_are_forgotten():
    task = TwoNetworks()
    task.optimisers["G"] = torch.optim.Adam(task.networks["G"].parameters(), 0.1)
    taking = step_runner(
        task, lr_scheme="MultiStepLR", lr_steps=[2], lr_gamma=0.1, restarts=[3], clear_state=True, lr_G=0.1
    )
    for step in (1, 2, 3):
        taking.step(step, batch())
    assert task.optimisers["G"].param_groups[0]["lr"] == pytest.approx(0.01)
    assert task.optimisers["G"].state[task.networks["G"].weight]["step"] == 3
    taking.step(4, batch())
    assert task.optimisers["G"].state[task.networks["G"].weight]["step"] == 1


@pytest.mark.parametrize(("poison", "network", "terms"), [("loss", "G", ["l_g"]), ("gradient", "D", ["the gradient"])])
def test_what_is_not_finite_takes_no_step(poison, network, terms):
    task = TwoNetworks()
    taking = step_runner(task)
    task.poison = poison
    before = weights(task)
    with pytest.raises(NotFiniteError) as caught:
        taking.step(1, batch())
    assert (caught.value.network, caught.value.terms, caught.value.here) == (network, terms, True)
    after = weights(task)
    unmoved = slice(0, 2) if network == "G" else slice(2, 4)
    assert all(map(torch.equal, before[unmoved], after[unmoved]))


def test_a_step_may_be_skipped_instead():
    task = TwoNetworks()
    taking = step_runner(task, on_nonfinite="skip")
    task.poison = "loss"
    before = weights(task)
    result = taking.step(1, batch())
    assert result.skipped == ["G"]
    assert all(map(torch.equal, before[:2], weights(task)[:2]))
    assert not torch.equal(before[2], weights(task)[2])
    task.poison = None
    assert taking.step(2, batch()).skipped == []


def settle(taking: StepRunner) -> None:
    """The scale starts too high and comes down until nothing overflows."""
    for _ in range(20):
        if not taking.step(1, batch()).skipped:
            return
    raise AssertionError("the scale never came down")


def test_scaled_losses_give_the_same_step():
    """fp16 on a CPU: the scale is taken off before anything looks at the gradients."""
    plain, scaled = TwoNetworks(), TwoNetworks()
    step_runner(plain).step(1, batch())
    taking = step_runner(scaled, precision="fp16")
    settle(taking)
    scaled.networks["G"].load_state_dict(TwoNetworks().networks["G"].state_dict())
    scaled.networks["D"].load_state_dict(TwoNetworks().networks["D"].state_dict())
    assert taking.step(1, batch()).skipped == []
    for mine, theirs in zip(weights(scaled), weights(plain), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=2e-2, atol=2e-3)


def test_overflowing_scaled_losses_lower_the_scale():
    task = TwoNetworks()
    taking = step_runner(task, precision="fp16")
    settle(taking)
    before = taking.precision.scaler.get_scale()
    task.poison = "gradient"
    assert taking.step(1, batch()).skipped == ["D"]
    assert taking.precision.scaler.get_scale() < before


def test_a_run_that_is_not_finite_leaves_the_batch_and_the_options(trained, monkeypatch):
    original = regression.reconstruction_losses

    def poisoned(train, restored, target):
        losses = original(train, restored, target)
        return {name: loss * float("inf") for name, loss in losses.items()}

    monkeypatch.setattr(regression, "reconstruction_losses", poisoned)
    with pytest.raises(RefsrError, match="iteration 1: l_g_pix and l_g_pix_grad of network G not finite") as caught:
        trained()
    (folder,) = [word.rstrip(",.") for word in str(caught.value).split() if "nonfinite_1" in word]
    tensors, header = read_tensors(f"{folder}/batch_process0.safetensors")
    assert tensors["lr"].shape == (4, 3, 4, 4)
    assert header["step"] == "1"
    assert json.loads(Path(folder, "step_process0.json").read_text())["terms"] == ["l_g_pix", "l_g_pix_grad"]
    assert "lr_G" in Path(folder, "options.yml").read_text()


def losses(options, *words: str) -> dict[str, float]:
    setup = set_up_training(options(*words), ALONE)
    generator = torch.Generator().manual_seed(0)
    sizes = {"lr": 4, "lr_up": 16, "ref": 16, "ref_down": 16, "hr": 16}
    given: dict[str, Any] = {name: torch.rand(2, 3, side, side, generator=generator) for name, side in sizes.items()}
    if setup.train.channels_last:
        given = {name: one.contiguous(memory_format=torch.channels_last) for name, one in given.items()}
    given["name"] = ["a", "b"]
    taking = StepRunner(setup.task, setup.wrapped, ALONE, setup.precision, setup.train)
    found = {f"{step}{name}": float(one) for step in (1, 2) for name, one in taking.step(step, given).losses.items()}
    return found | {"norm": float(taking.step(3, given).norms["G"])}


@pytest.mark.parametrize(
    ("word", "tolerance"),
    [
        ("train.activation_checkpointing=true", 1e-6),
        ("train.channels_last=true", 1e-3),
        ("train.precision=bf16", 0.1),
        ("train.deterministic=true", 1e-6),
    ],
)
def test_ways_to_save_time_and_memory_learn_the_same(options, word, tolerance):
    try:
        expected, found = losses(options), losses(options, word)
    finally:
        torch.use_deterministic_algorithms(False)
    assert found == pytest.approx(expected, rel=tolerance)


def test_a_format_that_the_network_cannot_take_is_refused():
    descriptor = Descriptor(scale=4, channels=3, inputs=("lr",), safe_dtypes=(torch.float32,))
    with pytest.raises(UsageError, match=r"train\.precision: X is not safe in bf16; fp32 are"):
        Precision("bf16", ALONE.device).require_safe(descriptor, "X")
