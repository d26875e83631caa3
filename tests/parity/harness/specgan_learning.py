"""Answers the parity cases of SpecGAN's losses, learning rates and training step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.run import Answers
from harness.specgan_layers import given, judge, published
from harness.specgan_networks import parted, specgan
from refsr.core.options.network import DiscriminatorOptions, GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.interop.weights.specgan import specgan_options
from refsr.interop.weights.stylegan2 import discriminator_options
from refsr.losses.adversarial import discriminator_losses, generator_loss
from refsr.losses.perceptual import perceptual_loss
from refsr.losses.pixel import Criterion, pixel_loss
from refsr.networks.backbones import Features, vgg16_43
from refsr.runs.process_group import ALONE
from refsr.tasks.latent.spectral_gan import SpectralGAN, Unsigned, rescale_back
from refsr.training.precision import Precision
from refsr.training.schedules import Schedule
from refsr.training.stepping import Stepper

VGG = "perceptual_loss.vgg.vgg_layers."
CRITERIA: Mapping[str, Criterion] = {"mse": "l2", "l1": "l1"}


def adversarial_losses(case: Case) -> Answers:
    """Logits of real and made images, and what each side makes of them."""
    config, inputs = case.config["gan_loss"], given(case)
    _require(config, {"gan_type": "vanilla", "real_label_val": 1, "fake_label_val": 0})
    network = judge(published(case), case)
    with torch.no_grad():
        real, fake = network(inputs["gt"]), network(inputs["fake"])
        on_real, on_fake = discriminator_losses("gan", real, fake)
        return {
            "logits_real": real,
            "logits_fake": fake,
            "loss_gan": config["loss_weight"] * generator_loss("gan", fake),
            "loss_d_real": on_real,
            "loss_d_fake": on_fake,
        }


def image_losses(case: Case) -> Answers:
    """The pixel and the perceptual loss of images in [-1, 1]."""
    config, inputs = case.config, given(case)
    features, perceptual = _features(published(case), config["perceptual_loss"]), config["perceptual_loss"]
    with torch.no_grad():
        distance = perceptual_loss(features, inputs["fake"], inputs["gt"], CRITERIA[perceptual["criterion"]])
        pixel = pixel_loss(inputs["fake"], inputs["gt"], "l2")
    return {
        "loss_pix": config["pixel_loss"]["loss_weight"] * pixel,
        "loss_perceptual": perceptual["perceptual_weight"] * distance,
    }


def learning_rates(case: Case) -> Answers:
    """The rate of both networks at each iteration, which the case counts from zero."""
    config = case.config
    train = TrainOptions(
        niter=config["total_iters"], lr_scheme="cosine", eta_min=config["min_lr"], lr_from_start=True, val_freq=0
    )
    schedule = Schedule.of(train)
    return {"lr": [[schedule.lr(at + 1, config["base_lr"])] * 2 for at in config["iterations"]]}


def one_step(case: Case) -> Answers:
    """The trainer's first step: every loss, and the image that was made before it."""
    config, state, inputs = case.config, published(case), given(case)
    network = specgan(case, state, config["generator"])
    image, spectra = parted(inputs["lq"], network.channels)
    options = _options(case, state)
    task = SpectralGAN(options)
    task.networks["G"].load_state_dict(network.state_dict())
    task.networks["D"].load_state_dict(judge(state, case).state_dict())
    # The range of these features is the case's own.
    super(SpectralGAN, task).look_with(_features(state, config["perceptual_loss"]))
    made: list[Tensor] = []
    task.networks["G"].register_forward_hook(lambda module, inputs, output: made.append(output.detach()))
    stepper = Stepper(task, task.networks, ALONE, Precision("fp32", ALONE.device), task.train)
    batch: dict[str, Any] = {"lr": image, "hsi": spectra, "hr": inputs["gt"]}
    batch = {name: rescale_back(member) for name, member in batch.items()}
    losses = stepper.step(1, {**batch, "name": [case.name] * len(image)}).losses
    names = {"loss_pix": "l_g_pix", "loss_perceptual": "l_g_fea", "loss_gan": "l_g_gan"}
    names |= {"loss_d_real": "l_d_real", "loss_d_fake": "l_d_fake"}
    return {"hr": made[0], **{theirs: losses[ours] for theirs, ours in names.items()}}


def _options(case: Case, state: Mapping[str, Tensor]) -> Options:
    """The case as an option file would say it; its inputs are in [-1, 1] already."""
    config = case.config
    _require(config["gan_loss"], {"gan_type": "vanilla", "real_label_val": 1, "fake_label_val": 0})
    generator = specgan_options(state, "full")
    return Options(
        name=case.name,
        model="SpecGAN_model",
        scale=generator["scale"],
        datasets={},
        network_G=GeneratorOptions(which_model_G="SpecGAN", **generator),
        network_D=DiscriminatorOptions(which_model_D="StyleGAN2Discriminator", **discriminator_options(state)),
        train=TrainOptions(
            niter=1,
            lr_G=1e-5,
            lr_D=1e-5,
            pixel_criterion="l2",
            pixel_weight=config["pixel_loss"]["loss_weight"],
            feature_weight=config["perceptual_loss"]["perceptual_weight"],
            feature_criterion=CRITERIA[config["perceptual_loss"]["criterion"]],
            feature_network="random",
            gan_weight=config["gan_loss"]["loss_weight"],
        ),
    )


def _features(state: Mapping[str, Tensor], config: Mapping[str, Any]) -> nn.Module:
    """VGG16 with the case's weights, for images in [-1, 1]."""
    _require(config, {"vgg_type": "vgg16", "style_weight": 0, "layer_weights": {"21": 1.0}})
    backbone = vgg16_43()
    backbone.take({key.removeprefix(VGG): one for key, one in state.items() if key.startswith(VGG)})
    features = Features(backbone)
    return Unsigned(features) if config["norm_img"] else features


def _require(config: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for key, value in wanted.items():
        if config.get(key, value) != value:
            raise NotCoveredError(f"{key} {config[key]}, not {value}")
