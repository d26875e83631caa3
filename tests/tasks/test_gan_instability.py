"""Instabilities of training on constructed cases: a discriminator that wins, one that learns nothing, flat images."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from refsr.losses.adversarial import discriminator_losses
from refsr.tasks.gan_instability import (
    discriminator_instabilities,
    image_instabilities,
    image_statistics,
    loss_at_chance,
)
from refsr.tasks.instability import HISTORY, WINDOW, InstabilityMonitor

KINDS = ["gan", "ragan", "lsgan", "hinge"]


def numbers(kind: str, real: torch.Tensor, fake: torch.Tensor) -> dict[str, float]:
    terms = discriminator_losses(kind, real, fake)
    return {f"l_d_{name}": float(term.detach()) for name, term in zip(("real", "fake"), terms, strict=True)}


def told(monitor: InstabilityMonitor, seen: list[dict[str, float]]) -> list[str]:
    return [line for one in seen for line in monitor.update(one, {})]


@pytest.mark.parametrize("kind", KINDS)
def test_chance_is_the_least_that_one_score_for_all_costs(kind):
    scores = torch.linspace(-2, 2, 401)
    costs = [float(sum(discriminator_losses(kind, *[torch.full((2, 1), float(s))] * 2))) for s in scores]
    assert loss_at_chance(kind) == pytest.approx(min(costs), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_discriminator_that_wins_trivially_is_told_once_and_so_is_the_end(kind):
    """Targets are white and restored images black: one weight tells them apart."""
    torch.manual_seed(0)
    discriminator = nn.Linear(4, 1)
    optimiser = torch.optim.Adam(discriminator.parameters(), 0.1)
    monitor = InstabilityMonitor(discriminator_instabilities(["D"], kind), ["D"])
    seen = []
    for _ in range(200):
        real, fake = discriminator(torch.ones(2, 4)), discriminator(torch.zeros(2, 4))
        optimiser.zero_grad()
        sum(discriminator_losses(kind, real, fake)).backward()
        optimiser.step()
        seen.append(numbers(kind, real, fake))
    (line,) = told(monitor, seen)
    assert line.startswith("D saturated: ")
    assert "lr_D" in line
    healthy = {"l_d_real": 0.4 * loss_at_chance(kind), "l_d_fake": 0.4 * loss_at_chance(kind)}
    assert told(monitor, [healthy] * WINDOW * 2) == ["D saturated: over"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_discriminator_that_scores_all_alike_is_blind(kind):
    same = torch.full((2, 1), 0.5 if kind == "lsgan" else 0.0)
    monitor = InstabilityMonitor(discriminator_instabilities(["D", "D_grad"], kind), [])
    seen = [{f"{name}_grad": value for name, value in numbers(kind, same, same).items()}] * 40
    (line,) = told(monitor, seen)
    assert line.startswith("D_grad blind: ")


def test_nothing_is_said_of_a_sound_run_or_of_single_iterations():
    monitor = InstabilityMonitor((*discriminator_instabilities(["D"], "gan"), *image_instabilities()), ["G"])
    sound = {"l_d_real": 0.5, "l_d_fake": 0.5, "contrast": 0.9, "drift": 0.01}
    bad = {"l_d_real": 0.0, "l_d_fake": 0.0, "contrast": 0.0, "drift": 0.5}
    assert told(monitor, ([bad] * (WINDOW - 1) + [sound]) * 5) == []
    assert told(monitor, [{}] * 50) == []


def test_it_is_over_when_half_of_the_last_iterations_no_longer_show_it():
    monitor = InstabilityMonitor(image_instabilities(), [])
    bad, sound = {"contrast": 0.0}, {"contrast": 1.0}
    assert len(told(monitor, [bad] * WINDOW)) == 1
    assert told(monitor, [sound] * (WINDOW // 2 - 1)) == []
    assert told(monitor, [sound]) == ["G collapsed: over"]


def test_constant_images_are_a_collapse_and_wrong_colours_a_drift():
    target = torch.rand(2, 3, 16, 16)
    constant = target.mean(dim=(2, 3), keepdim=True).expand_as(target)
    cases = {"G collapsed": constant, "G drifts": target + 0.2}
    for name, restored in cases.items():
        seen = {key: float(value) for key, value in image_statistics(restored, target).items()}
        (line,) = told(InstabilityMonitor(image_instabilities(), []), [seen] * 30)
        assert line.startswith(f"{name}: ")
    flat = torch.full((1, 3, 8, 8), 0.5)
    assert float(image_statistics(flat, flat)["contrast"]) == 1
    assert float(image_statistics(target, target)["drift"]) == 0


def test_a_gradient_that_blows_up_is_measured_against_the_usual_one():
    monitor = InstabilityMonitor((), ["G"])

    def look(norm: float, times: int) -> list[str]:
        return [line for _ in range(times) for line in monitor.update({}, {"G": norm})]

    assert look(2.0, 30) == []
    assert look(150.0, WINDOW * 3) == []  # Steep, but not a hundred times; it is the usual one from now on.
    monitor = InstabilityMonitor((), ["G"])
    assert look(2.0, 30) == []
    (line,) = look(300.0, HISTORY + WINDOW)
    assert line.startswith("gradient of G blown up: ")
    assert look(math.inf, 5) == []
    assert look(2.0, WINDOW) == ["gradient of G blown up: over"]
