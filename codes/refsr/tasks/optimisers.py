"""Optimisers as the option section `train` configures them, one for each network."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Optimizer

from refsr.core.options.train import TrainOptions

KINDS: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def make_optimiser(letter: str, network: nn.Module, train: TrainOptions) -> Optimizer:
    """The optimiser of the network with this published letter: G, D or D_grad."""
    role = "G" if letter == "G" else "D"
    second = train.beta2_D_grad if letter == "D_grad" else getattr(train, f"beta2_{role}")
    return KINDS[train.optimiser](
        [parameter for parameter in network.parameters() if parameter.requires_grad],
        lr=getattr(train, f"lr_{role}"),
        betas=(getattr(train, f"beta1_{role}"), second),
        eps=train.epsilon,
        weight_decay=getattr(train, f"weight_decay_{role}"),
    )
