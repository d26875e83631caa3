"""Activation checkpointing: gradients are the same bits, and dense blocks are checkpointed separately."""

from __future__ import annotations

import copy

import torch
from torch import nn

from refsr.core.options.train import TrainOptions
from refsr.networks.blocks.drr import DenseRestoreResidual, ThreeBranchDenseBlock
from refsr.networks.blocks.gtem import GradientEnhancement
from refsr.runs.process_group import ALONE
from refsr.training.setup import checkpointed_modules, wrap_for_training


def held(network: nn.Module, x: torch.Tensor) -> tuple[int, list[torch.Tensor]]:
    """How many numbers the forward pass keeps for the backward one, and all gradients."""
    kept = 0

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = network(x)
    result.square().mean().backward()
    return kept, [one.grad for one in network.parameters()]


def test_dense_blocks_are_checkpointed_separately():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 3, 1), GradientEnhancement(3, 4, blocks=1), DenseRestoreResidual(3))
    thrifty = copy.deepcopy(plain)
    modules = checkpointed_modules(thrifty)
    assert [type(one) for one in modules] == [
        *(nn.Conv2d, GradientEnhancement, ThreeBranchDenseBlock, DenseRestoreResidual, ThreeBranchDenseBlock)
    ]
    wrapped = wrap_for_training(thrifty, TrainOptions(niter=1, activation_checkpointing=True), ALONE)
    x = torch.rand(2, 3, 16, 24)
    kept, expected = held(plain, x)
    kept_less, found = held(wrapped, x)
    assert kept_less < kept / 4
    assert all(one is not None for one in expected)
    assert all(map(torch.equal, found, expected))
