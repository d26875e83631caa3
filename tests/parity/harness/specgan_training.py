"""Answers for SpecGAN's losses and training step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.modules import Options as CaseOptions
from harness.modules import require_options, step_runner_of
from harness.run import Answer, Answers
from harness.specgan_networks import parted, specgan_of
from harness.stylegan2 import discriminator_of, published
from refsr.core.options.network import DiscriminatorOptions, GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.interop.weights.specgan import specgan_options
from refsr.interop.weights.stylegan2 import DISCRIMINATOR_FIRST, discriminator_options
from refsr.losses.adversarial import discriminator_losses, generator_loss
from refsr.losses.perceptual import perceptual_loss
from refsr.losses.pixel import Criterion, pixel_loss
from refsr.networks.backbones import Backbone, Features, vgg16, vgg19_54
from refsr.tasks.latent.spectral_gan import FeaturesOfSignedImages, SpectralGAN, to_unit_range

VGG = "perceptual_loss.vgg.vgg_layers."
BACKBONES = {"vgg16": vgg16, "vgg19": vgg19_54}
CRITERIA: Mapping[str, Criterion] = {"mse": "l2", "l1": "l1", "MSELoss": "l2", "L1Loss": "l1"}

VANILLA = {"gan_type": "vanilla", "real_label_val": 1, "fake_label_val": 0}


def adversarial_losses(case: Case) -> Answers:
    """Logits of real and made images, and what each side makes of them."""
    config, network = case.config["gan_loss"], discriminator_of(case)
    require_options(config, VANILLA)
    with torch.no_grad():
        logits = {name: network(image) for name, image in case.given().items()}
    answers: dict[str, Answer] = {}
    if "gt" in logits:
        answers |= {"logits_real": logits["gt"], "loss_d_real": _on_discriminator(logits["gt"], 0)}
    if "fake" in logits:
        answers |= {"logits_fake": logits["fake"], "loss_d_fake": _on_discriminator(logits["fake"], 1)}
        answers["loss_gan"] = config.get("loss_weight", 1.0) * generator_loss("gan", logits["fake"])
    return answers


def _on_discriminator(logits: Tensor, which: int) -> Tensor:
    """The discriminator's loss if these are the logits of real (0) or made (1) images."""
    return discriminator_losses("gan", logits, logits)[which]


def image_losses(case: Case) -> Answers:
    """The pixel and the perceptual loss of images in [-1, 1]."""
    config, given = case.config, case.given()
    pixel, perceptual = config.get("pixel_loss", {}), config.get("perceptual_loss", {})
    answers: dict[str, Answer] = {}
    with torch.no_grad():
        if pixel:
            distance = pixel_loss(given["fake"], given["gt"], _pixel_criterion(pixel))
            answers["loss_pix"] = pixel.get("loss_weight", 1.0) * distance
        if perceptual:
            criterion = CRITERIA[perceptual.get("criterion", "l1")]
            distances = [
                weight * perceptual_loss(features, given["fake"], given["gt"], criterion)
                for features, weight in _features(case, perceptual)
            ]
            answers["loss_perceptual"] = perceptual.get("perceptual_weight", 1.0) * torch.stack(distances).sum()
    return answers


def one_step(case: Case) -> Answers:
    """The trainer's first step: every loss, and the image that was made before it."""
    config, given = case.config, case.given()
    network = specgan_of(case, config["generator"])
    image, spectra = parted(given["lq"], network.channels)
    options, weights = _options(case)
    task = SpectralGAN(options)
    task.networks["G"].load_state_dict(network.state_dict())
    if "D" in task.networks:
        task.networks["D"].load_state_dict(discriminator_of(case).state_dict())
    if weights["l_g_fea"]:
        # The range of these features is the case's own.
        super(SpectralGAN, task).use_feature_network(_features(case, config["perceptual_loss"])[0][0])
    made: list[Tensor] = []
    task.networks["G"].register_forward_hook(lambda module, inputs, output: made.append(output.detach()))
    step_runner = step_runner_of(task)
    batch: dict[str, Any] = {"lr": image, "hsi": spectra, "hr": given["gt"]}
    batch = {name: to_unit_range(member) for name, member in batch.items()}
    losses = step_runner.step(1, {**batch, "name": [case.name] * len(image)}).losses
    names = {"loss_pix": "l_g_pix", "loss_perceptual": "l_g_fea", "loss_gan": "l_g_gan"}
    names |= {"loss_d_real": "l_d_real", "loss_d_fake": "l_d_fake"}
    found = {theirs: losses[ours] for theirs, ours in names.items() if ours in losses}
    return {"hr": made[0], **found, **{name: 0 * one for name, one in found.items() if weights.get(names[name]) == 0}}


def _options(case: Case) -> tuple[Options, dict[str, float]]:
    """The case as an option file would say it, and the weight of each of the generator's terms.

    A discriminator whose loss weighs nothing for the generator is trained all the same.
    """
    config, state = case.config, published(case)
    pixel, perceptual, gan = (config.get(f"{kind}_loss") or {} for kind in ("pixel", "perceptual", "gan"))
    require_options(gan, VANILLA)
    adversarial = any(key.endswith(DISCRIMINATOR_FIRST) for key in state) and bool(gan)
    weights = {
        "l_g_pix": pixel.get("loss_weight", 1.0) if pixel else 0.0,
        "l_g_fea": perceptual.get("perceptual_weight", 1.0) * _only_weight(perceptual) if perceptual else 0.0,
        "l_g_gan": gan.get("loss_weight", 1.0) if adversarial else 0.0,
    }
    generator = specgan_options(state, "full")
    train = TrainOptions(
        niter=1,
        lr_G=1e-5,
        lr_D=1e-5,
        pixel_criterion=_pixel_criterion(pixel),
        pixel_weight=weights["l_g_pix"],
        feature_weight=weights["l_g_fea"],
        feature_criterion=CRITERIA[perceptual.get("criterion", "l1")],
        feature_network="random",
        gan_weight=(weights["l_g_gan"] or 1.0) if adversarial else 0.0,
    )
    options = Options(
        name=case.name,
        model="SpecGAN_model",
        scale=generator["scale"],
        datasets={},
        network_G=GeneratorOptions(which_model_G="SpecGAN", **generator),
        network_D=DiscriminatorOptions(
            which_model_D="StyleGAN2Discriminator", **(discriminator_options(state) if adversarial else {})
        ),
        train=train,
    )
    return options, weights


def _features(case: Case, config: CaseOptions) -> list[tuple[nn.Module, float]]:
    """VGG with the case's weights up to each layer that counts, for images in [-1, 1], and how much that counts."""
    kind, state = config.get("vgg_type", "vgg19"), case.weights(VGG)
    if kind not in BACKBONES:
        raise NotCoveredError(f"vgg_type {kind!r} is none of {', '.join(BACKBONES)}")
    found: list[tuple[nn.Module, float]] = []
    for layer, weight in config["layer_weights"].items():
        backbone = Backbone(list(BACKBONES[kind]().layers), (int(layer),))
        backbone.load_features(state)
        features = Features(backbone)
        found.append((FeaturesOfSignedImages(features) if config.get("norm_img", True) else features, float(weight)))
    return found


def _only_weight(config: CaseOptions) -> float:
    if len(config["layer_weights"]) != 1:
        raise NotCoveredError("a training step that compares features of several layers")
    return float(*config["layer_weights"].values())


def _pixel_criterion(config: CaseOptions) -> Criterion:
    require_options(config, {"reduction": "mean"})
    return CRITERIA[config.get("type", "MSELoss")]
