"""The frozen network of the perceptual loss: which one, from which file, and the notes that reports repeat."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from refsr.core.errors import DataError
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.core.seeding import torch_generator
from refsr.metrics.weight_files import find, how_to_get, read, read_state
from refsr.networks.backbones import (
    Backbone,
    Features,
    features_of,
    shift_tolerant_layers,
    shift_tolerant_vgg16_53,
    vgg16_43,
    vgg19_54,
)

FILES = {"vgg19": "vgg19", "vgg16": "vgg16", "vgg16-st": "st-lpips-vgg"}
"""The weight file of each kind, by its name in the table of weight files."""


def perceptual_network(options: Options, train: TrainOptions) -> tuple[Features, list[str]]:
    """The network of `train.feature_network`, and notes for logs and reports."""
    kind = train.feature_network
    if kind == "random":
        return Features(_random_vgg19(options.run_seed)), [
            "the perceptual loss uses a fixed random network (train.feature_network: random), not a trained one"
        ]
    given = options.path.perceptual_weights
    file = given if given is not None and not given.is_dir() else find(FILES[kind], given)
    if file is None:
        raise DataError(
            f"train.feature_weight {train.feature_weight:g} needs the perceptual network {kind}: "
            f"{how_to_get(FILES[kind], option='path.perceptual_weights')}. "
            f"train.feature_network: vgg16-st or random works without {kind.upper()}"
        )
    return Features(_pretrained(kind, file, file == given)), _notes(kind, file)


def _pretrained(kind: str, file: Path, given: bool) -> Backbone:
    # A file that the options name may hold any weights of that network; one that was found must be the known one.
    state = read_state(file) if given else read(FILES[kind], file)
    backbone, layers = (
        (shift_tolerant_vgg16_53(), shift_tolerant_layers(state))
        if kind == "vgg16-st"
        else ({"vgg16": vgg16_43, "vgg19": vgg19_54}[kind](), features_of(state))
    )
    try:
        backbone.load_features(layers)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise DataError(f"{file}: holds no weights of {kind}: {first}") from error
    return backbone


def _notes(kind: str, file: Path) -> list[str]:
    if kind != "vgg16-st":
        return []
    return [f"the perceptual loss uses {kind} ({file.name}), not VGG19 as published"]


def _random_vgg19(seed: int) -> Backbone:
    """VGG19's layers with random weights that preserve the activations' variance."""
    backbone, generator = vgg19_54(), torch_generator(seed, "features")
    for layer in backbone.layers:
        if isinstance(layer, nn.Conv2d):
            with torch.no_grad():
                layer.weight.normal_(0, (2 / layer.weight[0].numel()) ** 0.5, generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()
    return backbone
