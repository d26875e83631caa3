"""Answers the parity cases of the perceptual network."""

from __future__ import annotations

import torch

from harness.case import Case
from harness.run import Answers
from refsr.networks.backbones import Features, features_of, vgg19_54


def perceptual_network(tensors: dict[str, torch.Tensor]) -> Features:
    """VGG19 up to conv5_4 with these tensors under torchvision's keys."""
    backbone = vgg19_54()
    backbone.take(features_of(tensors))
    return Features(backbone)


def vgg_features(case: Case) -> Answers:
    """Each module's features of its image."""
    state = {key: torch.from_numpy(array) for key, array in case.state().items()}
    answers = {}
    for name in case.config["modules"]:
        own = {key.removeprefix(f"{name}."): one for key, one in state.items() if key.startswith(f"{name}.")}
        image = torch.from_numpy(case.inputs()[f"{name}_x"])
        with torch.no_grad():
            answers[name] = perceptual_network(own or state)(image)
    return answers
